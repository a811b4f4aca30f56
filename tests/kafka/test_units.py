"""What a worker of a stage owns: a partition, or a topic with all its partitions."""

import asyncio

from aiokafka import TopicPartition
from hypothesis import given
from hypothesis import strategies as st

from pipeline.kafka.assignment import Assignment, Assignments, Owned, units
from pipeline.kafka.fetch_trouble import FetchTrouble
from pipeline.kafka.lease import KafkaLease
from pipeline.kafka.offset_resolver import OffsetResolver
from pipeline.kafka.ownership_proof import OwnershipProof
from tests.fakes.buffers import Log, MemoryBuffers
from tests.fakes.telemetry import RecordingTelemetry
from tests.fakes.virtual_loop import run_virtual

partitions = st.sets(st.builds(TopicPartition, st.sampled_from("abc"), st.integers(0, 3)))


@given(partitions)
def test_by_partition_each_is_a_unit_of_its_own(assigned: set[TopicPartition]) -> None:
    found = units(assigned, "partition")

    assert [Owned(tp.topic, (tp.partition,)) for tp in sorted(assigned)] == list(found)


@given(partitions)
def test_by_topic_all_partitions_of_one_are_one_unit(assigned: set[TopicPartition]) -> None:
    found = units(assigned, "topic")

    assert len({one.topic for one in found}) == len(found)
    assert assigned == {TopicPartition(one.topic, n) for one in found for n in one.partitions}


def test_one_proof_covers_all_partitions_of_a_topic_and_each_goes_on_where_it_stood() -> None:
    """
    A lane of two halves has one owner: revoked they both are, and they come back together.
    """
    halves = [TopicPartition("lane", 0), TopicPartition("lane", 1)]

    async def story() -> tuple[list[bool], list[bool], list[bool], dict[TopicPartition, int]]:
        clock = asyncio.get_running_loop().time
        buffers = MemoryBuffers(logs={tp: Log(end=9) for tp in halves})
        proof = OwnershipProof(clock)
        leases = [_lease(buffers, tp, proof) for tp in halves]
        for lease, at in zip(leases, (3, 5), strict=True):
            lease.seek(at)
        worker = asyncio.current_task()
        assert worker is not None
        owned = Assignment(proof, leases, _Idle(), worker)
        assignments = Assignments()
        assignments.add(Owned("lane", (0, 1)), owned)
        proof.prove(clock() + 10)
        before = [lease.is_held for lease in leases]
        owned.revoke()
        between = [lease.is_held for lease in leases]
        buffers.rebalance()
        owned.renew()
        proof.prove(clock() + 10)
        assert assignments.leases.keys() == set(halves)
        assert list(assignments.workers) == [halves[0]]
        return before, between, [lease.is_held for lease in leases], dict(buffers.positions)

    assert run_virtual(story()) == (
        [True, True],
        [False, False],
        [True, True],
        {halves[0]: 3, halves[1]: 5},
    )


class _Idle:
    async def run(self) -> None:
        return None

    async def drain(self) -> None:
        return None


def _lease(buffers: MemoryBuffers, tp: TopicPartition, proof: OwnershipProof) -> KafkaLease:
    telemetry = RecordingTelemetry()
    resolver = OffsetResolver(None, tp, start="earliest", telemetry=telemetry)  # type: ignore[arg-type]
    trouble = FetchTrouble(tp, telemetry, asyncio.get_running_loop().time)
    return KafkaLease(buffers, tp, resolver, proof, trouble, begun=lambda: None)
