"""Compares the files that events imply with the audiences that Adobe took in.

What must be in a file follows from the greatest time and place of each member's events, whatever
the order in which they came. Pure: everything comes in as values, and words go out.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from pipeline.sandbox.expectation import Row, Snapshots
from pipeline.sandbox.reconciliation import NAMED_AT_MOST

_WRONGS: Final = {
    "window_twice": "files were taken in by two runs",
    "runs_at_once": "runs went on beside another one of their audience",
    "several_files": "runs took more than one file",
    "bad_file": "files broke a rule of the format",
    "broken_request": "requests to Adobe broke a rule of its API",
    "refreshed_credentials": "times the landing zone's credentials were made invalid for others",
}
"""Not among them: a window without a file, because a run that begins long after its request got no
answer finds its file given up; and a question after a run's end, which is asked once more where the
list of runs could not be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ingested:
    """What Adobe's side says it took in, and how it was treated."""

    files: Mapping[str, Mapping[str, Row]]
    """Of each audience, by its upstream name: the row of each identity."""
    runs: Mapping[str, int]
    """By what became of them."""
    largest_day: int
    """The most runs of any 24 hours."""
    violations: Mapping[str, int]
    faults: Mapping[str, int]

    @property
    def members(self) -> int:
        return sum(map(len, self.files.values()))


def adobe_differences(
    expected: Snapshots, held: Ingested, prepared: int, *, exactly_once: bool
) -> list[str]:
    """Everything that is not as the events imply, each in a sentence; empty when all is well.

    `prepared` are the member records that the pipeline counted. Without `exactly_once` some may
    have been written twice, which changes nothing.
    """
    return [
        *_files(expected.files(), held.files),
        *_prepared(expected.prepared, prepared, may_repeat=not exactly_once),
        *(
            f"{held.violations[name]:,} {what}"
            for name, what in _WRONGS.items()
            if held.violations.get(name)
        ),
    ]


def is_level(expected: Snapshots, held: Ingested) -> bool:
    """Whether every audience is as the events so far imply."""
    return expected.members == held.members and not any(_files(expected.files(), held.files))


def _files(
    expected: Mapping[str, Mapping[str, Row]], held: Mapping[str, Mapping[str, Row]]
) -> Iterator[str]:
    for audience in sorted({*expected, *held}):
        wanted, found = expected.get(audience, {}), held.get(audience, {})
        missing = sorted(wanted.keys() - found.keys())
        strangers = sorted(found.keys() - wanted.keys())
        other = [
            identity
            for identity in sorted(wanted.keys() & found.keys())
            if list(wanted[identity]) != list(found[identity])
        ]
        for what, identities in (
            ("did not reach Adobe", missing),
            ("are at Adobe, and should not be", strangers),
            ("have another row at Adobe than their newest event says", other),
        ):
            if identities:
                some = ", ".join(one[:12] for one in identities[:NAMED_AT_MOST])
                yield f"{audience}: {len(identities):,} members {what}: {some}"


def _prepared(wanted: int, found: int, *, may_repeat: bool) -> Iterator[str]:
    if found < wanted or (found > wanted and not may_repeat):
        yield f"member records prepared: {found:,} instead of {wanted:,}"
