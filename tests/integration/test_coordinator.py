"""Commits that must be refused, and answers that must not be taken for "no offset"."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka import errors as kafka_errors
from aiokafka.structs import OffsetAndMetadata

from pipeline.kafka.coordinator import Committed, Coordinator, Generation
from tests.conftest import Cluster
from tests.integration.mock_cluster import (
    COORDINATOR_LOADING,
    COORDINATOR_NOT_AVAILABLE,
    NOT_COORDINATOR,
    OFFSET_FETCH,
    mock_cluster,
)
from tests.integration.world import ReadingStage, fill, group_options, member, until
from tests.servers.kafka_clients import (
    administering,
    committed_offset,
    create_topics,
    reading,
)

NOBODY = Generation(-1, "")


@pytest.mark.kafka
class TestStaleMembers:
    async def test_an_older_generation_may_neither_commit_nor_think_it_is_a_member(
        self, apache_kafka: Cluster, namespace: str
    ) -> None:
        tp = TopicPartition(namespace, 0)
        await create_topics(apache_kafka, namespace)
        stage, options = ReadingStage([namespace]), group_options(namespace)

        async with member(apache_kafka, stage, options) as one:
            await until(lambda: one.owns == {tp})
            coordinator = one.group._coordinator
            now = coordinator.generation()
            former = Generation(now.number - 1, now.member_id)
            unknown = Generation(now.number, "somebody-else")

            assert await coordinator.commit(former, {tp: Committed(7, "")}) == {
                tp: kafka_errors.IllegalGenerationError
            }
            assert await coordinator.commit(unknown, {tp: Committed(7, "")}) == {
                tp: kafka_errors.UnknownMemberIdError
            }
            assert tp in await coordinator.commit(NOBODY, {tp: Committed(7, "")})
            with pytest.raises(kafka_errors.IllegalGenerationError):
                await coordinator.confirm(former)
            await coordinator.confirm(now)

        assert (await committed_offset(apache_kafka, namespace, tp)).offset == 0

    async def test_a_member_that_was_thrown_out_of_a_group_now_empty_is_refused(
        self, apache_kafka: Cluster, namespace: str
    ) -> None:
        """
        The library would commit as nobody then, which an empty group takes from anybody.
        """
        tp = TopicPartition(namespace, 0)
        await create_topics(apache_kafka, namespace)
        async with member(apache_kafka, ReadingStage([namespace]), group_options(namespace)) as one:
            await until(lambda: one.owns == {tp})
            former = one.group._coordinator.generation()

        async with _coordinator(apache_kafka, namespace) as coordinator:
            refused = await coordinator.commit(former, {tp: Committed(7, "")})
            taken = await coordinator.commit(NOBODY, {tp: Committed(8, "")})

        assert refused == {tp: kafka_errors.UnknownMemberIdError}
        assert taken == {}

    async def test_a_commit_that_is_refused_proves_nothing_and_the_worker_is_started_anew(
        self, apache_kafka: Cluster, namespace: str
    ) -> None:
        tp = TopicPartition(namespace, 0)
        await create_topics(apache_kafka, namespace)
        options = group_options(namespace)

        async with member(apache_kafka, ReadingStage([namespace]), options) as one:
            await until(lambda: one.owns == {tp})
            former = one.worker(tp)
            async with administering(apache_kafka) as admin:
                await _throw_out(admin, namespace, one.group._coordinator.generation())
            await until(lambda: former is not None and former.was_cancelled)
            await until(lambda: one.owns == {tp})

            assert one.worker(tp) is not former


class TestACoordinatorThatErrs:
    @pytest.mark.parametrize(
        "code", [COORDINATOR_LOADING, COORDINATOR_NOT_AVAILABLE, NOT_COORDINATOR]
    )
    async def test_its_error_is_never_read_as_no_offset(self, code: int) -> None:
        tp = TopicPartition("topic", 0)
        with mock_cluster() as mock:
            mock.create_topic("topic")
            async with _coordinator(mock, "group") as coordinator:
                assert await coordinator.commit(NOBODY, {tp: Committed(5, "said")}) == {}
                mock.fail_next(OFFSET_FETCH, code)

                with pytest.raises(kafka_errors.KafkaError):
                    await coordinator.committed([tp])

                assert await coordinator.committed([tp]) == {tp: Committed(5, "said")}

    async def test_an_error_above_no_topics_at_all_is_an_error_and_has_it_looked_up_again(
        self,
    ) -> None:
        """
        As brokers answer for a whole group; the library does not look at that field.
        """
        answering = _AnsweringOffsetFetch(COORDINATOR_NOT_AVAILABLE)

        with pytest.raises(kafka_errors.GroupCoordinatorNotAvailableError):
            await Coordinator(answering, "group").committed([TopicPartition("topic", 0)])

        assert answering.is_dead

    async def test_an_answer_without_the_partition_that_was_asked_for_is_no_answer(self) -> None:
        with pytest.raises(kafka_errors.UnknownError):
            await Coordinator(_AnsweringOffsetFetch(0), "group").committed(
                [TopicPartition("topic", 0)]
            )

    async def test_a_worker_waits_for_a_good_answer_and_begins_at_the_committed_offset(
        self,
    ) -> None:
        tp = TopicPartition("topic", 0)
        with mock_cluster() as mock:
            mock.create_topic("topic")
            await fill(mock, "topic", 10)
            async with reading(mock, group="group") as consumer:
                consumer.assign([tp])
                await consumer.commit({tp: OffsetAndMetadata(5, "")})
            stage = ReadingStage(["topic"])
            errors = [COORDINATOR_LOADING, COORDINATOR_NOT_AVAILABLE] * 2
            mock.fail_next(OFFSET_FETCH, *errors)

            async with member(mock, stage, group_options("group")):
                await until(lambda: stage.records() == 5)

            assert stage.read() == {tp: [5, 6, 7, 8, 9]}


class _AnsweringOffsetFetch:
    """A consumer and its coordination in one, whose broker names an error and no topic."""

    def __init__(self, error_code: int) -> None:
        self._coordinator = self
        self._answer = SimpleNamespace(error_code=error_code, topics=[])
        self.is_dead = False

    async def ensure_coordinator_known(self) -> None:
        return

    async def _send_req(self, _request: object) -> SimpleNamespace:
        return self._answer

    def coordinator_dead(self) -> None:
        self.is_dead = True


@asynccontextmanager
async def _coordinator(cluster: Cluster, group: str) -> AsyncIterator[Coordinator]:
    """A coordinator's view without being a member."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=cluster.bootstrap_servers, group_id=group, enable_auto_commit=False
    )
    await consumer.start()
    try:
        yield Coordinator(consumer, group)
    finally:
        await consumer.stop()


async def _throw_out(admin: object, group: str, who: Generation) -> None:
    """What the broker does with a member whose session has ended, without the wait."""
    from aiokafka.admin import AIOKafkaAdminClient
    from aiokafka.protocol.group import LeaveGroupRequest

    assert isinstance(admin, AIOKafkaAdminClient)
    node = await admin.find_coordinator(group)
    response = await admin._send_request(LeaveGroupRequest(group, who.member_id), node)
    assert response.error_code == 0
