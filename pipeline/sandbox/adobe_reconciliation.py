"""Compares the files that the events imply with the audiences that Adobe ingested.

The content of a file follows from the newest event of each member (by time, then by position), in
any order of arrival. Pure: takes values, and returns sentences.
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
"""Two violations are left out. `no_file`: a run may begin long after an unanswered request, when
its file is already given up. `asked_after_end`: a client asks again if it cannot read the list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ingested:
    """The audiences that Adobe ingested, its runs, and violations by the client."""

    files: Mapping[str, Mapping[str, Row]]
    """For each audience, by its upstream name: the row of each identity."""
    runs: Mapping[str, int]
    """The number of runs, by their end."""
    largest_day: int
    """The most runs in any 24 hours."""
    violations: Mapping[str, int]
    faults: Mapping[str, int]

    @property
    def members(self) -> int:
        return sum(map(len, self.files.values()))


def adobe_differences(
    expected: Snapshots, held: Ingested, prepared: int, *, exactly_once: bool
) -> list[str]:
    """A sentence for each difference from the events; empty if all is well.

    `prepared` is the pipeline's count of member records. Without `exactly_once`, some records may
    have been written twice, which does no harm.
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
    """Whether every audience has what the events so far imply."""
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
