"""The committed offsets of a group, and the ends of its partitions, asked for all together."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from functools import partial

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka import errors as kafka_errors

from pipeline.kafka.coordinator import Committed, Coordinator, Generation
from pipeline.kafka.gathered import Gathered
from pipeline.kafka.offset_lookup import END, OLDEST, offsets_at


class GroupOffsets:
    """The offsets of one group, while its consumer lives.

    Every method raises `aiokafka.errors.KafkaError` without a good answer. Then nothing is known,
    and the caller asks again. An error of one partition fails no other.
    """

    def __init__(
        self,
        consumer: AIOKafkaConsumer,
        coordinator: Coordinator,
        *,
        topics: Sequence[str],
        generation: Callable[[], Generation],
        has_worked: Callable[[], Awaitable[bool]],
    ) -> None:
        """`has_worked` looks for records that the group must have written to our topics."""
        self._consumer = consumer
        self._coordinator = coordinator
        self._topics = topics
        self._generation = generation
        self._has_worked = has_worked
        self._committed = Gathered(self._ask_committed, kafka_errors.KafkaError)
        self._oldest = Gathered(partial(self._ask_offsets, OLDEST), kafka_errors.KafkaError)
        self._ends = Gathered(partial(self._ask_offsets, END), kafka_errors.KafkaError)

    async def committed(self, tp: TopicPartition) -> Committed | None:
        """Return what is stored for a partition, asked as a member of this generation."""
        stored = await self._committed.get(tp)
        if isinstance(stored, type):
            raise stored
        return stored

    async def committed_of(
        self, partitions: Collection[TopicPartition]
    ) -> Mapping[TopicPartition, Committed]:
        """Return what is stored for several partitions; those without an offset are absent."""
        return await self._coordinator.committed(sorted(partitions))

    async def oldest(self, tp: TopicPartition) -> int:
        return _offset(tp, await self._oldest.get(tp))

    async def end(self, tp: TopicPartition) -> int:
        """Return the end that the broker names; the embedded broker names one too low."""
        return _offset(tp, await self._ends.get(tp))

    async def commit(self, offsets: Mapping[TopicPartition, Committed]) -> None:
        """Store offsets as a member of this generation."""
        failed = await self._coordinator.commit(self._generation(), offsets)
        for failure in failed.values():
            raise failure()

    def partitions(self, topic: str) -> Collection[TopicPartition]:
        """Return all known partitions of a topic."""
        numbers = self._consumer.partitions_for_topic(topic) or ()
        return {TopicPartition(topic, number) for number in numbers}

    def all_partitions(self) -> Collection[TopicPartition]:
        """Return all partitions of all topics of the group."""
        return {tp for topic in self._topics for tp in self.partitions(topic)}

    async def were_forgotten(self) -> bool:
        """Whether the group has no offset at all, though it has worked before.

        Brokers forget the offsets of a group that was away for longer than their retention.
        """
        if await self._coordinator.committed(sorted(self.all_partitions())):
            return False
        return await self._has_worked()

    async def _ask_committed(
        self, partitions: Sequence[TopicPartition]
    ) -> Mapping[TopicPartition, Committed | type[Exception] | None]:
        # A process that was frozen must ask before it touches partitions of a new owner.
        await self._coordinator.confirm(self._generation())
        return await self._coordinator.stored(partitions)

    async def _ask_offsets(
        self, at: int, partitions: Sequence[TopicPartition]
    ) -> Mapping[TopicPartition, int | type[Exception]]:
        return await offsets_at(self._consumer, partitions, at)


def _offset(tp: TopicPartition, answer: int | type[Exception] | None) -> int:
    if answer is None:
        raise kafka_errors.UnknownError(f"no answer for {tp.topic}[{tp.partition}]")
    if isinstance(answer, type):
        raise answer
    return answer
