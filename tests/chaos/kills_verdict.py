"""What strikes at the owner of snapshots left behind, and whether it is as promised."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from pipeline.stages.snapshot.run_records import AudienceState, RunRecord
from pipeline.stages.snapshot.transitions import BURNT
from tests.chaos.owner_topic import Seen
from tests.chaos.snapshots import FORBIDDEN, SnapshotEvidence
from tests.chaos.strikes import Strike

NEXT: Mapping[str, frozenset[str]] = {
    "idle": frozenset({"reading"}),
    "reading": frozenset({"reading", "uploaded"}),
    "uploaded": frozenset({"uploaded", "reading", "intended", "running"}),
    "intended": frozenset({"running", "uploaded", "burnt"}),
    "burnt": frozenset({"reading", "running"}),
    "running": frozenset({"ended"}),
    "ended": frozenset({"reading", "running"}),
}
"""The table of the states, written once more: what may follow on what."""
NEXT_OF_A_SUCCESSOR: Mapping[str, frozenset[str]] = {
    **NEXT,
    "reading": frozenset({"reading"}),
    "intended": frozenset({"running", "burnt"}),
}
"""It finishes no file that another owner began, and asks for no run that one may have asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Struck:
    """A strike, and whether its state came."""

    strike: Strike
    is_seen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class KillsEvidence:
    """All that is judged."""

    seed: int
    seconds: float
    struck: Sequence[Struck]
    history: Sequence[Seen]
    """What was committed, in order."""
    windows: Sequence[tuple[str, int, int]]
    """Of every run that the partner began: audience, start, end."""
    snapshots: SnapshotEvidence
    budget: int
    is_spent: bool
    """The budget was meant to be spent, and the newest changes wait for another day."""
    exits: Sequence[tuple[str, int]]
    deserters: Sequence[tuple[str, int]]
    left_behind: Sequence[int]
    bad_lines: Sequence[str]


def failures(evidence: KillsEvidence) -> list[str]:
    """A sentence for each thing that is not as promised."""
    return [
        *_of_partner(evidence),
        *_of_membership(evidence),
        *_of_payments(evidence),
        *_of_steps(evidence.history),
        *_of_ends(evidence),
        *_of_processes(evidence),
    ]


def _of_partner(evidence: KillsEvidence) -> Iterator[str]:
    snapshots = evidence.snapshots
    for name in FORBIDDEN:
        if snapshots.violations[name]:
            yield f"{name}: {snapshots.violations[name]}: {snapshots.examples}"
    for window, count in Counter(evidence.windows).items():
        if count > 1:
            yield f"window {window} was run {count} times"
    if snapshots.largest_day > evidence.budget:
        yield f"{snapshots.largest_day} runs in a day, the budget is {evidence.budget}"


def _of_membership(evidence: KillsEvidence) -> Iterator[str]:
    """The partner has what the changes imply, or all that a small budget has room for."""
    snapshots = evidence.snapshots
    if evidence.is_spent:
        if snapshots.largest_day < evidence.budget - _lost(evidence.history):
            yield f"{snapshots.largest_day} runs in a day, of a budget of {evidence.budget}"
        return
    for number, expected in snapshots.expected.items():
        found = snapshots.held[number]
        if found != expected:
            yield (
                f"audience {number}: {len(expected - found)} identities missing, "
                f"{len(found - expected)} too many"
            )


def _of_payments(evidence: KillsEvidence) -> Iterator[str]:
    """Every run that began was paid for, and no more was paid than there was."""
    runs = _runs(evidence.history)
    paid = {
        (run.audience, int(run.window.start_s), int(run.window.end_s)): run
        for run in runs
        if run.is_charged
    }
    for window in evidence.windows:
        if window not in paid:
            yield f"the run of window {window} was not paid for"
    if len(paid) > evidence.budget:
        yield f"{len(paid)} runs were paid for, the budget is {evidence.budget}"


def _of_steps(history: Sequence[Seen]) -> Iterator[str]:
    """No state follows on one on which it may not, in anybody's hands."""
    last: dict[str, AudienceState] = {}
    begun: dict[str, int] = {}
    inherited: set[str] = set()
    for seen in history:
        if seen.state == "takeover":
            inherited = set(last)
        if not isinstance(seen.said, AudienceState):
            continue
        before = last.get(seen.audience, AudienceState())
        last[seen.audience] = seen.said
        if _counts_an_absence(before, seen.said):
            continue
        allowed = (NEXT_OF_A_SUCCESSOR if seen.audience in inherited else NEXT)[before.state]
        if seen.state not in allowed:
            yield f"{seen.state} after {before.state} of {seen.audience} at offset {seen.offset}"
        if seen.state == "reading":
            begun[seen.audience] = seen.offset
        if seen.said.file is not None and seen.said.file.n != begun.get(seen.audience):
            yield f"a file of another number at offset {seen.offset}"
        inherited.discard(seen.audience)


def _counts_an_absence(before: AudienceState, said: AudienceState) -> bool:
    """Nothing but that the partner's list once more had no run of the window."""
    counted = replace(
        before,
        absent_lists=before.absent_lists + 1,
        absent_since_ms=said.absent_since_ms
        if before.absent_since_ms is None
        else before.absent_since_ms,
    )
    return before.state == "intended" and said == counted


def _of_ends(evidence: KillsEvidence) -> Iterator[str]:
    """No snapshot is lost: each audience is at rest, and its last run was taken wholly."""
    if evidence.is_spent:
        return
    states = {
        one.audience: one.said for one in evidence.history if isinstance(one.said, AudienceState)
    }
    if len(states) < len(evidence.snapshots.expected):
        yield f"only {len(states)} audiences ever had a state"
    for audience, state in states.items():
        if state.state != "ended" or state.is_due_again or state.ingested is None:
            yield f"{audience} was left {state.state}, due again: {state.is_due_again}"
    for run in _runs(evidence.history):
        if run.is_charged and run.end == "pending":
            yield f"run {run.n} of {run.audience} has no end"


def _of_processes(evidence: KillsEvidence) -> Iterator[str]:
    for one in evidence.struck:
        if not one.is_seen:
            yield f"{one.strike.at} never came, so nothing was struck"
    for name, code in evidence.exits:
        if code:
            yield f"{name} ended with {code}"
    for name, code in evidence.deserters:
        yield f"{name} ended by itself, with {code}"
    if evidence.left_behind:
        yield f"processes that still run: {evidence.left_behind}"
    yield from evidence.bad_lines


def _lost(history: Sequence[Seen]) -> int:
    """Windows that were paid for and of which there may never have been a run."""
    return sum(run.state == BURNT for run in _runs(history))


def _runs(history: Sequence[Seen]) -> Sequence[RunRecord]:
    """As they were written last."""
    newest = {
        (seen.audience, seen.said.n): seen.said
        for seen in history
        if isinstance(seen.said, RunRecord)
    }
    return list(newest.values())


def timeline(history: Sequence[Seen]) -> str:
    """When what was written, a line each."""
    return "".join(
        f"{datetime.fromtimestamp(seen.at_ms / 1000, UTC):%H:%M:%S.%f} {seen.offset:>5} "
        f"{seen.audience[:8]:<8} {seen.state or 'run'}\n"
        for seen in history
    )


def table(evidence: KillsEvidence, found: Sequence[str]) -> str:
    """Blows by state, figures, then what failed, then PASS or FAIL."""
    kills: Counter[str] = Counter()
    freezes: Counter[str] = Counter()
    for one in evidence.struck:
        if one.is_seen:
            (kills if one.strike.how == "kill" else freezes)[one.strike.at] += 1
        if one.strike.again_after is not None:
            kills["takeover"] += 1
    written = Counter(one.state for one in evidence.history)
    snapshots = evidence.snapshots
    adopted = sum(
        isinstance(one.said, AudienceState) and one.state == "running" and one.said.is_adopted
        for one in evidence.history
    )
    good = sum(run.end == "good" for run in snapshots.runs)
    lines = [
        f"{'state':<10}{'written':>9}{'kills':>7}{'freezes':>9}",
        *(
            f"{state:<10}{written[state]:>9}{kills[state]:>7}{freezes[state]:>9}"
            for state in (*NEXT, "takeover")
            if state != "idle"
        ),
        "",
        f"seed {evidence.seed}: {evidence.seconds:.0f} s",
        f"runs: {len(snapshots.runs)}, {good} to their end, {adopted} adopted",
        f"largest day: {snapshots.largest_day} of {evidence.budget}",
        "violations: "
        + ", ".join(f"{name} {snapshots.violations[name]}" for name in snapshots.violations),
        "",
        *(f"FAILED: {sentence}" for sentence in found),
        "FAIL" if found else "PASS",
    ]
    return "\n".join(lines)
