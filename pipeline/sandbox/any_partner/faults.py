"""When a simulated partner misbehaves: as often as scripted, or as a seed draws it."""

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
    """What strikes so many times (None: always), for so many seconds (None: for ever)."""

    times: int | None
    seconds: float | None


Scripted = TypeVar("Scripted", bound=Limited)


class Strikes(Generic[Scripted]):
    """Says what strikes now, and counts it. The same seed draws the same."""

    def __init__(self, random: Random) -> None:
        self.counts: Counter[str] = Counter()
        """By name; all scripted faults have one."""
        self._random = random
        self._waiting: list[tuple[Scripted, float]] = []

    def script(self, entries: Sequence[Scripted], now: float) -> None:
        """Add faults behind those already waiting; their seconds count from now."""
        for entry in entries:
            until = math.inf if entry.seconds is None else now + entry.seconds
            self._waiting.append((entry, until))

    def clear(self) -> None:
        """Forget everything scripted."""
        self._waiting.clear()

    def scripted(self, now: float, matches: Callable[[Scripted], bool]) -> Scripted | None:
        """The first scripted fault that matches; it has then struck once more."""
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
        """Seconds, drawn evenly between the bounds; where they are 0, nothing is drawn."""
        shortest, longest = bounds
        return self._random.uniform(shortest, longest) if longest > 0 else 0.0

    def _use(self, entry: Scripted) -> None:
        if entry.times is None:
            return
        entry.times -= 1
        if entry.times <= 0:
            self._waiting = [pair for pair in self._waiting if pair[0] is not entry]
