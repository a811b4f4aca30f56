"""Decides when a fault of a simulated partner strikes: by a script, or at random by a seed."""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from random import Random
from typing import Generic, Literal, Protocol, TypeAlias, TypeVar

ConnectionEnding: TypeAlias = Literal[
    "answer",
    "reset",  # the connection is reset before the body is read: nothing arrived
    "drop",  # the body was read, then the connection is closed without an answer
]
ProfileName: TypeAlias = Literal["none", "mild", "rough"]


class Limited(Protocol):
    """A fault with a number of times (None: always) and of seconds (None: for ever)."""

    times: int | None
    seconds: float | None


Scripted = TypeVar("Scripted", bound=Limited)


class Strikes(Generic[Scripted]):
    """Tells which fault strikes now, and counts it. The same seed gives the same faults."""

    def __init__(self, random: Random) -> None:
        self.counts: Counter[str] = Counter()
        """How often each fault struck, by name; all scripted faults share one name."""
        self._random = random
        self._waiting: list[tuple[Scripted, float]] = []

    def script(self, entries: Sequence[Scripted], now: float) -> None:
        """Add faults after those that wait already; their seconds count from now."""
        for entry in entries:
            until = math.inf if entry.seconds is None else now + entry.seconds
            self._waiting.append((entry, until))

    def clear(self) -> None:
        """Remove all scripted faults."""
        self._waiting.clear()

    def scripted(self, now: float, matches: Callable[[Scripted], bool]) -> Scripted | None:
        """The first scripted fault that matches; it counts as struck."""
        self._waiting = [pair for pair in self._waiting if pair[1] > now]
        found = next((entry for entry, _ in self._waiting if matches(entry)), None)
        if found is not None:
            self.counts["scripted"] += 1
            self._use(found)
        return found

    def drawn(self, rate: float, name: str) -> bool:
        """Whether the fault of this name strikes; `rate` is a share of 1."""
        if rate <= 0 or self._random.random() >= rate:
            return False
        self.counts[name] += 1
        return True

    def latency(self, bounds: tuple[float, float]) -> float:
        """Seconds, drawn evenly between the bounds; if both are 0, nothing is drawn."""
        shortest, longest = bounds
        return self._random.uniform(shortest, longest) if longest > 0 else 0.0

    def _use(self, entry: Scripted) -> None:
        if entry.times is None:
            return
        entry.times -= 1
        if entry.times <= 0:
            self._waiting = [pair for pair in self._waiting if pair[0] is not entry]
