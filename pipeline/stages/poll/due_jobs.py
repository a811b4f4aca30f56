"""The jobs of one destination in one partition, each worked on when it is due."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from pipeline.stages.poll.following import Followed
from pipeline.stages.poll.turns import Turns
from pipeline.stages.ports import Lease
from pipeline.stages.waiting import LOOK_AGAIN_SECONDS, until

CONNECTION_SHARE = 16
"""Most jobs of one connection that are asked for, or written as ended, at the same time."""


class Gate(Protocol):
    """Says when the destination may be asked."""

    def silent_for(self) -> float:
        """Return for how many seconds nothing may be asked."""

    async def turn(self) -> None:
        """Return when one more question may go out."""


class DueJobs:
    """The jobs of one destination, so that a destination that hangs delays no other."""

    def __init__(
        self,
        name: str,
        *,
        lease: Lease,
        gate: Gate,
        work: Callable[[Followed], Awaitable[None]],
    ) -> None:
        """`work` is called once for each job that was added, while the lease is held."""
        self._name = name
        self._lease = lease
        self._gate = gate
        self._work = work
        self._turns: Turns[Followed] = Turns(CONNECTION_SHARE)
        self._changed = asyncio.Event()
        self._in_flight = 0
        self._drained = asyncio.Event()
        self._drained.set()

    def __len__(self) -> int:
        """Return how many jobs wait."""
        return len(self._turns)

    def add(self, followed: Followed, wait: float) -> None:
        """Work on this job after `wait` seconds."""
        self._turns.add(followed.job.connection, _now() + wait, followed)
        self._changed.set()

    async def drained(self) -> None:
        """Return once no job is worked on."""
        await self._drained.wait()

    async def run(self) -> None:
        """Work on every job when it is due, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                await self._until_due()
                await self._gate.turn()
                if not self._lease.is_held or self._gate.silent_for() > 0:
                    continue
                followed = self._turns.take(_now())
                if followed is not None:
                    self._in_flight += 1
                    self._drained.clear()
                    tasks.create_task(self._at_work(followed), name=f"job of {self._name}")

    async def _until_due(self) -> None:
        while True:
            await self._lease.wait_held()
            self._changed.clear()
            due = self._turns.due_in(_now())
            wait = LOOK_AGAIN_SECONDS if due is None else max(due, self._gate.silent_for())
            if wait <= 0:
                return
            await until(self._changed, min(wait, LOOK_AGAIN_SECONDS))

    async def _at_work(self, followed: Followed) -> None:
        try:
            await self._work(followed)
        finally:
            self._turns.done(followed.job.connection)
            self._in_flight -= 1
            if not self._in_flight:
                self._drained.set()
            self._changed.set()


def _now() -> float:
    return asyncio.get_running_loop().time()
