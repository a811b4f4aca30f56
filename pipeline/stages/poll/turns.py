"""Whose job is asked next: each when it is due, and the connections in turn."""

import heapq
from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class Turns(Generic[T]):
    """Due items, one connection after the other, so that a busy one does not crowd out the rest."""

    def __init__(self) -> None:
        self._heaps: OrderedDict[Hashable, list[tuple[float, int, T]]] = OrderedDict()
        self._count = 0

    def add(self, owner: Hashable, due: float, item: T) -> None:
        self._count += 1
        heap = self._heaps.setdefault(owner, [])
        heapq.heappush(heap, (due, self._count, item))

    def take(self, now: float) -> T | None:
        """The next due item of the connection that has waited longest for its turn."""
        for owner, heap in self._heaps.items():
            if heap[0][0] <= now:
                _, _, item = heapq.heappop(heap)
                self._heaps.move_to_end(owner)
                if not heap:
                    del self._heaps[owner]
                return item
        return None

    def due_in(self, now: float) -> float | None:
        """Seconds until something is due; None when there is nothing."""
        if not self._heaps:
            return None
        return max(0.0, min(heap[0][0] for heap in self._heaps.values()) - now)

    def __len__(self) -> int:
        return sum(len(heap) for heap in self._heaps.values())
