"""How fast a lane may send so that no rolling window ever holds as many records as the cap."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

# Our clock and the partner's may disagree on the length of a second: a thousandth is for that.
CLOCK_ALLOWANCE = 1.001


Dimension = Literal["records", "requests", "bytes"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """What a partner takes of one lane in any rolling window; None where it counts no such thing.

    Fewer than each number may reach it.
    """

    window: float
    """Seconds."""
    records: int | None = None
    requests: int | None = None
    bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """The token bucket of one lane: `burst` tokens at most, refilled at `rate` records a second.

    It must start empty whenever a lane is taken over.
    """

    burst: int
    rate: float


class CapTooSmall(ValueError):
    """The cap leaves nothing to send beside what bursts and requests in flight may add."""


SMALLER: Mapping[Dimension, str] = {
    "records": "batch.max_records or max_in_flight",
    "requests": "max_in_flight",
    "bytes": "batch.max_bytes or max_in_flight",
}
"""The keys that make less of each be in flight."""


def pace(
    *,
    cap: int,
    window: float,
    largest_batch: int,
    max_in_flight: int,
    counts: Dimension = "records",
) -> Pace:
    """The fastest pace with which every window of `window` seconds holds fewer than `cap` records.

    For any window: what is admitted in it is at most burst + window * rate; what was admitted
    before it and arrives in it is at most what the owner may have in flight, and as much again
    for an owner that lost the lane with requests in flight. The sum stays below the cap.

    Raises:
        CapTooSmall: names the window, what it counts, and the smallest cap for these batches.
    """
    burst = 2 * largest_batch
    in_flight = max_in_flight * largest_batch
    steady = cap - 1 - burst - 2 * in_flight
    if steady <= 0:
        each = "" if counts == "requests" else f" of {largest_batch} {counts}"
        raise CapTooSmall(
            f"a cap of {cap} {counts} in {window:g} seconds is too small for {max_in_flight} "
            f"requests{each} in flight: lower {SMALLER[counts]}, or raise the cap above "
            f"{burst + 2 * in_flight + 1}"
        )
    return Pace(burst=burst, rate=steady / (CLOCK_ALLOWANCE * window))


def paces(
    quota: Quota, *, largest_batch: int, largest_body: int, max_in_flight: int
) -> Mapping[Dimension, Pace]:
    """The pace of each thing that the quota counts, by the same arithmetic.

    Raises:
        CapTooSmall: one of them is too small.
    """
    counted: tuple[tuple[Dimension, int | None, int], ...] = (
        ("records", quota.records, largest_batch),
        ("requests", quota.requests, 1),
        ("bytes", quota.bytes, largest_body),
    )
    return {
        dimension: pace(
            cap=cap,
            window=quota.window,
            largest_batch=largest,
            max_in_flight=max_in_flight,
            counts=dimension,
        )
        for dimension, cap, largest in counted
        if cap is not None
    }


class RollingWindow:
    """Counts the records of the last `length` seconds, for the metric that shows the cap's use."""

    def __init__(self, length: float) -> None:
        self._length = length
        self._sent: deque[tuple[float, int]] = deque()
        self._total = 0

    def add(self, count: int, now: float) -> None:
        self._sent.append((now, count))
        self._total += count

    def total(self, now: float) -> int:
        while self._sent and self._sent[0][0] <= now - self._length:
            self._total -= self._sent.popleft()[1]
        return self._total
