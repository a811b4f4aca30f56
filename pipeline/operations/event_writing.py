"""Writes events to a source topic, as an upstream would."""

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from itertools import islice

from pipeline.configuration.model import Settings
from pipeline.domain.message import Message
from pipeline.kafka.cluster import ClusterTrouble, admin_client
from pipeline.kafka.message_writer import KafkaMessageWriter
from pipeline.kafka.topics import Topics
from pipeline.operations.cluster_setup import client_options
from pipeline.operations.event_reading import ReadEvent
from pipeline.operations.producing import shared_producer, writing_to
from pipeline.operations.trouble import OperationFailed, UsageRefused
from pipeline.settings.problems import suggestion

BATCH = 500


def source_topic(settings: Settings, topic: str | None) -> str:
    """The source topic to write to; `topic` may be None if there is only one.

    Raises:
        UsageRefused: there are several, or the configuration has no such topic.
    """
    topics = [source.topic for source in settings.sources]
    if topic is None and len(topics) == 1:
        return topics[0]
    if topic is None:
        known = ", ".join(topics) or "none: add one under `sources`"
        raise UsageRefused(f"--topic: which one? There are {known}")
    if topic not in topics:
        raise UsageRefused(f"--topic: no source {topic!r}; {suggestion(topic, topics)}")
    return topic


async def write_events(settings: Settings, topic: str, events: Iterable[ReadEvent]) -> int:
    """Write events and return their number once all are durable; raises as `EventWriter.write`."""
    patience = settings.kafka.answer_seconds()
    async with event_writer(settings, topic, patience) as writer:
        return await writer.write(events)


@asynccontextmanager
async def event_writer(
    settings: Settings, topic: str, patience: float | None
) -> AsyncIterator["EventWriter"]:
    """A writer to this topic; waits `patience` seconds for the cluster, or for ever with None.

    Raises:
        ClusterTrouble: the cluster cannot be reached, or the topic does not exist.
    """
    kafka = settings.kafka
    async with admin_client(client_options(kafka), patience) as admin:
        existing = await Topics(admin, None).partitions()
    if topic not in existing:
        raise ClusterTrouble(
            f"topic {topic} does not exist at {kafka.bootstrap_servers}: create it"
        )
    async with shared_producer(kafka, patience) as producers:
        yield EventWriter(KafkaMessageWriter(producers), topic)


class EventWriter:
    """Writes events to one topic, in their order."""

    def __init__(self, writer: KafkaMessageWriter, topic: str) -> None:
        self._writer = writer
        self._topic = topic

    async def write(self, events: Iterable[ReadEvent]) -> int:
        """Write events and return their number once all are durable.

        Raises:
            OperationFailed: an event cannot be read; the message says how many were written.
            ClusterTrouble: the brokers do not accept them.
        """
        written = 0
        source = iter(events)
        while True:
            batch, trouble = _batch(self._topic, source)
            async with writing_to(self._topic):
                await self._writer.write(batch)
            written += len(batch)
            if trouble is not None:
                raise OperationFailed(f"{trouble}; {written} events before it are written")
            if len(batch) < BATCH:
                return written


def _batch(
    topic: str, source: Iterator[ReadEvent]
) -> tuple[Sequence[Message], OperationFailed | None]:
    """The next messages, and the error that ended reading, or None."""
    batch: list[Message] = []
    try:
        batch.extend(Message(topic, one.key, one.value, ()) for one in islice(source, BATCH))
    except OperationFailed as error:
        return batch, error
    return batch, None
