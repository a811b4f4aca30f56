"""`KafkaTelemetry` as series."""

from typing import Final, get_args

from pipeline.domain.message import StageName
from pipeline.telemetry.first_values import KnownLabels, crossed
from pipeline.telemetry.metrics import Metrics

_PARTITION: Final = ("topic", "partition")


class KafkaMetrics:
    """The metrics of consumer groups and readers of topics."""

    def __init__(self, metrics: Metrics, known: KnownLabels) -> None:
        self._assigned = metrics.gauge(
            "partitions_assigned", ("stage",), "Partitions this process owns."
        )
        self._commit_failures = metrics.counter(
            "commit_failures",
            ("stage",),
            "Commits that the broker did not take.",
            begins=crossed([()], get_args(StageName)),
        )
        self._lag = metrics.gauge(
            "consumer_lag_records", _PARTITION, "Records after the committed offset."
        )
        self._brokers_away = metrics.gauge(
            "brokers_away", (), "1 while no broker answers this process.", begins=[()]
        )
        self._lost = metrics.counter(
            "offsets_lost",
            _PARTITION,
            "Records deleted from a topic before they were settled.",
            begins=known.of_partitions(),
        )
        # No first values: the broker names the errors.
        self._errors = metrics.counter(
            "partition_errors", (*_PARTITION, "error"), "Failed reads of a partition, by error."
        )

    def partitions_assigned(self, *, stage: StageName, count: int) -> None:
        self._assigned.show(count, stage)

    def commit_failed(self, *, stage: StageName) -> None:
        self._commit_failures.add(1, stage)

    def consumer_lag(self, *, topic: str, partition: int, records: int) -> None:
        # Partitions of upstream topics are not known before they are assigned.
        self._lost.add(0, topic, str(partition))
        self._lag.show(records, topic, str(partition))

    def brokers_away(self, *, is_away: bool) -> None:
        self._brokers_away.show(is_away)

    def partition_released(self, *, topic: str, partition: int) -> None:
        self._lag.forget(topic, str(partition))

    def offsets_lost(self, *, topic: str, partition: int, records: int) -> None:
        self._lost.add(records, topic, str(partition))

    def fetch_failed(self, *, topic: str, partition: int, reason: str) -> None:
        self._errors.add(1, topic, str(partition), reason)
