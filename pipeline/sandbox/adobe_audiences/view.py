"""The simulator's own pages under /__simulator__: show its state, and set faults.

GET state, membership, requests; POST faults.
"""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any, TypedDict

from aiohttp import web
from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as checked_dataclass

from pipeline.sandbox.adobe_audiences.faults import PROFILES, FaultRates, ScriptedFault
from pipeline.sandbox.adobe_audiences.server import Server
from pipeline.sandbox.adobe_audiences.world import World
from pipeline.sandbox.any_partner.faults import ProfileName
from pipeline.sandbox.any_partner.view_answers import PREFIX, in_json, in_lines


@checked_dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class Misbehaviour:
    """The body of a POST to faults: `clear` is done first, then all faults are added."""

    clear: bool = False
    script: tuple[ScriptedFault, ...] = ()
    profile: ProfileName | None = None
    rates: FaultRates | None = None
    expire_tokens: bool = False


_MISBEHAVIOUR: TypeAdapter[Misbehaviour] = TypeAdapter(Misbehaviour)


def misbehave(world: World, wish: Misbehaviour, now: float) -> None:
    if wish.clear:
        world.faults.clear()
    if wish.profile is not None:
        world.faults.rates = PROFILES[wish.profile]
    if wish.rates is not None:
        world.faults.rates = wish.rates
    world.faults.script([replace(entry) for entry in wish.script], now)
    if wish.expire_tokens:
        world.tokens.grants.expire_all()


class AudienceView(TypedDict):
    """One audience, with the number of its members."""

    name: str
    members: int
    run: str | None
    files: list[str]
    expires_at: float
    has_expired: bool


class Totals(TypedDict):
    """Counts since the start: runs by their end, requests by endpoint and outcome."""

    requests: dict[str, int]
    runs: dict[str, int]
    largest_day: int
    guardrail_refusals: int
    tokens_issued: int
    violations: dict[str, int]
    violation_examples: list[str]
    faults: dict[str, int]


def totals(world: World, requests: dict[str, int], now: float) -> Totals:
    runs = {"SUCCESS": 0, "FAILED": 0, "in_progress": 0}
    for run in world.runs.all():
        runs[run.status(now) if run.is_over(now) else "in_progress"] += 1
    return Totals(
        requests=requests,
        runs=runs,
        largest_day=world.guardrails.largest_day,
        guardrail_refusals=world.guardrails.refused,
        tokens_issued=world.tokens.grants.issued,
        violations=world.violations.shown(),
        violation_examples=list(world.violations.examples),
        faults=dict(world.faults.struck),
    )


def audience_views(world: World, now: float) -> dict[str, AudienceView]:
    """The present state of every audience, by its id."""
    return {
        audience_id: AudienceView(
            name=audience.definition.name,
            members=len(audience.members.rows),
            run=audience.members.run_id,
            files=list(audience.members.files),
            expires_at=audience.members.expires_at,
            has_expired=audience.members.has_expired,
        )
        for audience_id, audience in world.audiences.all(now).items()
    }


@dataclass(frozen=True, slots=True)
class View:
    """Serves these pages over HTTP."""

    world: World
    server: Server
    clock: Callable[[], float]

    def add_to(self, application: web.Application) -> None:
        router = application.router
        router.add_get(f"{PREFIX}/state", self._state)
        router.add_get(f"{PREFIX}/membership", self._membership)
        router.add_get(f"{PREFIX}/requests", self._requests)
        router.add_post(f"{PREFIX}/faults", self._faults)

    async def _state(self, _: web.Request) -> web.StreamResponse:
        now = await self.world.advance(self.clock)
        counted = totals(self.world, dict(self.server.counts), now)
        return in_json({"totals": counted, "audiences": audience_views(self.world, now)})

    async def _requests(self, _: web.Request) -> web.StreamResponse:
        return in_json([asdict(request) for request in self.server.recent])

    async def _membership(self, request: web.Request) -> web.StreamResponse:
        now = await self.world.advance(self.clock)
        return await in_lines(request, self._lines(now))

    async def _faults(self, request: web.Request) -> web.StreamResponse:
        try:
            wish = _MISBEHAVIOUR.validate_json(await request.read())
        except ValidationError as error:
            return in_json({"message": str(error)}, status=400)
        misbehave(self.world, wish, self.clock())
        return web.Response(status=204)

    def _lines(self, now: float) -> Iterator[dict[str, Any]]:
        for audience_id, audience in self.world.audiences.all(now).items():
            for identity, cells in audience.members.rows.items():
                yield {"audience": audience_id, "identity": identity, "cells": cells}
