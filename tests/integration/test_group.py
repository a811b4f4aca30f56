"""A group on real brokers: who works on what, what is committed, and what a rebalance does."""

import asyncio

import pytest
from aiokafka import TopicPartition
from structlog.testing import capture_logs

from pipeline.kafka.cluster import ClusterTrouble
from pipeline.kafka.offset_resolver import metadata
from tests.conftest import Cluster
from tests.fakes.telemetry import RecordingTelemetry
from tests.integration.world import (
    HEARTBEAT,
    Member,
    ReadingStage,
    fill,
    group_options,
    member,
    until,
)
from tests.servers.apache_kafka import ApacheKafka
from tests.servers.kafka_clients import (
    committed_offset,
    create_topics,
    produce_batch,
    producing,
)

CLEAN, NOT_CLEAN = metadata(clean=True), metadata(clean=False)


class TestOneMember:
    async def test_every_partition_gets_a_worker_and_a_restart_goes_on_where_it_was(
        self, cluster: Cluster, namespace: str
    ) -> None:
        await create_topics(cluster, namespace, partitions=3)
        for partition in range(3):
            await fill(cluster, namespace, 5, partition)
        first, second = ReadingStage([namespace]), ReadingStage([namespace])

        async with member(cluster, first, group_options(namespace)):
            await until(lambda: first.records() == 15)
        await fill(cluster, namespace, 2, partition=1)
        async with member(cluster, second, group_options(namespace)):
            await until(lambda: second.records() == 2)

        assert first.read() == {TopicPartition(namespace, n): [0, 1, 2, 3, 4] for n in range(3)}
        assert second.read()[TopicPartition(namespace, 1)] == [5, 6]
        assert {t.start.offset for t in second.workers if t.start is not None} == {5}

    async def test_what_is_settled_is_committed_within_a_heartbeat_or_two(
        self, cluster: Cluster, namespace: str
    ) -> None:
        tp = TopicPartition(namespace, 0)
        await create_topics(cluster, namespace)
        stage = ReadingStage([namespace])

        async with member(cluster, stage, group_options(namespace)) as one:
            await until(lambda: one.owns == {tp})
            await fill(cluster, namespace, 4)
            async with asyncio.timeout(10):
                while (await committed_offset(cluster, namespace, tp)).offset != 4:
                    await asyncio.sleep(HEARTBEAT / 5)

    @pytest.mark.kafka
    async def test_a_drained_stop_says_clean(self, apache_kafka: Cluster, namespace: str) -> None:
        """
        Only the last commit may: the ones before it say that requests may be in flight.
        """
        tp = TopicPartition(namespace, 0)
        await create_topics(apache_kafka, namespace)
        await fill(apache_kafka, namespace, 3)

        async with member(apache_kafka, ReadingStage([namespace]), group_options(namespace)) as one:
            await until(lambda: one.owns == {tp} and one.stage.records() == 3)
            during = (await committed_offset(apache_kafka, namespace, tp)).metadata
            assert await one.stop()

        after = await committed_offset(apache_kafka, namespace, tp)
        assert (during, after.offset, after.metadata) == (NOT_CLEAN, 3, CLEAN)

    @pytest.mark.kafka
    async def test_a_killed_owner_leaves_nothing_that_says_clean(
        self, apache_kafka: Cluster, namespace: str
    ) -> None:
        tp = TopicPartition(namespace, 0)
        await create_topics(apache_kafka, namespace)

        async with member(apache_kafka, ReadingStage([namespace]), group_options(namespace)) as one:
            await until(lambda: one.owns == {tp})
            await one.kill()
        successor = ReadingStage([namespace])
        async with member(apache_kafka, successor, group_options(namespace)) as two:
            await until(lambda: two.owns == {tp})

        [worker] = successor.workers
        assert worker.start is not None
        assert not worker.start.is_clean

    async def test_the_embedded_broker_drops_what_a_commit_says_so_nobody_is_clean(
        self, embedded_broker: Cluster, namespace: str
    ) -> None:
        tp = TopicPartition(namespace, 0)
        await create_topics(embedded_broker, namespace)

        options = group_options(namespace)
        async with member(embedded_broker, ReadingStage([namespace]), options) as one:
            await until(lambda: one.owns == {tp})
            assert await one.stop()

        assert (await committed_offset(embedded_broker, namespace, tp)).metadata == ""


@pytest.mark.kafka
class TestOwnership:
    async def test_it_is_proven_by_a_commit_and_ended_by_revocation(
        self, apache_kafka: Cluster, namespace: str
    ) -> None:
        """
        When the partitions are assigned nothing is owned yet, kept ones included.
        """
        await create_topics(apache_kafka, f"{namespace}.a", f"{namespace}.b")
        stage = ReadingStage([f"{namespace}.a", f"{namespace}.b"])
        options = group_options(f"{namespace}.group")
        telemetry = _OwnershipAtAssignment()

        async with member(apache_kafka, stage, options, telemetry) as one:
            telemetry.watch(one)
            await until(lambda: len(one.owns) == 2)
            before = dict(one.group.workers)
            async with member(apache_kafka, ReadingStage(stage.topics), options) as two:
                await until(lambda: len(one.owns) == 1 == len(two.owns))
                kept = dict(one.group.workers)

        assert not any(telemetry.owned)
        assert len(telemetry.owned) >= 2
        assert all(not any(t.owned_when_asked_to_be_quiet) for t in stage.workers)
        assert {tp: before[tp] for tp in kept} == kept

    async def test_it_ends_before_the_session_does_when_commits_stop_and_is_earned_anew(
        self, own_apache_kafka: ApacheKafka, namespace: str
    ) -> None:
        """
        Two heartbeats before; then the lane waits to be assigned again, to a new worker.
        """
        tp = TopicPartition(namespace, 0)
        clock = asyncio.get_running_loop().time
        await create_topics(own_apache_kafka, namespace)
        options = group_options(f"{namespace}.group")

        async with member(own_apache_kafka, ReadingStage([namespace]), options) as one:
            await until(lambda: one.owns == {tp})
            former = one.worker(tp)
            await asyncio.to_thread(own_apache_kafka.stop)
            stopped_at = clock()
            await until(lambda: not one.owns)
            lasted = clock() - stopped_at
            await asyncio.to_thread(own_apache_kafka.start)
            await until(lambda: one.owns == {tp})

            assert former is not None
            assert lasted <= options.session_timeout - 2 * options.heartbeat_interval
            assert former.was_cancelled
            assert one.worker(tp) is not former


@pytest.mark.kafka
class TestRebalance:
    async def test_lanes_are_spread_over_the_members(
        self, apache_kafka: Cluster, namespace: str
    ) -> None:
        """
        Each lane is a topic of one partition: by partition number one member would own them all.
        """
        topics = [f"{namespace}.records.{number}" for number in range(6)]
        await create_topics(apache_kafka, *topics)
        one_stage, two_stage = ReadingStage(topics), ReadingStage(topics)
        options = group_options(namespace)

        async with member(apache_kafka, one_stage, options) as one:
            await until(lambda: len(one.owns) == 6)
            before = dict(one.group.workers)
            async with member(apache_kafka, two_stage, options) as two:
                await until(lambda: len(one.owns) == 3 == len(two.owns))
                kept = dict(one.group.workers)

                assert one.owns.isdisjoint(two.owns)
                assert {tp: before[tp] for tp in kept} == kept
                gone = [t for t in one_stage.workers if t not in kept.values()]
                assert len(gone) == 3
                assert all(worker.was_cancelled for worker in gone)

    async def test_a_slow_worker_holds_the_others_up_for_the_drain_and_no_longer(
        self, apache_kafka: Cluster, namespace: str
    ) -> None:
        topics = [f"{namespace}.a", f"{namespace}.b"]
        await create_topics(apache_kafka, *topics)
        slow = ReadingStage(topics, slow=True, clean=False)
        options = group_options(f"{namespace}.group", drain=1.0)
        clock = asyncio.get_running_loop().time

        async with member(apache_kafka, slow, options) as one:
            await until(lambda: len(one.owns) == 2)
            async with member(apache_kafka, ReadingStage(topics), options) as two:
                joined_at = clock()
                await until(lambda: len(one.owns) == 1 == len(two.owns))
                took = clock() - joined_at
                [given_up] = [t for t in slow.workers if t.was_cancelled]
                [successor] = two.stage.workers

                assert given_up.lease.topic == successor.lease.topic
                assert successor.start is not None
                assert not successor.start.is_clean
                assert took < options.rebalance_timeout - 1.0

    async def test_nothing_is_handed_out_twice_or_lost_while_members_come_and_go(
        self, apache_kafka: Cluster, namespace: str
    ) -> None:
        """
        With everything settled at once a handover is exact: an offset belongs to one worker.
        """
        await create_topics(apache_kafka, namespace, partitions=4)
        stages = [ReadingStage([namespace]) for _ in range(3)]
        options = group_options(namespace)

        async with asyncio.TaskGroup() as tasks, member(apache_kafka, stages[0], options) as one:
            producing_ = tasks.create_task(_trickle(apache_kafka, namespace, 4, 1000))
            await until(lambda: len(one.owns) == 4)
            async with member(apache_kafka, stages[1], options) as two:
                await until(lambda: len(one.owns) == 2 == len(two.owns))
                async with member(apache_kafka, stages[2], options) as three:
                    await until(lambda: len(one.owns | two.owns | three.owns) == 4)
                await until(lambda: len(one.owns | two.owns) == 4)
            await producing_
            await until(lambda: sum(stage.records() for stage in stages) >= 4000)

        for number in range(4):
            tp = TopicPartition(namespace, number)
            read = [offset for stage in stages for offset in stage.read().get(tp, ())]
            assert sorted(read) == list(range(1000))


@pytest.mark.kafka
class TestWholeTopics:
    """
    A stage whose unit is a topic.
    """

    async def test_a_topic_stays_with_its_owner_when_a_member_joins_and_when_it_leaves(
        self, apache_kafka: Cluster, namespace: str
    ) -> None:
        """
        Only what the balance needs is given up: two of six.
        """
        topics = [f"{namespace}.records.{number}" for number in range(6)]
        await create_topics(apache_kafka, *topics)
        stages = [ReadingStage(topics, name="upload", unit="topic") for _ in range(3)]
        options = group_options(namespace)

        async with member(apache_kafka, stages[0], options) as one:
            await until(lambda: len(one.owns) == 6)
            async with member(apache_kafka, stages[1], options) as two:
                await until(lambda: len(one.owns) == 3 == len(two.owns))
                before = [dict(one.group.workers), dict(two.group.workers)]
                async with member(apache_kafka, stages[2], options) as three:
                    await until(lambda: len(one.owns) == len(two.owns) == len(three.owns) == 2)
                    for kept, former in zip((one, two), before, strict=True):
                        assert {tp: former[tp] for tp in kept.group.workers} == dict(
                            kept.group.workers
                        )
                await until(lambda: len(one.owns) == 3 == len(two.owns))

    async def test_a_group_whose_members_use_another_assignor_is_named_with_the_remedy(
        self, apache_kafka: Cluster, namespace: str
    ) -> None:
        """
        As after an update that did not stop the old processes first.
        """
        await create_topics(apache_kafka, namespace)
        options = group_options(f"{namespace}.upload")
        new = ReadingStage([namespace], name="upload", unit="topic")

        async with member(apache_kafka, ReadingStage([namespace]), options) as old:
            await until(lambda: old.owns)
            with pytest.raises(ExceptionGroup) as raised:
                async with member(apache_kafka, new, options) as refused:
                    await refused.task

        [trouble] = _leaves(raised.value)
        assert isinstance(trouble, ClusterTrouble)
        assert f"{namespace}.upload" in str(trouble)
        assert "stop every process that runs upload" in str(trouble)


def _leaves(error: BaseException) -> list[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        return [leaf for inner in error.exceptions for leaf in _leaves(inner)]
    return [error]


@pytest.mark.kafka
async def test_a_batch_with_a_flipped_byte_is_named_and_stops_its_partition_alone(
    own_apache_kafka: ApacheKafka, namespace: str
) -> None:
    """
    What stands before it is read, nothing behind it, and the worker is told nothing more: that is
    what health looks at.
    """
    await create_topics(own_apache_kafka, namespace, partitions=2)
    await fill(own_apache_kafka, namespace, 3)
    await produce_batch(own_apache_kafka, namespace, [b"to be broken", b"behind it"])
    await fill(own_apache_kafka, namespace, 4)
    await asyncio.to_thread(own_apache_kafka.stop)
    own_apache_kafka.flip_a_byte_of(namespace, b"to be broken")
    await asyncio.to_thread(own_apache_kafka.start)
    broken, well = TopicPartition(namespace, 0), TopicPartition(namespace, 1)
    stage = ReadingStage([namespace])

    with capture_logs() as logs:
        async with member(own_apache_kafka, stage, group_options(f"{namespace}.group")) as one:
            failures = ("fetch_failed", namespace, "0", "CorruptRecordException")
            await until(lambda: one.telemetry.counts[failures] >= 3)
            await fill(own_apache_kafka, namespace, 5, partition=1)
            await until(lambda: len(stage.read().get(well, ())) == 5)

    assert list(stage.read()[broken]) == [0, 1, 2]
    said = [line for line in logs if line["event"] == "partition cannot be read"]
    assert {(line["topic"], line["partition"]) for line in said} == {(namespace, 0)}
    assert one.telemetry.counts["fetch_failed", namespace, "1", "CorruptRecordException"] == 0


async def _trickle(cluster: Cluster, topic: str, partitions: int, each: int) -> None:
    async with producing(cluster) as producer:
        for start in range(0, each, 20):
            for partition in range(partitions):
                for number in range(start, start + 20):
                    await producer.send(topic, b"%d" % number, partition=partition)
            await asyncio.sleep(0.1)


class _OwnershipAtAssignment(RecordingTelemetry):
    """Takes down what a member owns in the very moment it is given partitions."""

    def __init__(self) -> None:
        super().__init__()
        self.owned: list[set[TopicPartition]] = []
        self._member: Member | None = None

    def watch(self, member: Member) -> None:
        self._member = member

    def partitions_assigned(self, *, stage: object, count: int) -> None:
        if self._member is not None:
            self.owned.append(self._member.owns)
