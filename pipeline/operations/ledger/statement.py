"""The sums of the ledger, with a sentence for each difference."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from pipeline.operations.ledger.job_ends import JobSums
from pipeline.operations.ledger.lane_records import LaneSums

NAMED_AT_MOST = 5
"""How many offsets or jobs one sentence names at most."""


@dataclass(frozen=True, slots=True)
class Equation:
    """A total, and the parts whose sum it must be."""

    what: str
    whole: int
    parts: Mapping[str, int]

    @property
    def difference(self) -> int:
        return self.whole - sum(self.parts.values())

    def __str__(self) -> str:
        """The equation as text, such as `3 prepared = 1 superseded + 2 accepted`."""
        right = " + ".join(f"{count:,} {name}" for name, count in self.parts.items())
        sign = "≠" if self.difference else "="
        return f"{self.whole:,} {self.what} {sign} {right}"


class LetterKind(NamedTuple):
    """The stage and reason by which dead letters are counted."""

    stage: str
    reason: str


LIKE_LOST = (
    "if an audience of the lane is paused (`lanes list`), its kept records look like this until "
    "the lane's owner commits again, and always with the embedded broker; otherwise keep the "
    "topics and report it"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneStatement:
    """One lane, from its first offset that counts to before `end`."""

    lane: str
    start: int
    end: int
    records: LaneSums
    jobs: JobSums
    gone: int = 0
    """Offsets that were deleted before they were settled."""

    def equations(self) -> Sequence[Equation]:
        """The equations for prepared, accepted and ended records; rare parts only if not zero."""
        lane, jobs = self.records, self.jobs
        return (
            Equation(
                "prepared",
                lane.prepared,
                {
                    "superseded": lane.superseded,
                    "dead-lettered": lane.dead_lettered,
                    "accepted": lane.accepted,
                    "waiting": lane.waiting,
                },
            ),
            Equation(
                "handed over",
                jobs.handed_over,
                {"accepted": lane.accepted, "repeated": lane.repeated}
                | ({"outside these offsets": lane.outside} if lane.outside else {}),
            ),
            Equation(
                "handed over",
                jobs.handed_over,
                {
                    "applied": jobs.applied,
                    "invalid": jobs.invalid,
                    "failed": jobs.failed,
                    "unknown": jobs.unknown,
                    "pending": jobs.pending,
                },
            ),
        )

    @property
    def is_at_rest(self) -> bool:
        """Whether nothing waits and no job is pending."""
        return not self.records.waiting and not self.jobs.pending

    def differences(self) -> Iterator[str]:
        """A sentence with the lane's name for each difference; none if everything adds up."""
        lane, jobs = self.records, self.jobs
        if self.gone:
            yield (
                f"lane {self.lane}: {self.gone:,} offsets before {self.start} were deleted before "
                "they were settled"
            )
        if lane.lost:
            yield (
                f"lane {self.lane}: {len(lane.lost):,} of {lane.prepared:,} records have no end: "
                "no job, no dead letter and no later change of their member "
                f"(offset {_some(lane.lost)}); {LIKE_LOST}"
            )
        if lane.unfounded:
            yield (
                f"lane {self.lane}: {lane.unfounded:,} records have a job or a dead letter, but "
                "are not in the lane"
            )
        if jobs.unfollowed:
            yield (
                f"lane {self.lane}: {len(jobs.unfollowed):,} jobs were settled without an outcome "
                f"({_some(jobs.unfollowed)})"
            )
        if jobs.orphaned:
            yield (
                f"lane {self.lane}: {len(jobs.orphaned):,} jobs have an outcome, but no message in "
                f"the topic of jobs ({_some(jobs.orphaned)})"
            )
        explained = (lane.lost, lane.unfounded, jobs.unfollowed)
        for equation in self.equations():
            if equation.difference and not any(explained):
                yield f"lane {self.lane}: {equation}: {equation.difference:+,} unexplained"


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """The sums of all lanes, and the counts of all dead letters."""

    lanes: Sequence[LaneStatement]
    letters: Mapping[LetterKind, int]

    def differences(self) -> Sequence[str]:
        return [difference for lane in self.lanes for difference in lane.differences()]


def _some(names: Sequence[object]) -> str:
    more = ", …" if len(names) > NAMED_AT_MOST else ""
    return ", ".join(map(str, names[:NAMED_AT_MOST])) + more
