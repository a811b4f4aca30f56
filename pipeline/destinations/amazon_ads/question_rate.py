"""Checks that the rate of questions is enough for the jobs of all uploads."""

from collections.abc import Iterator, Sequence
from math import ceil

from pipeline.destinations.amazon_ads.settings import AmazonAdsSettings
from pipeline.destinations.amazon_ads.targets import AmazonTarget
from pipeline.settings.problems import Problem

SMALL_RECORD_BYTES = 250
"""Bytes of an add with one identity; smaller records do not fill a body."""


def uploads_per_second(settings: AmazonAdsSettings, targets: Sequence[AmazonTarget]) -> float:
    """The highest lasting rate: full bodies at the cap, plus a small body after each linger time.

    The sum is at most the `requests_per_second` of the destination.
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
    """A problem if jobs come faster than questions: each job needs at least one."""
    needed = uploads_per_second(settings, targets)
    given = settings.poll.requests_per_second
    if given < needed:
        audiences = "1 audience" if len(targets) == 1 else f"{len(targets)} audiences"
        yield Problem(
            path=("poll", "requests_per_second"),
            what=f"cannot keep up with the {needed:.1f} uploads a second that {audiences} "
            "can make: each upload makes a job that needs at least one question, so jobs "
            "would pile up until the retention of their topic deletes them",
            value=f"{given:g}",
            remedy=f"set it to {ceil(needed)} or more, raise batch.linger_seconds, or lower "
            f"requests_per_second of the destination to {given:g}",
        )
