"""Computes from the budget of runs how often each audience is refreshed; warns if too seldom."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from pipeline.destinations.adobe_audiences.settings import AdobeSettings, SnapshotSettings
from pipeline.destinations.adobe_audiences.targets import SECONDS_OF_A_DAY, AdobeTarget
from pipeline.settings.problems import Problem

LARGEST_SHARE_OF_LIFE = 0.5
"""The share of an audience's life until its next run; after a failed run there must be time for
another."""


@dataclass(frozen=True, slots=True)
class Budget:
    """The number of audiences, and the number of runs that they share."""

    audiences: int
    runs_per_day: int
    interval: float
    """Seconds from one run of an audience to the next, if all of them change all the time."""

    def sentence(self) -> str:
        """The budget as text for people."""
        time = _time(self.interval)
        audiences = "1 audience" if self.audiences == 1 else f"{self.audiences:,} audiences"
        return (
            f"{audiences}, {self.runs_per_day} runs a day: each refreshed every "
            f"{time}, removals take up to {time}"
        )


def budget_of(snapshot: SnapshotSettings, audiences: int) -> Budget:
    """The budget of these settings for this number of audiences.

    >>> budget_of(SnapshotSettings(), 1000).sentence()
    '1,000 audiences, 90 runs a day: each refreshed every 11 days, removals take up to 11 days'
    """
    interval = max(
        audiences * SECONDS_OF_A_DAY / snapshot.runs_per_day,
        SECONDS_OF_A_DAY / snapshot.runs_per_audience_and_day,
        snapshot.min_interval_seconds,
    )
    return Budget(audiences, snapshot.runs_per_day, interval)


def too_few_runs(settings: AdobeSettings, targets: Sequence[AdobeTarget]) -> Iterable[Problem]:
    """A problem if runs are so few that members may leave although nobody removed them."""
    if not targets:
        return
    budget = budget_of(settings.snapshot, len(targets))
    shortest = min(target.lifetime() for target in targets)
    if budget.interval > shortest * LARGEST_SHARE_OF_LIFE:
        yield Problem(
            path=("snapshot", "runs_per_day"),
            what=f"comes to {budget.sentence()}; this is more than half of the shortest ttl_days, "
            "so members leave if one run fails",
            value=str(settings.snapshot.runs_per_day),
            remedy=f"raise ttl_days (now {shortest / SECONDS_OF_A_DAY:g}), spread the audiences "
            "over more sandboxes, or allow more runs or shorter intervals",
        )


def too_slow(settings: AdobeSettings, targets: Sequence[AdobeTarget]) -> Iterator[str]:
    """A warning if the budget cannot keep removals_within_seconds or fresh_within_seconds."""
    if not targets:
        return
    said = settings.snapshot
    budget = budget_of(said, len(targets))
    if budget.interval > min(said.removals_within_seconds, said.fresh_within_seconds):
        yield (
            f"snapshot.runs_per_day: {budget.sentence()}; removals_within_seconds "
            f"({said.removals_within_seconds:g}) and fresh_within_seconds "
            f"({said.fresh_within_seconds:g}) are kept only while few audiences change"
        )


def _time(interval: float) -> str:
    days, hours = interval / SECONDS_OF_A_DAY, interval / 3600
    if round(days) >= 2:
        return f"{days:.0f} days"
    return f"{hours:.0f} hours" if round(hours) >= 2 else f"{interval / 60:.0f} minutes"
