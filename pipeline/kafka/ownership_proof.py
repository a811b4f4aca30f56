"""Whether this process provably owns what the group gave it: one proof for a whole unit."""

import asyncio
from collections.abc import Callable


class OwnershipProof:
    """Between taking a partition or a topic over and losing it.

    Ownership is proven by a commit that the coordinator accepted, from the moment it was *sent*,
    for less than the session timeout: so long nobody else can have been given the unit. A proof
    that ran out is never renewed (the lease has lapsed); the unit must be assigned anew, because
    somebody else may have had it meanwhile.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._assigned = asyncio.Event()
        self._assigned.set()
        self._proven = asyncio.Event()
        self._until: float | None = None

    @property
    def is_held(self) -> bool:
        return self._assigned.is_set() and self._until is not None and self._clock() < self._until

    @property
    def has_lapsed(self) -> bool:
        """Whether a proof ran out: then nothing that was done since can be vouched for."""
        return self._until is not None and self._clock() >= self._until

    @property
    def is_assigned(self) -> bool:
        return self._assigned.is_set()

    async def wait_held(self) -> None:
        while not self.is_held:
            self._proven.clear()
            await self._proven.wait()

    async def wait_assigned(self) -> None:
        await self._assigned.wait()

    def prove(self, until: float) -> None:
        """Take note of a commit that was accepted. After revocation none renews the proof."""
        if self._assigned.is_set() and not self.has_lapsed:
            self._until = until
            self._proven.set()

    def revoke(self) -> None:
        """End admission at once; the unit may still come back."""
        self._assigned.clear()

    def renew(self) -> None:
        """The same process got the unit again, and nobody else had it in between."""
        self._until = None
        self._assigned.set()
