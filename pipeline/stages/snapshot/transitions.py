"""The records of each step: the next state of an audience, and the run that it is about. Pure.

Each pair is written in one transaction, so that no state is without its run.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from math import ceil, floor
from typing import NamedTuple

from pipeline.destinations.snapshots import Run, Window
from pipeline.domain.job import JobReport
from pipeline.stages.snapshot.run_records import (
    GIVE_UP_SECONDS,
    AudienceState,
    BurntWindow,
    Hold,
    Ingested,
    RunRecord,
    SnapshotFile,
)

BURNT = "BURNT"
"""The state of a run that perhaps never started."""
NOT_STARTED = "NOT_STARTED"
GIVEN_UP = "GIVEN_UP"
KEEP_BURNT_MS = 48 * 3_600_000
"""How long the partner's list is searched for a run of a burnt window."""


class Transition(NamedTuple):
    """Records that are written together."""

    state: AudienceState
    run: RunRecord | None = None


def window_of(file: SnapshotFile, margin: int) -> Window:
    """Return the run's window, by the storage's time of the file; our clock does not matter.

    >>> from pipeline.stages.snapshot.run_records import SnapshotFile
    >>> file = SnapshotFile(n=1, path="f", size=1, sha256="", etag=None, modified_s=100.5,
    ...                     members=0, rows=0, ends={}, made_ms=0)
    >>> window_of(file, 3)
    Window(start_s=97, end_s=104)
    """
    return Window(start_s=floor(file.modified_s) - margin, end_s=ceil(file.modified_s) + margin)


def claimed(state: AudienceState, now_ms: int, *, is_urgent: bool, folder: str) -> Transition:
    """Begin a new snapshot. Its number is the offset of this record, so nobody knows it yet.

    The folder is durable before any file is stored in it.
    """
    return Transition(
        replace(
            state,
            state="reading",
            at_ms=now_ms,
            n=None,
            folders=tuple(dict.fromkeys((*state.folders, folder))),
            is_urgent=is_urgent,
            file=None,
            folder=_folder(state),
            window=None,
            intended_ms=None,
            run_n=None,
            run_id=None,
            is_adopted=False,
        )
    )


def stored(state: AudienceState, file: SnapshotFile, hold: Hold | None, now_ms: int) -> Transition:
    after = replace(state, state="uploaded", at_ms=now_ms, file=file, hold=hold)
    return Transition(replace(after, folder=_folder(after)))


def approved(state: AudienceState, now_ms: int) -> Transition:
    """End the hold of the file, by a person or by time; later files are compared with it."""
    assert state.file is not None
    return Transition(replace(state, at_ms=now_ms, hold=None, baseline_rows=state.file.rows))


def intended(
    state: AudienceState, audience: str, window: Window, now_ms: int, *, contract: str
) -> Transition:
    """Pay for the run; it stays paid whatever happens, unless surely nothing was started."""
    file = state.file
    assert file is not None
    run = RunRecord(
        audience=audience,
        n=file.n,
        window=window,
        intended_ms=now_ms,
        is_charged=True,
        rows=file.rows,
        members=file.members,
        size=file.size,
        contract=contract,
    )
    return Transition(
        replace(
            state,
            state="intended",
            at_ms=now_ms,
            window=window,
            intended_ms=now_ms,
            absent_lists=0,
            absent_since_ms=None,
            run_n=file.n,
        ),
        run,
    )


def refunded(state: AudienceState, run: RunRecord, now_ms: int) -> Transition:
    """Take the payment back: surely nothing was started, so the same window may be used."""
    return Transition(
        replace(state, state="uploaded", at_ms=now_ms, window=None, intended_ms=None, run_n=None),
        replace(run, is_charged=False, state=NOT_STARTED),
    )


def started(state: AudienceState, run: RunRecord, run_id: str, now_ms: int) -> Transition:
    return Transition(
        replace(_counted(state), state="running", at_ms=now_ms, run_id=run_id),
        replace(run, run_id=run_id),
    )


def started_after_all(state: AudienceState, run: RunRecord, run_id: str, now_ms: int) -> Transition:
    """Follow a run that was refunded but does exist: it is paid again."""
    there = replace(state, window=run.window, intended_ms=run.intended_ms, run_n=run.n)
    return started(there, replace(run, is_charged=True, state=""), run_id, now_ms)


def burnt(state: AudienceState, run: RunRecord, now_ms: int) -> Transition:
    """Give up the window; its payment is not taken back."""
    lost = BurntWindow(n=run.n, window=run.window, at_ms=now_ms)
    return Transition(
        replace(
            _counted(state),
            state="burnt",
            at_ms=now_ms,
            file=None,
            hold=None,
            is_due_again=True,
            burnt=(*_young(state.burnt, now_ms), lost),
            last_end=BURNT,
        ),
        replace(run, state=BURNT, end="unknown", ended_ms=now_ms),
    )


def adopted(
    state: AudienceState, lost: BurntWindow, run: RunRecord, run_id: str, now_ms: int
) -> Transition:
    """Follow a run of a burnt window that exists after all; the newest file is dropped for it."""
    rest = tuple(one for one in state.burnt if one != lost)
    return Transition(
        replace(
            state,
            state="running",
            at_ms=now_ms,
            file=None,
            hold=None,
            burnt=rest,
            window=lost.window,
            run_n=lost.n,
            run_id=run_id,
            is_adopted=True,
        ),
        replace(run, run_id=run_id, state="", end="pending", ended_ms=None),
    )


def ended(
    state: AudienceState, run: RunRecord, report: JobReport, *, is_ingested: bool, now_ms: int
) -> Transition:
    """End the run. A new snapshot is due unless this run was wholly ingested, and was the last."""
    after = replace(
        state,
        state="ended",
        at_ms=now_ms,
        is_due_again=not is_ingested,
        last_end=report.state,
        burnt=_young(state.burnt, now_ms),
    )
    file = state.file
    if is_ingested and file is not None:
        has = Ingested(n=file.n, rows=file.rows, ends=file.ends, at_ms=now_ms)
        after = replace(after, ingested=has, baseline_rows=None)
    return Transition(
        after,
        replace(
            run,
            state=report.state,
            end="unknown" if report.end == "pending" else report.end,
            is_ingested=is_ingested,
            ended_ms=now_ms,
        ),
    )


def late_run(state: AudienceState, listed: Sequence[Run]) -> tuple[BurntWindow, Run] | None:
    """Return a burnt window and its run in the partner's list; None if no burnt one has a run."""
    for lost in state.burnt:
        for run in listed:
            if run.window == lost.window:
                return lost, run
    return None


def told_ends(runs: Mapping[int, RunRecord]) -> frozenset[str | None]:
    """Return the ids of the runs whose end the partner told, whatever its list says."""
    return frozenset(
        run.run_id for run in runs.values() if run.ended_ms is not None and run.end != "unknown"
    )


def goes_on(run: Run, now_ms: int, *, over: Collection[str | None]) -> bool:
    """Whether a run may still change what the partner has.

    `over`: runs whose end was told, though a list may not show it yet. A run without an end counts
    as over after a day, because the partner does not document all words for an end. If it is not
    over, the partner refuses another run, which costs nothing.
    """
    began_s = run.created_s
    if began_s is None and run.window is not None:
        began_s = run.window.end_s
    is_young = began_s is None or began_s > now_ms / 1000 - GIVE_UP_SECONDS
    return not run.report.is_terminal and is_young and run.run_id not in over


def is_last(
    run_id: str, listed: Sequence[Run], now_ms: int, *, ours: Mapping[int, RunRecord]
) -> bool:
    """Whether no other run of the audience can end, or have ended, after this one.

    The list may be too short to show this run. Then nobody can say whether the listed runs that are
    not `ours` are older.
    """
    known, over = {run.run_id for run in ours.values()}, told_ends(ours)
    created = {run.run_id: run.created_s for run in listed}
    others = [run for run in listed if run.run_id != run_id]
    if run_id not in created and not all(run.run_id in known for run in others):
        return False
    return not any(
        goes_on(run, now_ms, over=over) or _is_later(run.created_s, created.get(run_id))
        for run in others
    )


def _is_later(one: float | None, other: float | None) -> bool:
    return one is not None and other is not None and one > other


def _folder(state: AudienceState) -> str | None:
    """Return the audience's folder; a state of an older version names it only in its file."""
    if state.folder is None and state.file is not None:
        return state.file.path.rpartition("/")[0]
    return state.folder


def _counted(state: AudienceState) -> AudienceState:
    """Count one more run that may have started."""
    return replace(state, started_ms=state.intended_ms, runs=state.runs + 1)


def _young(burnt: Sequence[BurntWindow], now_ms: int) -> tuple[BurntWindow, ...]:
    return tuple(one for one in burnt if one.at_ms > now_ms - KEEP_BURNT_MS)
