"""What a lease does with records that the library hands out across a rebalance."""

from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace

from aiokafka import TopicPartition

from pipeline.kafka.coordinator import Coordinator, Generation
from pipeline.kafka.lease import KafkaLease
from pipeline.kafka.offset_resolver import OffsetResolver
from tests.fakes.telemetry import RecordingTelemetry

TP = TopicPartition("topic", 0)


class LogOfTen:
    """Ten records for one reader; something may happen while it waits for them."""

    _coordinator: object = None

    def __init__(self) -> None:
        self.at = 0
        self.meanwhile: Callable[[], None] = lambda: None

    def seek(self, tp: TopicPartition, offset: int) -> None:
        self.at = offset

    async def position(self, tp: TopicPartition) -> int:
        return self.at

    async def getmany(
        self, tp: TopicPartition, *, timeout_ms: int, max_records: int
    ) -> Mapping[TopicPartition, Sequence[SimpleNamespace]]:
        taken = [SimpleNamespace(offset=at) for at in range(self.at, 10)[:max_records]]
        self.at += len(taken)
        self.meanwhile()
        return {tp: taken} if taken else {}


async def test_records_read_across_a_rebalance_are_dropped_and_read_again() -> None:
    """
    They were asked for in an assignment that is gone, and have moved the position.
    """
    log = LogOfTen()
    lease = _lease(log)
    lease.seek(2)

    def rebalance() -> None:
        lease.revoke()
        lease.renew()

    log.meanwhile = rebalance

    across = await lease.fetch(3)
    log.meanwhile = lambda: None
    after = await lease.fetch(3)

    assert list(across) == []
    assert [record.offset for record in after] == [2, 3, 4]


async def test_the_end_of_what_was_read_is_no_place_to_commit_before_it_is_settled() -> None:
    lease = _lease(LogOfTen())
    lease.seek(0)
    lease.settle(0)

    await lease.fetch(10)
    before = lease.committable(final=False)
    lease.settle(10)
    after = lease.committable(final=False)

    assert before is not None
    assert after is not None
    assert (before.offset, after.offset) == (0, 10)


def _lease(log: LogOfTen) -> KafkaLease:
    coordinator = Coordinator(log, "group")
    resolver = OffsetResolver(
        log,
        coordinator,
        TP,
        generation=lambda: Generation(1, "member"),
        start="earliest",
        telemetry=RecordingTelemetry(),
    )
    return KafkaLease(log, TP, resolver, clock=lambda: 0.0, begun=lambda: None)
