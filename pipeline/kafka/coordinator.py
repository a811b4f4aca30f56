"""Commits and fetches offsets without guessing, through the consumer's own coordinator.

The library's own calls are not safe enough: its fetch reads an answer with an error as "no offset
committed", and it repeats a commit with any generation that the member has by then, even with none.
Each call here is one request, built with the generation of one assignment.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka import errors as kafka_errors
from aiokafka.protocol.commit import OffsetCommitRequest, OffsetFetchRequest
from aiokafka.protocol.group import HeartbeatRequest

from pipeline.kafka.internals import GroupMember

NO_OFFSET = -1
_MOVED = (
    kafka_errors.GroupCoordinatorNotAvailableError,
    kafka_errors.NotCoordinatorForGroupError,
)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Generation:
    """Our identity in the group for one assignment."""

    number: int
    member_id: str


@dataclass(frozen=True, slots=True)
class Committed:
    """The offset and metadata that the group has stored for a partition."""

    offset: int
    metadata: str


class Coordinator:
    """The group's coordinator, as one consumer knows it.

    Every method raises `aiokafka.errors.KafkaError` without a good answer. Then nothing is known,
    and the caller asks again.
    """

    def __init__(self, consumer: AIOKafkaConsumer, group: str) -> None:
        self._group = group
        self._member = GroupMember(consumer)

    def generation(self) -> Generation:
        return Generation(self._member.generation, self._member.member_id)

    def rejoin(self) -> None:
        """Ask for a new assignment."""
        self._member.rejoin()

    def check(self) -> None:
        """Raise the error that stopped the consumer's coordination, if there is one.

        After an error of one of its side tasks we ask for a new assignment, which starts the tasks
        again. (The library looks up offsets for itself, and fails when the coordinator moves.)
        """
        try:
            self._member.raise_errors()
        except kafka_errors.KafkaError as error:
            if self._member.is_over or type(error) is not kafka_errors.KafkaError:
                raise
            log.warning("coordination failed: rejoining", group=self._group)
            self.rejoin()

    async def confirm(self, generation: Generation) -> None:
        """Raise unless the group still knows us as this member of this generation.

        A rebalance in preparation is no error: the group has given nothing to others yet.
        """
        await self.is_stable(generation)

    async def is_stable(self, generation: Generation) -> bool:
        """Whether the group knows us as this member, and prepares no rebalance.

        A commit does not show this: the group accepts commits until the rebalance is over.
        """
        response = await self._member.ask(
            HeartbeatRequest(self._group, generation.number, generation.member_id)
        )
        if response.error_code == kafka_errors.RebalanceInProgressError.errno:
            return False
        self._raise(response.error_code)
        return True

    async def commit(
        self, generation: Generation, offsets: Mapping[TopicPartition, Committed]
    ) -> Mapping[TopicPartition, type[Exception]]:
        """Store offsets as this member of this generation; return the partitions that failed."""
        topics: dict[str, list[tuple[int, int, str]]] = defaultdict(list)
        for tp, committed in offsets.items():
            topics[tp.topic].append((tp.partition, committed.offset, committed.metadata))
        response = await self._member.ask(
            OffsetCommitRequest(
                self._group,
                generation.number,
                generation.member_id,
                OffsetCommitRequest.DEFAULT_RETENTION_TIME,
                list(topics.items()),
            )
        )
        failed: dict[TopicPartition, type[Exception]] = {}
        for topic, partitions in response.topics:
            for partition, code in partitions:
                if code:
                    failed[TopicPartition(topic, partition)] = kafka_errors.for_code(code)
        self._note(failed.values())
        return failed

    async def committed(
        self, partitions: Sequence[TopicPartition]
    ) -> Mapping[TopicPartition, Committed]:
        """Return the stored offsets; partitions without one are absent."""
        found: dict[TopicPartition, Committed] = {}
        for tp, stored in (await self.stored(partitions)).items():
            if isinstance(stored, type):
                raise stored
            if stored is not None:
                found[tp] = stored
        return found

    async def stored(
        self, partitions: Sequence[TopicPartition]
    ) -> Mapping[TopicPartition, Committed | type[Exception] | None]:
        """Return what is stored for each partition: None for nothing, or its answer's error."""
        topics: dict[str, list[int]] = defaultdict(list)
        for tp in partitions:
            topics[tp.topic].append(tp.partition)
        response = await self._member.ask(OffsetFetchRequest(self._group, list(topics.items())))
        self._raise(getattr(response, "error_code", 0))
        found: dict[TopicPartition, Committed | type[Exception] | None] = {}
        for topic, answers in response.topics:
            for partition, offset, metadata, code in answers:
                tp = TopicPartition(topic, partition)
                found[tp] = None if offset == NO_OFFSET else Committed(offset, metadata or "")
                if code:
                    found[tp] = kafka_errors.for_code(code)
        self._note([error for error in found.values() if isinstance(error, type)])
        if missing := set(partitions) - found.keys():
            raise kafka_errors.UnknownError(f"no answer for {len(missing)} partitions")
        return found

    def _raise(self, code: int) -> None:
        if code:
            error = kafka_errors.for_code(code)
            self._note([error])
            raise error()

    def _note(self, failures: Iterable[type[Exception]]) -> None:
        if any(issubclass(failure, _MOVED) for failure in failures):
            self._member.coordinator_moved()
