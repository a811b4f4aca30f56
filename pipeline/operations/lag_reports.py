"""Reports the lag of partitions that this process does not own, so that none is without a report.

The owner of a partition reports its lag. If a whole stage is down, nobody owns its partitions, and
no chart would show the records that wait. So every process reports the partitions of others too.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Protocol

import structlog
from aiokafka import TopicPartition

from pipeline.configuration.model import Settings
from pipeline.configuration.routing import lanes, snapshot_destinations
from pipeline.domain.names import Names
from pipeline.kafka.group_lag import LagUnknown
from pipeline.telemetry.facts import KafkaTelemetry

REPORT_SECONDS = 30.0

log = structlog.get_logger(__name__)


class LagReader(Protocol):
    """Reads from the brokers how far groups are behind."""

    async def lags(self, apart_from: Collection[TopicPartition]) -> Mapping[TopicPartition, int]:
        """The lag of every partition not in `apart_from`; raises LagUnknown without an answer."""

    async def close(self) -> None: ...


class LagReports:
    """Follows the lag of partitions that other processes own, or none."""

    def __init__(
        self,
        *,
        reader: LagReader,
        owned: Callable[[], Collection[TopicPartition]],
        telemetry: KafkaTelemetry,
        brokers: str,
    ) -> None:
        """`brokers` are the addresses, for the message that they do not answer."""
        self._reader = reader
        self._owned = owned
        self._telemetry = telemetry
        self._brokers = brokers
        self.trouble: str | None = None
        """Why the latest attempt failed; None if it succeeded."""
        self._latest: Mapping[TopicPartition, int] = {}

    @property
    def latest(self) -> Mapping[TopicPartition, int]:
        """The lag reported last, without partitions that this process owns by now."""
        owned = set(self._owned())
        return {tp: lag for tp, lag in self._latest.items() if tp not in owned}

    async def report_always(self) -> None:
        """Report every half minute until cancelled; an outage of the cluster does not end this."""
        try:
            while True:
                await self._report()
                await asyncio.sleep(REPORT_SECONDS)
        finally:
            await self._reader.close()

    async def _report(self) -> None:
        try:
            self._latest = await self._reader.lags(apart_from=self._owned())
        except LagUnknown as unknown:
            self.trouble = f"the brokers at {self._brokers} do not answer ({unknown})"
            self._telemetry.brokers_away(is_away=True)
            log.warning("brokers do not answer", brokers=self._brokers, reason=str(unknown))
            return
        self.trouble = None
        self._telemetry.brokers_away(is_away=False)
        # Leave out partitions that this process took over meanwhile: their owner reports them.
        for tp, lag in self.latest.items():
            self._telemetry.consumer_lag(topic=tp.topic, partition=tp.partition, records=lag)


def group_topics(settings: Settings) -> Mapping[str, Sequence[str]]:
    """The topics that each consumer group reads."""
    names = Names(settings.kafka.namespace)
    groups = {
        names.group("ingest"): [source.topic for source in settings.sources],
        names.group("upload"): [lane.topic for lane in lanes(settings)],
        names.group("poll"): [names.jobs],
    }
    owned = [names.snapshots(name) for name in snapshot_destinations(settings)]
    return {**groups, names.group("snapshot"): owned} if owned else groups
