"""Measures the lag of groups from outside: joins no group and reads no record."""

import asyncio
from collections.abc import Collection, Mapping, Sequence

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka import errors as kafka_errors
from aiokafka.admin import AIOKafkaAdminClient

from pipeline.kafka import closing
from pipeline.kafka.client_options import ClientOptions

ANSWER_SECONDS = 20.0
"""For all questions of one look; a broker outage must not block the reporter for long."""


class LagUnknown(Exception):
    """The cluster gave no complete answer, so nothing is known; the caller asks again."""


class GroupLag:
    """Asks the brokers for committed offsets and ends, in two requests for each group and broker.

    It makes its clients at the first question, and again after a failure.
    """

    def __init__(
        self,
        client_options: ClientOptions,
        groups: Mapping[str, Sequence[str]],
        *,
        read_committed: bool,
    ) -> None:
        """`groups`: the topics that each group reads."""
        self._client_options = client_options
        self._groups = groups
        self._read_committed = read_committed
        self._clients: tuple[AIOKafkaAdminClient, AIOKafkaConsumer] | None = None

    async def lags(self, apart_from: Collection[TopicPartition]) -> Mapping[TopicPartition, int]:
        """Return the records behind the committed offset, for all partitions not in `apart_from`.

        For a partition without a committed offset all its records count. Markers of transactions
        count, too. The embedded broker names ends, and so lags, that are too low.

        Raises:
            LagUnknown: the cluster did not answer, or a topic does not exist.
        """
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await self._ask(set(apart_from))
        except (kafka_errors.KafkaError, TimeoutError, OSError) as error:
            await self.close()
            raise LagUnknown(type(error).__name__) from error

    async def close(self) -> None:
        clients, self._clients = self._clients, None
        if clients is not None:
            admin, consumer = clients
            try:
                await closing.close_admin(admin)
            finally:
                await closing.stop(consumer)

    async def _ask(self, apart_from: Collection[TopicPartition]) -> Mapping[TopicPartition, int]:
        admin, consumer = await self._started()
        found: dict[TopicPartition, int] = {}
        for group, topics in self._groups.items():
            tps = [tp for tp in await _partitions(admin, topics) if tp not in apart_from]
            if tps:
                starts = await _starts(admin, consumer, group, tps)
                ends = await consumer.end_offsets(tps)
                found |= {tp: max(0, ends[tp] - starts[tp]) for tp in tps}
        return found

    async def _started(self) -> tuple[AIOKafkaAdminClient, AIOKafkaConsumer]:
        if self._clients is None:
            admin = AIOKafkaAdminClient(**self._client_options.arguments())
            consumer = AIOKafkaConsumer(
                enable_auto_commit=False,
                isolation_level="read_committed" if self._read_committed else "read_uncommitted",
                **self._client_options.arguments(),
            )
            # Set before they start, so that clients that fail half-way are closed, too.
            self._clients = admin, consumer
            await admin.start()
            await consumer.start()
        return self._clients


async def _partitions(
    admin: AIOKafkaAdminClient, topics: Sequence[str]
) -> Sequence[TopicPartition]:
    described = await admin.describe_topics(list(topics)) if topics else []
    return [
        TopicPartition(topic["topic"], partition["partition"])
        for topic in described
        for partition in topic["partitions"]
    ]


async def _starts(
    admin: AIOKafkaAdminClient,
    consumer: AIOKafkaConsumer,
    group: str,
    tps: Sequence[TopicPartition],
) -> Mapping[TopicPartition, int]:
    stored = await admin.list_consumer_group_offsets(group, partitions=list(tps))
    if not stored.keys() >= set(tps):
        # The answer has an error in it, which the library ignores.
        raise kafka_errors.GroupCoordinatorNotAvailableError(group)
    committed = {tp: stored[tp].offset for tp in tps if stored[tp].offset >= 0}
    new = [tp for tp in tps if tp not in committed]
    oldest = await consumer.beginning_offsets(new) if new else {}
    return {**oldest, **committed}
