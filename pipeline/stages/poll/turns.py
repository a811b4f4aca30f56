"""Which job is asked next: due jobs only, the connections in turn, each with its share."""

import heapq
import math
from collections import Counter, OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class Turns(Generic[T]):
    """Gives due items of one connection after the other, so that a busy one does not block others.

    No connection has more than its share at once, so that a connection whose questions hang blocks
    no other. The caller that takes an item calls `done` when its question is over.
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
        """Return the next due item of the connection that has waited longest; None: none is due."""
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
        """Note that the work on one item of this connection is over."""
        self._taken[owner] -= 1
        if not self._taken[owner]:
            del self._taken[owner]

    def due_in(self, now: float) -> float | None:
        """Return the seconds until an item can be taken; None: not before a `done` or an `add`."""
        dues = [
            heap[0][0] for owner, heap in self._heaps.items() if self._taken[owner] < self._share
        ]
        return max(0.0, min(dues) - now) if dues else None

    def __len__(self) -> int:
        return sum(len(heap) for heap in self._heaps.values())
