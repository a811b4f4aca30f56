"""Whose job is asked next: each when it is due, the connections in turn, and each its share."""

import heapq
import math
from collections import Counter, OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class Turns(Generic[T]):
    """Due items, one connection after the other, so that a busy one does not crowd out the rest.

    No connection has more than its share at once, so that one whose questions hang holds up
    nobody: who takes an item says `done` when its question is over.
    """

    def __init__(self, share: float = math.inf) -> None:
        self._share = share
        self._heaps: OrderedDict[Hashable, list[tuple[float, int, T]]] = OrderedDict()
        self._taken: Counter[Hashable] = Counter()
        self._count = 0

    def add(self, owner: Hashable, due: float, item: T) -> None:
        self._count += 1
        heap = self._heaps.setdefault(owner, [])
        heapq.heappush(heap, (due, self._count, item))

    def take(self, now: float) -> T | None:
        """The next due item of the connection that has waited longest for its turn."""
        for owner, heap in self._heaps.items():
            if heap[0][0] <= now and self._taken[owner] < self._share:
                _, _, item = heapq.heappop(heap)
                self._taken[owner] += 1
                self._heaps.move_to_end(owner)
                if not heap:
                    del self._heaps[owner]
                return item
        return None

    def done(self, owner: Hashable) -> None:
        """One item of this connection is no longer at work."""
        self._taken[owner] -= 1
        if not self._taken[owner]:
            del self._taken[owner]

    def due_in(self, now: float) -> float | None:
        """Seconds until something can be taken; None when nothing can before a `done`."""
        dues = [
            heap[0][0] for owner, heap in self._heaps.items() if self._taken[owner] < self._share
        ]
        return max(0.0, min(dues) - now) if dues else None

    def __len__(self) -> int:
        return sum(len(heap) for heap in self._heaps.values())
