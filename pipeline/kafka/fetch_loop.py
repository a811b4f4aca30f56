"""One loop for each group: wakes only the leases for which the client has records.

If each lease waited in its own `getmany`, every arrival would wake all: 800 idle lanes used a whole
processor that way. Here the cost follows the records; a lane without records costs nothing.
"""

import asyncio
from collections.abc import Callable, Mapping

from aiokafka import TopicPartition

from pipeline.kafka.buffers import Buffers
from pipeline.kafka.lease import KafkaLease


class FetchLoop:
    """Looks at the client's buffers whenever something arrives."""

    def __init__(
        self,
        buffers: Buffers,
        leases: Callable[[], Mapping[TopicPartition, KafkaLease]],
        *,
        at_most: int,
    ) -> None:
        """`at_most`: bound for the bytes that the client keeps while no worker asks for them."""
        self._buffers = buffers
        self._leases = leases
        self._at_most = at_most

    async def run(self) -> None:
        """Wake leases until cancelled."""
        while True:
            # Before the look, or an arrival in between would wake nobody.
            arrival = self._buffers.arrival()
            # Errors of the coordination arrive here, too; the group checks for them itself.
            arrival.add_done_callback(lambda done: done.cancelled() or done.exception())
            leases = self._leases()
            for tp in self._buffers.waiting():
                if (lease := leases.get(tp)) is not None:
                    lease.arrived()
            self._bound(leases)
            await asyncio.wait([arrival])

    @property
    def buffered_bytes(self) -> int:
        """Bytes that the client has fetched and nobody has taken."""
        return sum(self._buffers.size(tp) for tp in self._buffers.waiting())

    def _bound(self, leases: Mapping[TopicPartition, KafkaLease]) -> None:
        """Drop records that no worker asks for, largest first; they are fetched again later."""
        sizes = {tp: self._buffers.size(tp) for tp in self._buffers.waiting()}
        excess = sum(sizes.values()) - self._at_most
        for tp in sorted(sizes, key=lambda tp: -sizes[tp]):
            if excess <= 0:
                return
            lease = leases.get(tp)
            if lease is not None and not lease.is_asking:
                lease.let_go()
                excess -= sizes[tp]
