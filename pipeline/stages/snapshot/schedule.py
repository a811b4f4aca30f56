"""When an audience's next snapshot is due, and which of several goes first.

Times in milliseconds since the epoch. An add waits from the time it arrived with us, so that a
backfill of old adds is not the most urgent. Removes and withdrawals wait from the time when
upstream stated them.
"""

from dataclasses import dataclass

from pipeline.destinations.snapshots import SnapshotRules
from pipeline.stages.snapshot.run_records import AudienceState

WITHDRAWAL_MS = 24 * 3600 * 1000
RENEW_SHARE = 0.7
"""After this share of a member's lifetime a snapshot is due though nothing has changed."""
EXPIRY_SHARE = 0.75
"""By this share of the lifetime that snapshot should be done."""


@dataclass(slots=True)
class Changes:
    """The changes of an audience since a snapshot."""

    adds: int = 0
    removes: int = 0
    oldest_arrived_ms: int | None = None
    newest_arrived_ms: int | None = None
    oldest_add_arrived_ms: int | None = None
    oldest_add_ms: int | None = None
    oldest_remove_ms: int | None = None
    oldest_withdrawal_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """A snapshot that is to be made, and its place among others."""

    at_ms: int
    deadline_ms: int
    is_urgent: bool
    """It may use the runs that are kept for withdrawals and operators."""


def due(
    state: AudienceState,
    changes: Changes,
    *,
    rules: SnapshotRules,
    lifetime: float,
    is_asked_for: bool,
    is_first: bool,
    may_begin: bool,
    now_ms: int,
) -> Due | None:
    """Return when the next snapshot of an audience is due; None while nothing asks for one.

    `changes`: since the file that a guard holds, or, without one, since the snapshot that the
    partner ingested last. `is_first`: no snapshot was claimed yet of the present members.
    `may_begin`: ingest has caught up once, so that a first snapshot holds all members.
    """
    if is_first and not (may_begin or is_asked_for):
        return None
    at_ms = _at(state, changes, rules, lifetime, is_asked_for, now_ms)
    if at_ms is None:
        return None
    return Due(
        at_ms=at_ms,
        deadline_ms=now_ms if is_asked_for else _deadline(state, changes, rules, lifetime, at_ms),
        is_urgent=is_asked_for or changes.oldest_withdrawal_ms is not None,
    )


def _at(
    state: AudienceState,
    changes: Changes,
    rules: SnapshotRules,
    lifetime: float,
    is_asked_for: bool,
    now_ms: int,
) -> int | None:
    if state.state in ("intended", "running") or (state.state == "uploaded" and not state.hold):
        return None
    if is_asked_for or state.state == "reading":
        return now_ms
    wanted = [_changed_at(changes, rules)]
    if state.hold is None:
        wanted.append(0 if state.is_due_again else None)
        wanted.append(_renewal_at(state, lifetime, now_ms))
    reasons = [one for one in wanted if one is not None]
    return max(min(reasons), _earliest(state, rules, now_ms)) if reasons else None


def _renewal_at(state: AudienceState, lifetime: float, now_ms: int) -> int | None:
    if state.ingested is None:
        return None
    at_ms = state.ingested.at_ms
    # The clock was ahead when this time was written: nobody knows the snapshot's age.
    return 0 if at_ms > now_ms else at_ms + _ms(lifetime * RENEW_SHARE)


def _changed_at(changes: Changes, rules: SnapshotRules) -> int | None:
    if changes.oldest_arrived_ms is None or changes.newest_arrived_ms is None:
        return None
    quiet_at = changes.newest_arrived_ms + _ms(rules.quiet)
    return min(quiet_at, changes.oldest_arrived_ms + _ms(rules.max_wait))


def _earliest(state: AudienceState, rules: SnapshotRules, now_ms: int) -> int:
    last_ms = state.at_ms if state.hold else state.started_ms
    is_known = last_ms is not None and last_ms <= now_ms
    return (last_ms or 0) + _ms(rules.min_interval) if is_known else 0


def _deadline(
    state: AudienceState, changes: Changes, rules: SnapshotRules, lifetime: float, at_ms: int
) -> int:
    deadlines = [at_ms + _ms(rules.fresh_within)]
    if changes.oldest_withdrawal_ms is not None:
        deadlines.append(changes.oldest_withdrawal_ms + WITHDRAWAL_MS)
    if changes.oldest_remove_ms is not None:
        deadlines.append(changes.oldest_remove_ms + _ms(rules.removals_within))
    if changes.oldest_add_arrived_ms is not None:
        deadlines.append(changes.oldest_add_arrived_ms + _ms(rules.fresh_within))
    if state.ingested is not None:
        deadlines.append(state.ingested.at_ms + _ms(lifetime * EXPIRY_SHARE))
    return min(deadlines)


def _ms(seconds: float) -> int:
    return int(seconds * 1000)
