"""Computes how fast a lane may send, so that every rolling window stays below the cap."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

# A second of the partner's clock may be longer than ours, by up to a thousandth.
CLOCK_ALLOWANCE = 1.001


Dimension = Literal["records", "requests", "bytes"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """The limits of one lane in any rolling window; None: the partner does not count this.

    The lane must stay below each number.
    """

    window: float
    """Seconds."""
    records: int | None = None
    requests: int | None = None
    bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """The token bucket of one lane: at most `burst` tokens, refilled at `rate` tokens a second.

    The bucket must start empty at each takeover of the lane.
    """

    burst: int
    rate: float


class CapTooSmall(ValueError):
    """The cap is not larger than what bursts and requests in flight may add."""


SMALLER: Mapping[Dimension, str] = {
    "records": "batch.max_records or max_in_flight",
    "requests": "max_in_flight",
    "bytes": "batch.max_bytes or max_in_flight",
}
"""The configuration keys that lower what is in flight, for each limit."""


def pace(
    *,
    cap: int,
    window: float,
    largest_batch: int,
    max_in_flight: int,
    counts: Dimension = "records",
) -> Pace:
    """Return the fastest pace with fewer than `cap` records in every window of `window` seconds.

    At most burst + window * rate records are admitted in a window. Records that were admitted
    before it and arrive in it are at most those that the owner may have in flight, and as many
    again for an owner that lost the lane with requests in flight. The sum stays below the cap.

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
    """Return the pace for each limit of the quota, by the same arithmetic.

    Raises:
        CapTooSmall: one of the limits is too small.
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
    """Counts the records of the last `length` seconds, for the metric of the cap's use."""

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
