"""Compares what the events imply with the partner's state and the pipeline's counters.

Pure: takes values, and returns a sentence for each difference.
"""

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Final, TypeAlias, TypeVar

from pipeline.domain.change import Action
from pipeline.operations.ledger.statement import LetterKind
from pipeline.sandbox.expectation import Expectation

NAMED_AT_MOST: Final = 5
"""How many members one line names; this is allowed, because the sandbox's people are invented."""

Member: TypeAlias = tuple[int, str]
"""An audience of the partner, and a member of it."""

Name = TypeVar("Name", bound=str)


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneCounts:
    """The pipeline's counters of one connection, in records."""

    prepared: int = 0
    superseded: int = 0
    accepted: int = 0
    applied: int = 0
    invalid: int = 0
    failed: int = 0
    unknown: int = 0

    @property
    def ended(self) -> int:
        return self.applied + self.invalid + self.failed + self.unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """The counters of the pipeline at the end of the run."""

    consumed: int
    changes: Mapping[str, int]
    ignored: Mapping[str, int]
    rejected: Mapping[str, int]
    withheld: Mapping[str, int]
    lanes: Mapping[str, LaneCounts]
    """By connection."""
    letters: Mapping[LetterKind, int]
    pending_jobs: int
    members: int = 0
    """Member records prepared for the partner that takes snapshots."""

    def total(self) -> LaneCounts:
        """The sums of all connections."""
        names = LaneCounts.__dataclass_fields__
        return LaneCounts(
            **{name: sum(getattr(lane, name) for lane in self.lanes.values()) for name in names}
        )

    def letters_of(self, stage: str) -> int:
        return sum(count for kind, count in self.letters.items() if kind.stage == stage)


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """The partner's state, and violations by the client."""

    membership: Mapping[int, Mapping[str, Action]]
    last_invalid: Mapping[Member, Action]
    """Members whose last change a job called invalid; that change is not applied."""
    invalid: AbstractSet[Member]
    """Members with any change that a job called invalid."""
    largest_windows: Mapping[str, int]
    """By connection."""
    cap: int
    overlapping_requests: int
    """Requests with a member of another request that was not answered yet."""
    repeated_in_request: int
    unreadable_requests: int
    polls_after_end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Letters:
    """The messages in the topic of dead letters."""

    counts: Mapping[LetterKind, int]
    invalid: AbstractSet[Member]
    """Members with a dead letter that says that a job called their record invalid."""


def differences(
    expected: Expectation, held: Held, told: Told, letters: Letters, *, exactly_once: bool
) -> list[str]:
    """A sentence for each difference from the events; empty if all is well.

    Without `exactly_once`, ingest may have read some events twice after an error of the broker.
    Then its counts may be higher than the events imply.
    """
    repeated = told.consumed > expected.events and not exactly_once
    return [
        *_membership(expected.membership, held, letters),
        *_ingest(expected, told, repeated),
        *_letters(expected, told, letters, repeated),
        *_ledger(told),
        *_invalid(held, told),
        *_partner(held),
    ]


# Member by member


def _membership(
    expected: Mapping[int, Mapping[str, Action]], held: Held, letters: Letters
) -> Iterator[str]:
    missing: list[Member] = []
    wrong: list[Member] = []
    for audience, members in expected.items():
        standing = held.membership.get(audience, {})
        for member, action in members.items():
            if standing.get(member) == action:
                continue
            # An invalid change is no membership, but it must have a dead letter.
            if held.last_invalid.get((audience, member)) == action:
                continue
            (wrong if member in standing else missing).append((audience, member))
    yield from _named("did not reach the partner", missing)
    yield from _named("stand otherwise at the partner than their last change says", wrong)
    strangers = [
        (audience, member)
        for audience, members in held.membership.items()
        for member in members.keys() - expected.get(audience, {}).keys()
    ]
    yield from _named("are at the partner and in no event", strangers)
    yield from _named(
        "were named invalid by a job and have no dead letter",
        sorted(held.invalid - letters.invalid),
    )
    yield from _named(
        "have a dead letter as invalid and were named by no job",
        sorted(letters.invalid - held.invalid),
    )


def _named(what: str, members: Sequence[Member]) -> Iterator[str]:
    if members:
        some = ", ".join(f"{member} of {audience}" for audience, member in members[:NAMED_AT_MOST])
        more = ", …" if len(members) > NAMED_AT_MOST else ""
        yield f"{len(members):,} members {what}: {some}{more}"


# Counters


def _ingest(expected: Expectation, told: Told, repeated: bool) -> Iterator[str]:
    yield from _count("events consumed", expected.events, told.consumed, repeated)
    yield from _counts("changes read", expected.changes, told.changes, repeated)
    prepared = {name: lane.prepared for name, lane in told.lanes.items()}
    yield from _counts("events ignored", expected.ignored, told.ignored, repeated)
    yield from _counts("changes rejected", expected.rejected, told.rejected, repeated)
    yield from _counts("changes withheld", expected.withheld, told.withheld, repeated)
    yield from _counts("records prepared for", expected.prepared, prepared, repeated)


def _ledger(told: Told) -> Iterator[str]:
    """Check that every record has an end. More ends than records are harmless repeats."""
    total = told.total()
    answered = total.superseded + told.letters_of("upload") + total.accepted
    if answered < total.prepared:
        yield (
            f"{total.prepared:,} records were prepared, and {answered:,} superseded, "
            f"dead-lettered or accepted: {total.prepared - answered:,} are unaccounted for"
        )
    if total.ended != total.accepted:
        yield (
            f"{total.accepted:,} records were accepted, and {total.ended:,} applied, invalid, "
            "failed or unknown"
        )
    if told.pending_jobs:
        yield f"{told.pending_jobs:,} jobs are pending"
    if total.failed or total.unknown:
        yield f"{total.failed:,} records failed with their job, {total.unknown:,} are unknown"


def _letters(expected: Expectation, told: Told, letters: Letters, repeated: bool) -> Iterator[str]:
    implied = expected.letters.total()
    yield from _count("dead letters of ingest", implied, told.letters_of("ingest"), repeated)
    for kind in sorted({*told.letters, *letters.counts}):
        wanted, found = told.letters.get(kind, 0), letters.counts.get(kind, 0)
        what = f"dead letters in their topic: {kind.stage}, {kind.reason}"
        yield from _count(what, wanted, found, repeated)


def _invalid(held: Held, told: Told) -> Iterator[str]:
    refused = told.letters_of("upload")
    if refused:
        yield f"{refused:,} records became dead letters at upload, and the partner refused none"
    invalid = told.total().invalid
    if len(held.invalid) > invalid:
        yield (
            f"{len(held.invalid):,} members were named invalid by a job, "
            f"and {invalid:,} records are counted as invalid"
        )


def _counts(
    what: str, wanted: Mapping[Name, int], found: Mapping[str, int], may_repeat: bool
) -> Iterator[str]:
    by_name = {str(name): count for name, count in wanted.items()}
    for name in sorted({*by_name, *found}):
        yield from _count(f"{what}: {name}", by_name.get(name, 0), found.get(name, 0), may_repeat)


def _count(what: str, wanted: int, found: int, may_repeat: bool) -> Iterator[str]:
    if found < wanted or (found > wanted and not may_repeat):
        yield f"{what}: {found:,} instead of {wanted:,}"


# The partner's side


def _partner(held: Held) -> Iterator[str]:
    for connection, largest in held.largest_windows.items():
        if largest >= held.cap:
            yield (
                f"connection {connection}: a window held {largest:,} records, "
                f"and the cap is fewer than {held.cap:,}"
            )
    wrongs = (
        (held.overlapping_requests, "requests carried a member whose request was still in flight"),
        (held.repeated_in_request, "records repeated a member within their request"),
        (held.unreadable_requests, "requests broke a rule of the partner's API"),
        (held.polls_after_end, "jobs were asked for after their end"),
    )
    for count, what in wrongs:
        if count:
            yield f"{count:,} {what}"
