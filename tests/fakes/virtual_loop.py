"""An event loop without waiting: when nothing is ready, its clock jumps to the next timer."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

TURN_SECONDS = 1e-9
"""What one turn of the loop costs. Without it, whoever waits for less than the clock can show, as
the rest of a rounded sum, would be woken for ever at the same instant."""


class NothingWillHappen(RuntimeError):
    """Everybody waits and nobody has a timer: in real time this would hang."""


class VirtualClock(selectors.DefaultSelector):
    """Waits by moving the hands."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.waits = 0
        """How often everybody waited for a timer: what an idle program costs."""

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready:
            if timeout is None:
                raise NothingWillHappen("every task waits for another one")
            self.waits += timeout > 0
            self.now += max(timeout, TURN_SECONDS)
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """Timers, task groups and timeouts as always, in no time; the clock starts at zero."""

    def __init__(self) -> None:
        self._clock = VirtualClock()
        super().__init__(self._clock)

    def time(self) -> float:
        return self._clock.now

    def waits(self) -> int:
        """How often everybody waited for a timer."""
        return self._clock.waits


def run_virtual(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run to the end, in virtual time.

    Raises:
        NothingWillHappen: all tasks wait and no timer is set.
    """
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(coroutine)
