"""Where a partition is begun: first starts, offsets that are gone, topics made anew, rewinds."""

import asyncio
from dataclasses import replace

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import NewPartitions, RecordsToDelete
from aiokafka.errors import IllegalGenerationError
from aiokafka.structs import OffsetAndMetadata
from structlog.testing import capture_logs

from pipeline.kafka.coordinator import Generation
from pipeline.kafka.group_offsets import GroupOffsets
from pipeline.kafka.lease import TopicReplaced
from pipeline.kafka.offset_resolver import OffsetResolver, metadata
from tests.conftest import Cluster
from tests.fakes.telemetry import RecordingTelemetry
from tests.integration.world import ReadingStage, fill, group_options, member, until
from tests.servers.kafka_clients import administering, create_topics, reading

_EXISTS = 36


class TestTheFirstStart:
    @pytest.mark.kafka
    async def test_latest_reads_only_what_comes_and_earliest_everything(
        self, apache_kafka: Cluster, namespace: str
    ) -> None:
        """
        With several partitions, too: the first one to be begun must not make the others look new.
        """
        new, old = f"{namespace}.new", f"{namespace}.old"
        await create_topics(apache_kafka, new, old, partitions=3)
        for partition in range(3):
            await fill(apache_kafka, new, 3, partition)
            await fill(apache_kafka, old, 3, partition)
        stage = ReadingStage([new, old])
        options = group_options(f"{namespace}.group", starts={new: "latest", old: "earliest"})

        async with member(apache_kafka, stage, options) as one:
            await until(lambda: len(one.owns) == 6)
            for partition in range(3):
                await fill(apache_kafka, new, 2, partition)
            await until(lambda: stage.records() >= 15)

        assert stage.read() == {
            **{TopicPartition(new, number): [3, 4] for number in range(3)},
            **{TopicPartition(old, number): [0, 1, 2] for number in range(3)},
        }

    async def test_latest_on_the_embedded_broker_begins_too_early_and_never_too_late(
        self, embedded_broker: Cluster, namespace: str
    ) -> None:
        """
        The end that it names counts its last batch as one record.
        """
        await create_topics(embedded_broker, namespace)
        await fill(embedded_broker, namespace, 3)
        stage = ReadingStage([namespace])
        options = group_options(namespace, starts={namespace: "latest"})

        async with member(embedded_broker, stage, options) as one:
            await until(lambda: one.owns)
            await fill(embedded_broker, namespace, 2)
            await until(lambda: stage.records() >= 4)

        assert stage.read() == {TopicPartition(namespace, 0): [1, 2, 3, 4]}

    @pytest.mark.kafka
    async def test_a_crash_right_after_it_does_not_make_the_next_start_the_first(
        self, apache_kafka: Cluster, namespace: str
    ) -> None:
        await create_topics(apache_kafka, namespace)
        await fill(apache_kafka, namespace, 3)
        options = group_options(namespace, starts={namespace: "latest"}, commits=False)
        stage = ReadingStage([namespace])
        async with member(apache_kafka, stage, options) as one:
            await until(lambda: stage.workers and stage.workers[0].start is not None)
            await one.kill()
        await fill(apache_kafka, namespace, 2)

        later = ReadingStage([namespace])
        async with member(apache_kafka, later, options):
            await until(lambda: later.records() == 2)

        assert later.read() == {TopicPartition(namespace, 0): [3, 4]}

    @pytest.mark.kafka
    async def test_a_former_member_that_wakes_up_finds_no_beginning_and_marks_none(
        self, apache_kafka: Cluster, namespace: str
    ) -> None:
        tp = TopicPartition(namespace, 0)
        await create_topics(apache_kafka, namespace)
        stage = ReadingStage([namespace])

        async with member(apache_kafka, stage, group_options(namespace)) as one:
            await until(lambda: one.owns == {tp})
            now = one.group._coordinator.generation()
            offsets = GroupOffsets(
                one.group._consumer,
                one.group._coordinator,
                topics=[namespace],
                generation=lambda: Generation(now.number - 1, now.member_id),
                has_worked=_no,
            )
            resolver = OffsetResolver(offsets, tp, start="earliest", telemetry=RecordingTelemetry())

            with pytest.raises(IllegalGenerationError):
                await resolver.find(_yes)

    @pytest.mark.kafka
    async def test_a_partition_added_later_is_read_from_its_beginning(
        self, apache_kafka: Cluster, namespace: str
    ) -> None:
        await create_topics(apache_kafka, namespace)
        options = group_options(namespace, starts={namespace: "latest"})
        async with member(apache_kafka, ReadingStage([namespace]), options) as one:
            await until(lambda: one.owns == {TopicPartition(namespace, 0)})
        async with administering(apache_kafka) as admin:
            await admin.create_partitions({namespace: NewPartitions(2)})
        await fill(apache_kafka, namespace, 3, partition=1)

        stage = ReadingStage([namespace])
        async with member(apache_kafka, stage, options):
            await until(lambda: stage.records() == 3)

        assert stage.read()[TopicPartition(namespace, 1)] == [0, 1, 2]


@pytest.mark.kafka
class TestForgottenOffsets:
    """
    A group without offsets, though it has worked: they expired, or somebody deleted them.
    """

    async def test_nothing_is_skipped_where_our_topics_show_that_it_is_no_first_start(
        self, apache_kafka: Cluster, namespace: str
    ) -> None:
        """
        Each source of the group, whoever begins first; and it is said.
        """
        sources, lane = [f"{namespace}.a", f"{namespace}.b"], f"{namespace}.records.lane"
        await create_topics(apache_kafka, *sources, lane, partitions=2)
        for source in sources:
            await fill(apache_kafka, source, 3, partition=0)
            await fill(apache_kafka, source, 3, partition=1)
        await fill(apache_kafka, lane, 1)
        stage = ReadingStage(sources)
        options = replace(
            group_options(f"{namespace}.group", starts=dict.fromkeys(sources, "latest")),
            written=[lane, f"{namespace}.no-topic"],
        )

        with capture_logs() as logs:
            async with member(apache_kafka, stage, options):
                await until(lambda: stage.records() == 12)

        assert "say that this is no first start" in str(logs)

    async def test_a_source_that_is_added_to_a_group_that_works_begins_as_configured(
        self, apache_kafka: Cluster, namespace: str
    ) -> None:
        old, new, lane = f"{namespace}.old", f"{namespace}.new", f"{namespace}.records.lane"
        await create_topics(apache_kafka, old, new, lane)
        await fill(apache_kafka, new, 3)
        await fill(apache_kafka, lane, 1)
        group = f"{namespace}.group"
        await _commit(apache_kafka, group, TopicPartition(old, 0), 0, "")
        stage = ReadingStage([old, new])
        starts = {old: "latest", new: "latest"}
        options = replace(group_options(group, starts=starts), written=[lane])

        async with member(apache_kafka, stage, options) as one:
            await until(lambda: len(one.owns) == 2)
            await fill(apache_kafka, new, 2)
            await until(lambda: stage.records() >= 2)

        assert stage.read() == {TopicPartition(old, 0): [], TopicPartition(new, 0): [3, 4]}


@pytest.mark.kafka
class TestOffsetsThatAreGone:
    async def test_records_deleted_before_they_were_read_are_counted_at_the_start(
        self, apache_kafka: Cluster, namespace: str
    ) -> None:
        tp = TopicPartition(namespace, 0)
        await create_topics(apache_kafka, namespace)
        await fill(apache_kafka, namespace, 10)
        await _commit(apache_kafka, namespace, tp, 2, metadata(clean=True))
        await _delete_before(apache_kafka, tp, 6)
        stage = ReadingStage([namespace])

        async with member(apache_kafka, stage, group_options(namespace)) as one:
            await until(lambda: stage.records() == 4)

        assert stage.read() == {tp: [6, 7, 8, 9]}
        assert one.telemetry.counts["offsets_lost", namespace, "0"] == 4
        [worker] = stage.workers
        assert worker.start is not None
        assert not worker.start.is_clean

    async def test_records_deleted_under_a_reader_are_counted_and_it_goes_on(
        self, apache_kafka: Cluster, namespace: str
    ) -> None:
        tp = TopicPartition(namespace, 0)
        await create_topics(apache_kafka, namespace)
        await fill(apache_kafka, namespace, 10)
        stage = ReadingStage([namespace])

        async with member(apache_kafka, stage, group_options(namespace)) as one:
            await until(lambda: stage.records() == 10)
            await _delete_before(apache_kafka, tp, 6)
            stage.workers[0].lease.seek(2)
            await until(lambda: stage.records() == 14)

        assert stage.read()[tp][10:] == [6, 7, 8, 9]
        assert one.telemetry.counts["offsets_lost", namespace, "0"] == 4

    @pytest.mark.parametrize("start", ["earliest", "latest"])
    async def test_a_topic_made_anew_under_a_reader_is_read_from_its_beginning(
        self, apache_kafka: Cluster, namespace: str, start: str
    ) -> None:
        """
        Whether the reader notices by itself or ends and is started again, as a process would be.
        """
        tp = TopicPartition(namespace, 0)
        await create_topics(apache_kafka, namespace)
        options = group_options(namespace, starts={namespace: start})
        stage, telemetry = ReadingStage([namespace]), RecordingTelemetry()
        ended = asyncio.Event()

        async def work() -> None:
            while not ended.is_set():
                try:
                    async with member(apache_kafka, stage, options, telemetry) as one:
                        while not ended.is_set():
                            await asyncio.sleep(0.5)
                            # The reader would look again by itself every half a minute.
                            await one.group._consumer._client.force_metadata_update()
                except* TopicReplaced:
                    pass

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(work())
            await until(lambda: stage.workers and stage.workers[0].start is not None)
            await fill(apache_kafka, namespace, 10)
            await until(lambda: stage.records() == 10)
            await _make_anew(apache_kafka, namespace)
            await fill(apache_kafka, namespace, 4)
            await until(lambda: stage.records() >= 14)
            ended.set()

        assert stage.read()[tp] == [*range(10), *range(4)]

    async def test_an_operator_who_rewinds_a_group_has_its_records_sent_again(
        self, apache_kafka: Cluster, namespace: str
    ) -> None:
        """
        Offset tools write no metadata, so the start is not clean and older requests are let end;
        and any audience that is paused may be kept back from the oldest record on.
        """
        tp = TopicPartition(namespace, 0)
        await create_topics(apache_kafka, namespace)
        await fill(apache_kafka, namespace, 6)
        options = group_options(namespace)
        first, second = ReadingStage([namespace]), ReadingStage([namespace])
        async with member(apache_kafka, first, options) as one:
            await until(lambda: first.records() == 6 and one.owns)
        await _commit(apache_kafka, namespace, tp, 2, "")

        async with member(apache_kafka, second, options):
            await until(lambda: second.records() == 4)

        assert second.read() == {tp: [2, 3, 4, 5]}
        [worker] = second.workers
        assert worker.start == (2, False, {}, 0)


async def _no() -> bool:
    return False


async def _yes(_offset: int) -> bool:
    return True


async def _commit(
    cluster: Cluster, group: str, tp: TopicPartition, offset: int, metadata: str
) -> None:
    async with reading(cluster, group=group) as consumer:
        consumer.assign([tp])
        await consumer.commit({tp: OffsetAndMetadata(offset, metadata)})


async def _delete_before(cluster: Cluster, tp: TopicPartition, offset: int) -> None:
    async with administering(cluster) as admin:
        await admin.delete_records({tp: RecordsToDelete(before_offset=offset)})


async def _make_anew(cluster: Cluster, topic: str) -> None:
    async with administering(cluster) as admin:
        await admin.delete_topics([topic])
    # The reader's question for its topic may have made it first, as brokers do unless told not to.
    assert await create_topics(cluster, topic) in ([0], [_EXISTS])
