"""How long a window has been missing from the partner's list, over all owners who looked. Pure.

An owner that restarts again and again never looks for long. So the looks of all owners count, or
an audience would wait for its window for ever.
"""

from dataclasses import replace

from pipeline.stages.snapshot.run_records import AudienceState
from pipeline.stages.snapshot.states import ABSENT_LISTS

CLOCKS_MS = 300_000
"""The clocks of two owners may differ by this much. The budget allows the same."""


def absent_seconds(state: AudienceState, own_seconds: float, now_ms: int) -> float:
    """Return at least how many seconds lie between the first list without the window and this one.

    `own_seconds`: measured by the clock of this owner alone, which needs no allowance.

    >>> absent_seconds(AudienceState(absent_since_ms=1_000), 60.0, 401_000)
    100.0
    >>> absent_seconds(AudienceState(absent_since_ms=1_000), 60.0, 61_000)
    60.0
    """
    if state.absent_since_ms is None:
        return own_seconds
    return max(own_seconds, (now_ms - state.absent_since_ms - CLOCKS_MS) / 1000)


def absent(state: AudienceState, now_ms: int) -> AudienceState:
    """Return the state after one more list without the window; unchanged after enough lists."""
    if state.absent_lists >= ABSENT_LISTS:
        return state
    since_ms = now_ms if state.absent_since_ms is None else state.absent_since_ms
    return replace(state, absent_lists=state.absent_lists + 1, absent_since_ms=since_ms)
