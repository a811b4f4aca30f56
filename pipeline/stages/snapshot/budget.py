"""How many runs may still be asked for: the partner counts them by the day, and so do we.

A day is any rolling 24 hours and five minutes, because we do not know when the partner's day
begins. The five minutes are for clocks that differ and for requests that arrive late. A run counts
from the moment it was intended. It counts also where nobody knows whether it started.

A day must also have passed by a steady clock, which nobody sets. Otherwise a wall clock that is set
a day ahead would make us forget the runs of the last hours.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from pipeline.destinations.snapshots import SnapshotRules

DAY_MS = (24 * 3600 + 300) * 1000
RESERVED_SHARE = 10
"""One of this many runs is kept for withdrawals and operators."""


class _Payment(NamedTuple):
    at_ms: int
    steady_at: float
    """The same moment by the steady clock."""


@dataclass(slots=True)
class Budget:
    """The paid runs of one destination. Times in milliseconds since the epoch."""

    rules: SnapshotRules
    steady: Callable[[], float]
    """Seconds of a clock that goes on through suspend and that nobody sets."""
    _paid: dict[tuple[str, int], _Payment] = field(default_factory=dict)

    @property
    def limit(self) -> int:
        return self.rules.runs_per_day

    def charge(self, audience: str, n: int, at_ms: int, now_ms: int) -> None:
        """Pay for one run of the file `n`; paying for it again at another time moves the payment.

        Only the wall clock tells the age of a payment that a former owner made.
        """
        before = self._paid.get((audience, n))
        if before is None or before.at_ms != at_ms:
            age = max(0, now_ms - at_ms) / 1000
            self._paid[audience, n] = _Payment(at_ms, self.steady() - age)

    def refund(self, audience: str, n: int) -> None:
        """Take the payment back: the run surely never started."""
        self._paid.pop((audience, n), None)

    def forget(self, now_ms: int) -> None:
        """Drop payments that are older than a day."""
        steady = self.steady()
        self._paid = {
            one: payment
            for one, payment in self._paid.items()
            if _counted_from(payment, now_ms, steady) > now_ms - DAY_MS
        }

    def used(self, now_ms: int) -> int:
        return len(self._ats(now_ms))

    def free_at(self, audience: str, now_ms: int, *, is_urgent: bool, reserved: int = 0) -> int:
        """Return when one more run may be paid for: now, or later if no other is paid until then.

        `reserved`: ordinary runs that other audiences are about to pay for.
        """
        ats = self._ats(now_ms)
        ordinary = max(1, self.limit - self.limit // RESERVED_SHARE)
        reserved = min(reserved, max(0, ordinary - len(ats)))
        of_all = _free_at(ats, (self.limit if is_urgent else ordinary) - reserved, now_ms)
        of_one = _free_at(self._ats(now_ms, audience), self.rules.runs_per_audience_and_day, now_ms)
        return max(of_all, of_one)

    def is_worn_out(self, runs: int) -> bool:
        """Whether an audience that had `runs` runs in its life may have no more."""
        total = self.rules.runs_per_audience_total
        return total is not None and runs >= total

    def _ats(self, now_ms: int, audience: str | None = None) -> list[int]:
        since_ms, steady = now_ms - DAY_MS, self.steady()
        ats = (
            _counted_from(payment, now_ms, steady)
            for (one, _), payment in self._paid.items()
            if audience in (None, one)
        )
        return sorted(at_ms for at_ms in ats if at_ms > since_ms)


def _counted_from(payment: _Payment, now_ms: int, steady: float) -> int:
    """Return when the payment was made, by the clock that makes the payment younger."""
    age_ms = math.ceil((steady - payment.steady_at) * 1000) + 1
    return max(payment.at_ms, now_ms - age_ms)


def _free_at(ats: list[int], most: int, now_ms: int) -> int:
    """Return when fewer than `most` of these times are younger than a day."""
    too_many = len(ats) - most
    if too_many < 0:
        return now_ms
    # With `most` at zero there is never a place: look again when the newest is a day old.
    return ats[min(too_many, len(ats) - 1)] + DAY_MS if ats else now_ms + DAY_MS
