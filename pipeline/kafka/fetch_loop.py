"""One loop a group: wakes the leases that the client has records for, and nobody else.

Each lease waiting in its own `getmany` would be woken by every arrival: 800 idle lanes burnt a
processor so. Here an arrival costs what arrived, and a lane without records costs nothing.
"""

import asyncio
from collections.abc import Callable, Mapping

from aiokafka import TopicPartition

from pipeline.kafka.buffers import Buffers
from pipeline.kafka.lease import KafkaLease


class FetchLoop:
    """Looks at what the client has buffered whenever something came."""

    def __init__(
        self,
        buffers: Buffers,
        leases: Callable[[], Mapping[TopicPartition, KafkaLease]],
        *,
        at_most: int,
    ) -> None:
        """`at_most` bounds the bytes that the client keeps for leases that do not ask for it."""
        self._buffers = buffers
        self._leases = leases
        self._at_most = at_most

    async def run(self) -> None:
        """Hand out until cancelled."""
        while True:
            # Before looking, or what comes in between would wake nobody.
            arrival = self._buffers.arrival()
            # Errors of the coordination come this way, too; the group looks for them by itself.
            arrival.add_done_callback(lambda done: done.cancelled() or done.exception())
            leases = self._leases()
            for tp in self._buffers.waiting():
                if (lease := leases.get(tp)) is not None:
                    lease.arrived()
            self._bound(leases)
            await asyncio.wait([arrival])

    @property
    def buffered_bytes(self) -> int:
        """What the client has fetched and nobody has taken."""
        return sum(self._buffers.size(tp) for tp in self._buffers.waiting())

    def _bound(self, leases: Mapping[TopicPartition, KafkaLease]) -> None:
        """Let go of what nobody asks for, the largest first: it is fetched again when needed."""
        sizes = {tp: self._buffers.size(tp) for tp in self._buffers.waiting()}
        excess = sum(sizes.values()) - self._at_most
        for tp in sorted(sizes, key=lambda tp: -sizes[tp]):
            if excess <= 0:
                return
            lease = leases.get(tp)
            if lease is not None and not lease.is_asking:
                lease.let_go()
                excess -= sizes[tp]
