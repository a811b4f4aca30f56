"""Job messages that are left in their topic, because enough of their kind are in memory. Pure."""

from collections import defaultdict
from collections.abc import Mapping

DEFERRED_AT_MOST = 100_000
"""Most offsets that one partition remembers; some 100 bytes each."""


class DeferredJobs:
    """Offsets to read once more, by the kind of their jobs: the destination, or another kind.

    A destination that answers nothing for hours has ever more pending jobs. They must not block the
    jobs of other destinations behind them, so only a share of each kind is followed at once.
    """

    def __init__(self, share: int) -> None:
        self._share = share
        self._offsets: defaultdict[str, set[int]] = defaultdict(set)
        self._again: set[int] = set()
        """Offsets of all kinds that are being read once more."""

    def __len__(self) -> int:
        return sum(map(len, self._offsets.values())) + len(self._again)

    @property
    def is_full(self) -> bool:
        """Whether no more offsets can be remembered, so that the partition has to wait."""
        return len(self) >= DEFERRED_AT_MOST

    def exceeds(self, followed: int) -> bool:
        """Whether a kind has used its share when `followed` of its jobs are in memory."""
        return followed >= self._share

    def defer(self, kind: str, offset: int) -> None:
        """Leave this message in the topic for now."""
        self._offsets[kind].add(offset)

    def read_again(self, followed: Mapping[str, int]) -> int | None:
        """Return the offset to read again from, given how many jobs of each kind are followed.

        None until half of a share is free. Otherwise each job that ends would cause a new reading.
        """
        due = [
            kind
            for kind, offsets in self._offsets.items()
            if offsets and followed.get(kind, 0) <= self._share // 2
        ]
        if not due:
            return None
        for kind in due:
            self._again |= self._offsets.pop(kind)
        return min(self._again)

    def is_due(self, offset: int) -> bool:
        """Whether to take up a deferred message now; ask only once for each offset."""
        if offset not in self._again:
            return False
        self._again.remove(offset)
        return True
