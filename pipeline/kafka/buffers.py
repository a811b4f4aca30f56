"""What a lease and the fetch loop may ask of the client's buffers."""

import asyncio
from collections.abc import Sequence
from typing import Protocol

from aiokafka import TopicPartition

from pipeline.stages.ports import Record


class Buffers(Protocol):
    """What a client has fetched and nobody has taken, partition by partition.

    All but `arrival` answer at once, so nothing can happen between a look and a take.
    """

    def arrival(self) -> asyncio.Future[None]:
        """Done with the next records or the next error of any partition."""

    def waiting(self) -> Sequence[TopicPartition]:
        """Partitions with records, an error or only markers to take."""

    def take(self, tp: TopicPartition, most: int, *, singly: bool = False) -> Sequence[Record]:
        """The next records of a partition, at most so many; raises its `KafkaError`.

        An error in the middle of what was fetched loses what stands before it, which is fetched
        again; with `singly` the records before it are returned, and the error comes next time.
        """

    def position(self, tp: TopicPartition) -> int | None:
        """Where the next take begins: behind the markers of transactions, too."""

    def size(self, tp: TopicPartition) -> int:
        """Bytes that wait to be taken, as they came from the broker."""

    def seek(self, tp: TopicPartition, offset: int) -> None:
        """Go on from this offset; what was fetched is thrown away."""

    def pause(self, tp: TopicPartition) -> None:
        """Fetch no more of it; what was fetched stays."""

    def resume(self, tp: TopicPartition) -> None: ...

    def end(self, tp: TopicPartition) -> int | None:
        """The end of the partition as the last fetch said it."""

    def answered_ms(self, tp: TopicPartition) -> int | None:
        """When a broker last handed the partition out, with records or without."""
