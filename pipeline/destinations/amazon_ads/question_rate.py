"""Whether the jobs that uploads make can all be asked about."""

from collections.abc import Iterator, Sequence
from math import ceil

from pipeline.destinations.amazon_ads.settings import AmazonAdsSettings
from pipeline.destinations.amazon_ads.targets import AmazonTarget
from pipeline.settings.problems import Problem

SMALL_RECORD_BYTES = 250
"""Of an add with one identity: more of them than so fill no body."""


def uploads_per_second(settings: AmazonAdsSettings, targets: Sequence[AmazonTarget]) -> float:
    """The most that can go on for long: full bodies at the cap, and small ones as often as linger.

    Both together stay under the `requests_per_second` of the destination.
    """
    records = max(
        1, min(settings.batch.max_records, settings.batch.max_bytes // SMALL_RECORD_BYTES)
    )
    full = len({target.lane() for target in targets}) * settings.pace().rate / records
    small = len(targets) / settings.batch.linger_seconds
    return min(settings.requests_per_second, full + small)


def too_few_questions(
    settings: AmazonAdsSettings, targets: Sequence[AmazonTarget]
) -> Iterator[Problem]:
    """Each upload makes a job, and each job is asked about at least once."""
    needed = uploads_per_second(settings, targets)
    given = settings.poll.requests_per_second
    if given < needed:
        audiences = "1 audience" if len(targets) == 1 else f"{len(targets)} audiences"
        yield Problem(
            path=("poll", "requests_per_second"),
            what=f"cannot keep up with the {needed:.1f} uploads a second that {audiences} "
            "can make: each makes a job that is asked about at least once, so the jobs "
            "would pile up until the retention of their topic takes them",
            value=f"{given:g}",
            remedy=f"set it to {ceil(needed)} or more, raise batch.linger_seconds, or lower "
            f"requests_per_second of the destination to {given:g}",
        )
