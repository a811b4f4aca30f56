"""Implements `audiences plan` and `apply`, and `jobs show` and `watch`, for Amazon."""

from collections.abc import Sequence
from typing import cast

from pipeline.destinations.amazon_ads.answers import interpret_status
from pipeline.destinations.amazon_ads.audiences import (
    Audience,
    CreatedAudience,
    NewAudience,
    compose_create,
    compose_show,
    compose_update,
    interpret_create,
    interpret_show,
    interpret_update,
)
from pipeline.destinations.amazon_ads.changes import compose_status
from pipeline.destinations.amazon_ads.planning import DesiredAudience, creation, steps, update_of
from pipeline.destinations.amazon_ads.remedies import NOT_THE_PARTNER
from pipeline.destinations.amazon_ads.replies import declined
from pipeline.destinations.amazon_ads.settings import AmazonAdsSettings
from pipeline.destinations.amazon_ads.targets import AmazonTarget
from pipeline.destinations.asking import asked
from pipeline.destinations.control import (
    Api,
    Declined,
    Made,
    Step,
    Unanswered,
)
from pipeline.destinations.exchange import Response
from pipeline.domain.job import JobReport

ANOTHER = Declined(200, "the partner answered about another audience", "nothing was changed")


class AmazonControlPlane:
    """The audiences and jobs of one client in one region."""

    def __init__(self, settings: AmazonAdsSettings) -> None:
        self._country = settings.country

    async def plan(
        self, api: Api, target: AmazonTarget, audience_id: str | None, name: str
    ) -> Sequence[Step] | Unanswered:
        """One step or more; a creation if the target has no id yet."""
        desired = self._desired(target, name)
        if audience_id is None:
            return (creation(desired),)
        number = int(audience_id)
        match await _described(api, number):
            case Audience() as audience:
                return steps(desired, number, audience)
            case Declined(status=404):
                return (Step(what="gone", audience_id=str(number)),)
            case trouble:
                return trouble

    async def apply(self, api: Api, step: Step) -> Made | Unanswered:
        """Create the audience, or change only the values that differ."""
        if step.creates is not None:
            request = compose_create(cast("NewAudience", step.creates.request))
            made = await asked(api, request, interpret_create)
            return Made(str(made.audience_id)) if isinstance(made, CreatedAudience) else made
        return await _updated(api, step)

    async def job(self, api: Api, job_id: str) -> JobReport | Unanswered:
        """The partner's report on a job, or why there is none."""
        return await asked(api, compose_status(job_id), interpret_job)

    def _desired(self, target: AmazonTarget, name: str) -> DesiredAudience:
        return DesiredAudience(
            upstream_name=name,
            name=target.name,
            external_audience_id=target.external_audience_id,
            description=target.description,
            ttl=target.ttl_seconds,
            connection_id=target.connection_id,
            advertiser_id=target.advertiser_id,
            country_code=target.country or self._country,
        )


def interpret_job(response: Response) -> JobReport | Declined:
    """The partner's report on a job, or why there is none."""
    if response.status != 200:
        return declined("status", response)
    report = interpret_status(response)
    if isinstance(report, JobReport):
        return report
    return Declined(200, "200 without a job", NOT_THE_PARTNER)


async def _updated(api: Api, step: Step) -> Made | Unanswered:
    # An update must send all changeable values, so it starts from the present ones.
    number = int(step.audience_id or 0)
    standing = await _described(api, number)
    if not isinstance(standing, Audience):
        return standing
    request = compose_update(number, update_of(step).completed(standing))
    changed = await asked(api, request, interpret_update)
    return Made(str(number)) if isinstance(changed, Audience) else changed


async def _described(api: Api, audience_id: int) -> Audience | Unanswered:
    found = await asked(api, compose_show(audience_id), interpret_show)
    is_another = isinstance(found, Audience) and found.audience_id not in (None, audience_id)
    return ANOTHER if is_another else found
