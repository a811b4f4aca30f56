"""Implements the contract of a lane for Amazon Ads."""

from collections.abc import Sequence

from pipeline.destinations.amazon_ads.answers import interpret_records, interpret_status
from pipeline.destinations.amazon_ads.changes import (
    LaneTarget,
    body_frame,
    compose_records,
    compose_status,
    largest_overhead,
    misfit,
)
from pipeline.destinations.amazon_ads.settings import AmazonAdsSettings
from pipeline.destinations.amazon_ads.targets import AmazonTarget
from pipeline.destinations.changes import Following, RequestLimits, Sending
from pipeline.destinations.exchange import Request, Response
from pipeline.domain.job import JobReport, NotYet
from pipeline.domain.quota import Quota
from pipeline.domain.send_result import Answer


class AmazonJobs:
    """The jobs of one client."""

    def __init__(self, following: Following) -> None:
        self.following = following

    def compose_status(self, job_id: str) -> Request:
        return compose_status(job_id)

    def interpret_status(self, response: Response) -> JobReport | NotYet:
        return interpret_status(response)


class AmazonLane:
    """The records of one connection or advertiser."""

    def __init__(
        self,
        target: LaneTarget,
        *,
        quota: Quota,
        limits: RequestLimits,
        sending: Sending,
        jobs: AmazonJobs,
    ) -> None:
        self._target = target
        self.quota = quota
        self.limits = limits
        self.sending = sending
        self.jobs = jobs

    def misfit(self, audience: str, route: bytes) -> str | None:
        return misfit(audience, route)

    def overhead_bytes(self, audience: str) -> int:
        before, after = body_frame(self._target, audience, b"DSP")
        return len(before) + len(after)

    def compose(self, audience: str, route: bytes, records: Sequence[bytes]) -> Request:
        return compose_records(self._target, audience, route, records)

    def interpret(self, response: Response, records: int) -> Answer:
        """The meaning of the answer, which always concerns the whole request."""
        del records
        return interpret_records(response)


def lane(settings: AmazonAdsSettings, targets: Sequence[AmazonTarget]) -> AmazonLane:
    """The lane of these targets, which share one connection or advertiser."""
    connection_id = targets[0].connection_id if targets else None
    made = {one.audience(): one.target_types for one in targets}
    target = LaneTarget(connection_id, {id_: types for id_, types in made.items() if id_})
    return AmazonLane(
        target,
        quota=settings.quota(),
        limits=_limits(settings, connection_id),
        sending=_sending(settings),
        jobs=AmazonJobs(_following(settings)),
    )


def _limits(settings: AmazonAdsSettings, connection_id: str | None) -> RequestLimits:
    return RequestLimits(
        max_records=settings.batch.max_records,
        max_bytes=settings.batch.max_bytes,
        overhead_bytes=largest_overhead(connection_id),
    )


def _sending(settings: AmazonAdsSettings) -> Sending:
    return Sending(
        linger=settings.batch.linger_seconds,
        max_in_flight=settings.max_in_flight,
        late=settings.late_seconds,
        request_timeout=settings.request_timeout_seconds,
        requests_per_second=settings.requests_per_second,
        first_backoff=settings.backoff.initial_seconds,
        longest_backoff=settings.backoff.max_seconds,
    )


def _following(settings: AmazonAdsSettings) -> Following:
    return Following(
        first=settings.poll.initial_seconds,
        factor=settings.poll.factor,
        longest=settings.poll.max_seconds,
        give_up_after=settings.poll.give_up_after_seconds,
        missing_tolerated=settings.job_not_found_seconds,
        requests_per_second=settings.poll.requests_per_second,
    )
