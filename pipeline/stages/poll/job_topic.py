"""What poll writes to its own topic and about it: jobs that go on waiting, and what is no job."""

from pipeline.domain.job import Job
from pipeline.domain.message import Message
from pipeline.stages.dead_letters import DeadLetters
from pipeline.stages.ports import Lease, MessageWriter, Record


class JobTopic:
    """The topic of jobs, for all of its partitions."""

    def __init__(self, *, topic: str, message_writer: MessageWriter, letters: DeadLetters) -> None:
        self.topic = topic
        self._message_writer = message_writer
        self._letters = letters

    async def write_again(self, job: Job) -> None:
        """Return once the job stands at the end of its partition, whose key it keeps."""
        value = job.carry_over(job.polls).encode()
        await self._message_writer.write([Message(self.topic, job.job_id.encode(), value, ())])

    async def write_as_it_is(self, record: Record) -> None:
        """Return once a message that this version cannot read stands at the end, byte for byte."""
        message = Message(self.topic, record.key, record.value, record.headers)
        await self._message_writer.write([message])

    async def reject(self, lease: Lease, record: Record, detail: str) -> None:
        """Return once the dead letter of a message that is no job is durable."""
        letter = self._letters.letter(lease, record, "malformed", detail)
        await self._message_writer.write([letter])
        self._letters.written("malformed")
