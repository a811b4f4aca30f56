"""The sandbox's own access to Kafka: upstream's topic, committed offsets, and dead letters."""

import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka import errors as kafka_errors
from aiokafka.admin import AIOKafkaAdminClient

from pipeline.domain.names import Names
from pipeline.kafka.client_options import ClientOptions
from pipeline.kafka.closing import close, stop
from pipeline.kafka.cluster import admin_client
from pipeline.kafka.producer import make_producer
from pipeline.kafka.topic_plans import kept_topic
from pipeline.kafka.topic_reader import PlacedRecord, reading
from pipeline.kafka.topics import Topics
from pipeline.operations.ledger.ledger_reading import read_whole
from pipeline.operations.ledger.statement import LetterKind
from pipeline.sandbox.reconciliation import Letters, Member
from pipeline.sandbox.traffic import Event
from pipeline.sandbox.trouble import SandboxTrouble

PARTITIONS = 6
SOURCE_DAYS = 1
START_SECONDS = 10.0


class SandboxTopics:
    """Writes, reads and removes the topics of one run.

    Every method raises `SandboxTrouble` if the broker fails.
    """

    def __init__(
        self,
        client_options: ClientOptions,
        admin: AIOKafkaAdminClient,
        reader: AIOKafkaConsumer,
        namespace: str,
        *,
        is_exact: bool,
    ) -> None:
        self._client_options = client_options
        self._admin = admin
        self._reader = reader
        self._is_exact = is_exact
        self._names = Names(namespace)
        self.source = f"{namespace}.events"

    async def create_source(self) -> None:
        """Create upstream's topic.

        Raises:
            TopicTrouble: the broker forbids it.
        """
        plan = kept_topic(self.source, PARTITIONS, SOURCE_DAYS)
        await Topics(self._admin, None).create([plan])

    async def write(self, blocks: Iterable[Iterable[Event]]) -> AsyncIterator[int]:
        """Write events; yields the size of each block. At the end all events are durable."""
        with _kafka_named():
            producer = make_producer(self._client_options, idempotent=False)
            await producer.start()
            try:
                for block in blocks:
                    count = 0
                    for event in block:
                        await producer.send(self.source, event.value, event.key)
                        count += 1
                    yield count
                await producer.flush()
            finally:
                await close(producer)

    async def all_settled(self) -> bool:
        """Whether every stage has committed everything in its topics.

        It checks in the order of the flow: once ingest is done, the lanes get no new records; once
        the lanes are done, there are no new jobs.
        """
        with _kafka_named():
            topics = await Topics(self._admin, None).partitions()
            stages = (
                ("ingest", [self.source]),
                ("upload", list(self._names.lanes(topics).values())),
                ("poll", [self._names.jobs]),
            )
            for stage, read in stages:
                partitions = [
                    TopicPartition(topic, number)
                    for topic in read
                    for number in range(topics.get(topic, 0))
                ]
                if not await self._is_through(self._names.group(stage), partitions):
                    return False
            return True

    async def _is_through(self, group: str, partitions: list[TopicPartition]) -> bool:
        ends = await self._reader.end_offsets(partitions)
        try:
            committed = await self._admin.list_consumer_group_offsets(group, partitions=partitions)
        except kafka_errors.GroupCoordinatorNotAvailableError:
            # A new cluster creates its topic of offsets only when the first group needs it.
            return False
        return all(
            end == 0 or (tp in committed and committed[tp].offset >= end)
            for tp, end in ends.items()
        )

    async def dead_letters(self) -> Letters:
        """All messages that are now in the topic of dead letters."""
        counts: Counter[LetterKind] = Counter()
        invalid: set[Member] = set()

        def take(record: PlacedRecord) -> None:
            kind = _kind(record)
            counts[kind] += 1
            if kind.reason == "invalid":
                invalid.add(_member(record))

        # Read to the end that a fetch names, because ListOffsets of the embedded broker is too low.
        async with reading(
            self._client_options, committed_only=self._is_exact, patience=START_SECONDS
        ) as reader:
            await read_whole(reader, self._names.dead_letters, take)
        return Letters(counts=counts, invalid=invalid)

    async def remove(self) -> None:
        """Delete the topics of the run, if the broker goes on without it."""
        ours = f"{self._names.namespace}."
        topics = await Topics(self._admin, None).partitions()
        await self._admin.delete_topics([topic for topic in topics if topic.startswith(ours)])


@asynccontextmanager
async def sandbox_topics(
    address: str, namespace: str, *, stay_behind: bool
) -> AsyncIterator[SandboxTopics]:
    """The topics of a run, in its namespace; removed at the end if the broker goes on.

    Raises:
        ClusterTrouble: no broker answers at the address.
    """
    client_options = ClientOptions(bootstrap_servers=address, client_id="audience-sandbox")
    async with AsyncExitStack() as stack:
        admin = await stack.enter_async_context(admin_client(client_options, START_SECONDS))
        reader = AIOKafkaConsumer(
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            **client_options.arguments(),
        )
        await reader.start()
        stack.push_async_callback(stop, reader)
        topics = SandboxTopics(client_options, admin, reader, namespace, is_exact=stay_behind)
        try:
            yield topics
        finally:
            if stay_behind:
                with contextlib.suppress(kafka_errors.KafkaError):
                    await topics.remove()


@contextmanager
def _kafka_named() -> Iterator[None]:
    try:
        yield
    except kafka_errors.KafkaError as error:
        raise SandboxTrouble(f"Kafka failed in the middle: {type(error).__name__}") from error


def _kind(record: PlacedRecord) -> LetterKind:
    headers = dict(record.headers)
    return LetterKind(headers["stage"].decode(), headers["reason"].decode())


def _member(record: PlacedRecord) -> Member:
    audience, _, member = (record.key or b"0|").decode().partition("|")
    return int(audience), member
