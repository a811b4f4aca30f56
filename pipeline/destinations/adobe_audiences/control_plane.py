"""Implements `audiences plan` and `apply` for Adobe.

Adobe creates an audience with an operation that goes on after its answer. The operation's id is
returned at once, so that the caller can record it; from then on we only ask for its state, because
a second request would create a second audience.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import cast

from pipeline.destinations.adobe_audiences.audiences import (
    Audience,
    AudienceUpdate,
    compose_look,
    compose_update,
    interpret_update,
)
from pipeline.destinations.adobe_audiences.creation import (
    Duplicate,
    NewAudience,
    Operation,
    Standing,
    compose_create,
    compose_operation,
    interpret_create,
    interpret_operation,
    new_audience,
)
from pipeline.destinations.adobe_audiences.generations import GENERATIONS, Generation
from pipeline.destinations.adobe_audiences.replies import declined
from pipeline.destinations.adobe_audiences.runs import compose_runs, not_yet
from pipeline.destinations.adobe_audiences.settings import AdobeSettings
from pipeline.destinations.adobe_audiences.targets import AdobeTarget
from pipeline.destinations.asking import asked
from pipeline.destinations.control import Api, Creation, InProgress, Made, Step, Unanswered
from pipeline.destinations.exchange import Response
from pipeline.domain.job import JobReport
from pipeline.domain.send_result import Blocked

FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 0.5, 10.0
MOST_QUESTIONS = 35
"""About five minutes; if it takes longer, the next `apply` asks again."""
NO_JOBS = "this partner has runs and no jobs: see `runs list` and `runs show`"


class AdobeControlPlane:
    """The audiences of one sandbox."""

    def __init__(
        self,
        settings: AdobeSettings,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._settings = settings
        self._generation: Generation = GENERATIONS[settings.contract]
        self._sleep = sleep

    async def plan(
        self, api: Api, target: AdobeTarget, audience_id: str | None, name: str
    ) -> Sequence[Step] | Unanswered:
        """One step: create the audience, or report that it exists or is missing.

        The partner does not show the values of an existing audience, so they are not compared.
        """
        if audience_id is None:
            return (self.creation(target, name),)
        answer = await api.call(compose_runs(self._generation, audience_id))
        if not isinstance(answer, Response):
            return answer
        if answer.status == 404 and not_yet(answer).is_missing:
            return (Step(what="gone", audience_id=audience_id),)
        if not 200 <= answer.status < 300:
            return declined("runs", answer)
        return (Step(what="keep", audience_id=audience_id),)

    async def apply(self, api: Api, step: Step) -> Made | InProgress | Unanswered:
        """Request the creation, or ask for the state of an earlier one."""
        if step.operation is not None:
            return await self._ended(api, step.operation)
        assert step.creates is not None
        new = cast("NewAudience", step.creates.request)
        answer = await api.call(compose_create(self._generation, new))
        if not isinstance(answer, Response):
            return answer
        match interpret_create(self._generation, answer):
            case Operation(operation):
                return InProgress(operation, "the partner works on it")
            case Duplicate() as duplicate:
                return await self._adopted(api, duplicate, new)
            case trouble:
                return trouble

    async def job(self, api: Api, job_id: str) -> JobReport | Unanswered:
        """Adobe has no jobs, so this always declines."""
        del api, job_id
        return Blocked("unsupported", NO_JOBS)

    def creation(self, target: AdobeTarget, name: str) -> Step:
        """The step that creates the audience of this target; `name` is the upstream name."""
        new = new_audience(self._settings, target, name)
        keys = {
            "name": new.name,
            "namespace": target.identity.code(),
            "columns": ", ".join(str(field["name"]) for field in new.fields[1:]) or None,
            "path": new.path,
            "ttl_days": new.ttl_days,
            "description": new.description,
            "custom_audience_id": new.custom_audience_id,
        }
        creates = Creation(
            name=new.name,
            external_id=None,
            keys={key: said for key, said in keys.items() if said is not None},
            request=new,
        )
        return Step(what="create", creates=creates)

    async def _adopted(self, api: Api, duplicate: Duplicate, new: NewAudience) -> Made | Unanswered:
        """Use the existing audience of this name if it reads our folder: then it is ours.

        The folder's name depends on organisation, sandbox, destination, audience and namespace.
        """
        request = compose_look(self._generation, duplicate.audience_id)
        found = await asked(api, request, interpret_update)
        source = found.source if isinstance(found, Audience) else None
        is_ours = source is not None and source.strip("/") == new.path.strip("/")
        if is_ours and isinstance(found, Audience) and found.ttl_days not in (None, new.ttl_days):
            return await self._told_ttl(api, found, new)
        return Made(duplicate.audience_id) if is_ours else duplicate.refusal

    async def _told_ttl(self, api: Api, audience: Audience, new: NewAudience) -> Made | Unanswered:
        """Update the ttl if the configuration has changed since the request."""
        update = AudienceUpdate(ttl_days=new.ttl_days)
        request = compose_update(self._generation, audience.audience_id, update)
        told = await asked(api, request, interpret_update)
        return Made(told.audience_id) if isinstance(told, Audience) else told

    async def _ended(self, api: Api, operation: str) -> Made | InProgress | Unanswered:
        for number in range(MOST_QUESTIONS):
            request = compose_operation(self._generation, operation)
            match await asked(api, request, interpret_operation):
                case Standing(audience_id):
                    return Made(audience_id)
                case Operation():
                    await self._sleep(min(FIRST_WAIT_SECONDS * 2**number, LONGEST_WAIT_SECONDS))
                case trouble:
                    return trouble
        return InProgress(operation, f"operation {operation} is still running at the partner")
