"""Checks whether ingest has carried all events that upstream had written when we began."""

from collections.abc import Mapping, Sequence

import structlog
from aiokafka import TopicPartition
from aiokafka import errors as kafka_errors

from pipeline.kafka.client_options import ClientOptions
from pipeline.kafka.cluster import ClusterTrouble
from pipeline.kafka.topic_reader import TopicReader, reading

PATIENCE_SECONDS = 10.0

log = structlog.get_logger(__name__)


class IngestBacklog:
    """Remembers the ends of the sources at the first question; once worked off, it stays so."""

    def __init__(
        self, client_options: ClientOptions, *, group: str, sources: Sequence[str]
    ) -> None:
        self._client_options = client_options
        self._group = group
        self._sources = sources
        self._ends: Mapping[TopicPartition, int] | None = None
        self._is_worked_off = not sources

    async def is_worked_off(self) -> bool:
        """Whether all events are carried; False also while the brokers do not say."""
        if not self._is_worked_off:
            try:
                self._is_worked_off = await self._look()
            except (ClusterTrouble, kafka_errors.KafkaError) as error:
                log.warning("backlog of ingest not known yet", error=type(error).__name__)
        return self._is_worked_off

    async def _look(self) -> bool:
        async with reading(
            self._client_options, committed_only=True, patience=PATIENCE_SECONDS
        ) as reader:
            partitions = reader.partitions(*self._sources)
            if self._ends is None:
                self._ends = await reader.named_ends(partitions)
            oldest = await reader.oldest(partitions)
            committed = await reader.committed(self._group, partitions)
            for tp, end in self._ends.items():
                start = max(oldest.get(tp, 0), committed[tp].offset if tp in committed else 0)
                if start < end and await _has_record(reader, tp, start, end):
                    return False
        return True


async def _has_record(reader: TopicReader, tp: TopicPartition, start: int, end: int) -> bool:
    """Whether there is a record to carry; markers of transactions and aborted records are none.

    Ingest never sees the offsets behind its last record, so it does not commit them.
    """
    while start < end:
        stretch = await reader.stretch(tp, start, 1)
        if stretch.records:
            return stretch.records[0].offset < end
        if stretch.end == start:
            # The brokers give no answer now: look again later.
            return True
        start = stretch.end
    return False
