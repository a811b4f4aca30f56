"""Job messages that stay in their topic while enough of their kind are in memory. Pure."""

from collections import defaultdict
from collections.abc import Mapping

DEFERRED_AT_MOST = 100_000
"""Offsets that one partition remembers; some 100 bytes each."""


class DeferredJobs:
    """Offsets to be read once more, by whose jobs they are.

    A destination that answers nothing for hours has ever more pending jobs. They must not keep the
    jobs behind them from being read, which are others'; so of its own only a share is followed.
    """

    def __init__(self, share: int) -> None:
        self._share = share
        self._offsets: defaultdict[str, set[int]] = defaultdict(set)
        self._again: set[int] = set()
        """Those that are being read once more, whoever they are of."""

    def __len__(self) -> int:
        return sum(map(len, self._offsets.values())) + len(self._again)

    @property
    def is_full(self) -> bool:
        """No more can be remembered: the partition has to wait."""
        return len(self) >= DEFERRED_AT_MOST

    def exceeds(self, followed: int) -> bool:
        """Whether a kind has its share with so many followed."""
        return followed >= self._share

    def defer(self, kind: str, offset: int) -> None:
        """Leave this message in the topic for now."""
        self._offsets[kind].add(offset)

    def read_again(self, followed: Mapping[str, int]) -> int | None:
        """Where to read from once more, given how many of each kind are followed; None: not yet.

        Once half of a share is free, or it would be read again for each job that ends.
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
        """Whether a message that was read before is one to be taken up now; asked once for each."""
        if offset not in self._again:
            return False
        self._again.remove(offset)
        return True
