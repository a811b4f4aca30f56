"""Reads from the outcomes topic which jobs have ended, until now and from now on."""

import asyncio
import json
from collections.abc import AsyncGenerator, Sequence

import structlog
from aiokafka import TopicPartition
from aiokafka import errors as kafka_errors

from pipeline.kafka.client_options import ClientOptions
from pipeline.kafka.topic_reader import TopicReader

READ_RECORDS = 5000
TRY_AGAIN_SECONDS = 0.5
REMEMBERED = 200_000
"""Most ids kept, the newest ones; a job with an older outcome is asked for once more."""

log = structlog.get_logger(__name__)


class KafkaOutcomeReader:
    """An outcome has the partition number of its job: same key, same partitioner, same count."""

    def __init__(self, client_options: ClientOptions, topic: str) -> None:
        self._client_options = client_options
        self._topic = topic

    async def ended(self, partition: int, since_ms: int) -> frozenset[str]:
        """Return the ids of jobs of this partition with an outcome at or after this time."""
        while True:
            try:
                async with self._reader() as reader:
                    return await _ended(reader, TopicPartition(self._topic, partition), since_ms)
            except kafka_errors.KafkaError as error:
                log.warning("outcomes not read", error=type(error).__name__)
                await asyncio.sleep(TRY_AGAIN_SECONDS)

    async def follow(self, partition: int) -> AsyncGenerator[Sequence[str], None]:
        """Yield ids as their outcomes are written; wait for a broker that is away."""
        tp = TopicPartition(self._topic, partition)
        position: int | None = None
        while True:
            try:
                async with self._reader() as reader:
                    if position is None:
                        position = (await reader.named_ends([tp]))[tp]
                    yield ()
                    while True:
                        found = await reader.stretch(tp, position)
                        position = found.end
                        if found.records:
                            yield [_job_id(record.key, record.value) for record in found.records]
            except kafka_errors.OffsetOutOfRangeError:
                # Retention deleted unread outcomes; they are older than any job that is followed.
                position = None
            except kafka_errors.KafkaError as error:
                log.warning("outcomes not followed", error=type(error).__name__)
                await asyncio.sleep(TRY_AGAIN_SECONDS)

    def _reader(self) -> TopicReader:
        return TopicReader(self._client_options, committed_only=False)


async def _ended(reader: TopicReader, tp: TopicPartition, since_ms: int) -> frozenset[str]:
    """Read to the end that came with the last fetch: a broker may name a lower end."""
    ended: dict[str, None] = {}
    position = (await reader.since([tp], since_ms)).get(tp)
    try:
        while position is not None and ((end := reader.end(tp)) is None or position < end):
            found = await reader.stretch(tp, position, READ_RECORDS)
            position = found.end
            for record in found.records:
                ended[_job_id(record.key, record.value)] = None
                if len(ended) > REMEMBERED:
                    del ended[next(iter(ended))]
    except kafka_errors.OffsetOutOfRangeError:
        pass  # retention deleted all of it meanwhile
    return frozenset(ended)


def _job_id(key: bytes | None, value: bytes | None) -> str:
    """Return the job's id of an outcome; an empty string for a foreign message."""
    if key is not None:
        return key.decode(errors="replace")
    try:
        stored = json.loads(value or b"{}")
    except (ValueError, RecursionError):
        return ""
    return str(stored.get("job_id", "")) if isinstance(stored, dict) else ""
