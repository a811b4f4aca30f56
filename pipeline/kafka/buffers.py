"""What a lease and the fetch loop need from the client's buffers."""

import asyncio
from collections.abc import Sequence
from typing import Protocol

from aiokafka import TopicPartition

from pipeline.stages.ports import Record


class Buffers(Protocol):
    """The records that a client has fetched and nobody has taken, by partition.

    All methods but `arrival` answer at once, so nothing happens between a look and a take.
    """

    def arrival(self) -> asyncio.Future[None]:
        """Return a future that is done with the next records or error of any partition."""

    def waiting(self) -> Sequence[TopicPartition]:
        """Return the partitions with records, an error or only markers to take."""

    def take(self, tp: TopicPartition, most: int, *, singly: bool = False) -> Sequence[Record]:
        """Return the next records of a partition, at most `most`; raises its `KafkaError`.

        After an error in the middle of the fetched records, those before it are lost and fetched
        again. With `singly` they are returned, and the error comes with the next call.
        """

    def position(self, tp: TopicPartition) -> int | None:
        """Return the offset of the next take, behind any markers of transactions."""

    def size(self, tp: TopicPartition) -> int:
        """Return the bytes that wait to be taken, as they came from the broker."""

    def seek(self, tp: TopicPartition, offset: int) -> None:
        """Go on from this offset; drop the fetched records."""

    def pause(self, tp: TopicPartition) -> None:
        """Stop fetching the partition; keep the fetched records."""

    def resume(self, tp: TopicPartition) -> None: ...

    def end(self, tp: TopicPartition) -> int | None:
        """Return the end of the partition by the last fetch; None before the first one."""

    def answered_ms(self, tp: TopicPartition) -> int | None:
        """Return when a broker last answered a fetch of the partition, with records or without."""
