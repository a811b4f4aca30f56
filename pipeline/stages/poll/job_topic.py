"""Writes jobs again to their topic, and dead letters for messages in it that are no jobs."""

from pipeline.domain.job import Job
from pipeline.domain.message import Message
from pipeline.stages.dead_letters import DeadLetters
from pipeline.stages.ports import Lease, MessageWriter, Record


class JobTopic:
    """The topic of jobs, with all its partitions."""

    def __init__(self, *, topic: str, message_writer: MessageWriter, letters: DeadLetters) -> None:
        self.topic = topic
        self._message_writer = message_writer
        self._letters = letters

    async def write_again(self, job: Job) -> None:
        """Write the job to the end of its partition, under its key; return once that is durable."""
        value = job.carry_over(job.polls).encode()
        await self._message_writer.write([Message(self.topic, job.job_id.encode(), value, ())])

    async def write_as_it_is(self, record: Record) -> None:
        """Write a message that this version cannot read to the end of its partition, unchanged."""
        message = Message(self.topic, record.key, record.value, record.headers)
        await self._message_writer.write([message])

    async def reject(self, lease: Lease, record: Record, detail: str) -> None:
        """Write a dead letter for a message that is no job; return once it is durable."""
        letter = self._letters.letter(lease, record, "malformed", detail)
        await self._message_writer.write([letter])
        self._letters.written("malformed")
