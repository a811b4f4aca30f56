"""Proves that this process owns a unit that the group gave it: one proof for the whole unit."""

import asyncio
from collections.abc import Callable


class OwnershipProof:
    """The proof for one unit, between its takeover and its loss.

    A commit that the coordinator accepted proves ownership, from the moment it was *sent*, for
    less than the session timeout: in that time nobody else can get the unit. A proof that ran out
    is never renewed (the lease has lapsed): another process may have had the unit meanwhile, so it
    must be assigned anew.
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
        """Whether a proof ran out; then another process may own the unit."""
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
        """Note an accepted commit, which proves ownership. After revocation no commit does."""
        if self._assigned.is_set() and not self.has_lapsed:
            self._until = until
            self._proven.set()

    def revoke(self) -> None:
        """End admission at once; the unit may still come back."""
        self._assigned.clear()

    def renew(self) -> None:
        """Note that this process got the unit back, and nobody else had it in between."""
        self._until = None
        self._assigned.set()
