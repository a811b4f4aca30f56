"""Reports the lag of partitions that this process does not own, so that an alert can miss an owner.

The owner of a partition reports its lag. Where a whole stage is down nobody would, and the records
that wait would be on no chart. So every process that runs, whatever its stages, asks for the rest.
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
    """What can be asked how far groups are behind."""

    async def lags(self, apart_from: Collection[TopicPartition]) -> Mapping[TopicPartition, int]:
        """Of every partition but those; raises LagUnknown without an answer."""

    async def close(self) -> None: ...


class LagReports:
    """Follows the lag of what others own, or nobody."""

    def __init__(
        self,
        *,
        reader: LagReader,
        owned: Callable[[], Collection[TopicPartition]],
        telemetry: KafkaTelemetry,
        brokers: str,
    ) -> None:
        """`brokers` are their addresses, for whoever reads that none of them answers."""
        self._reader = reader
        self._owned = owned
        self._telemetry = telemetry
        self._brokers = brokers
        self.trouble: str | None = None
        """Why the latest look found nothing; None where it did."""
        self._latest: Mapping[TopicPartition, int] = {}

    @property
    def latest(self) -> Mapping[TopicPartition, int]:
        """What was reported last, without what this process has come to own since."""
        owned = set(self._owned())
        return {tp: lag for tp, lag in self._latest.items() if tp not in owned}

    async def report_always(self) -> None:
        """Report every half minute until cancelled; an outage of the cluster ends nothing."""
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
        # What was taken over while the brokers were asked is its owner's to report: ours now.
        for tp, lag in self.latest.items():
            self._telemetry.consumer_lag(topic=tp.topic, partition=tp.partition, records=lag)


def group_topics(settings: Settings) -> Mapping[str, Sequence[str]]:
    """Each consumer group with the topics that it reads."""
    names = Names(settings.kafka.namespace)
    groups = {
        names.group("ingest"): [source.topic for source in settings.sources],
        names.group("upload"): [lane.topic for lane in lanes(settings)],
        names.group("poll"): [names.jobs],
    }
    owned = [names.snapshots(name) for name in snapshot_destinations(settings)]
    return {**groups, names.group("snapshot"): owned} if owned else groups
