"""The simulator's own pages under /__simulator__: show arrivals and results, and set faults.

GET state, membership, unapplied, requests; POST faults.
"""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any, TypedDict

from aiohttp import web
from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as checked_dataclass

from pipeline.sandbox.amazon_ads.faults import PROFILES, FaultRates, ScriptedFault
from pipeline.sandbox.amazon_ads.world import World
from pipeline.sandbox.any_partner.faults import ProfileName
from pipeline.sandbox.any_partner.view_answers import PREFIX, in_json, in_lines


class WindowView(TypedDict):
    """One target's rolling window, in records."""

    current: int
    largest: int
    cap: int
    total: int
    refused: int
    over_cap: int


@checked_dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class Misbehaviour:
    """The body of a POST to faults: `clear` is done first, then all faults are added."""

    clear: bool = False
    script: tuple[ScriptedFault, ...] = ()
    poison: frozenset[str] = frozenset()
    poison_status: int = 400
    invalid: frozenset[str] = frozenset()
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
    world.faults.poison(wish.poison, wish.poison_status)
    world.faults.invalidate(wish.invalid)
    if wish.expire_tokens:
        world.tokens.grants.expire_all()


def windows(world: World, now: float) -> dict[str, WindowView]:
    """The present window of every target."""
    uploads = world.uploads
    return {
        target: WindowView(
            current=window.current(now),
            largest=window.largest,
            cap=world.options.cap,
            total=window.total,
            refused=uploads.refused[target],
            over_cap=uploads.over_cap[target],
        )
        for target, window in uploads.windows.items()
    }


class Totals(TypedDict):
    """Counts since the start. Records: arrived, accepted, applied, invalid, failed, refused."""

    requests: dict[str, dict[str, int]]
    records: dict[str, int]
    jobs: dict[str, int]
    polls_after_end: int
    tokens_issued: int
    overlapping_requests: int
    repeated_in_request: int
    unreadable_requests: int
    faults: dict[str, int]


RECORD_COUNTS = ("arrived", "accepted", "applied", "invalid", "failed", "refused")


def totals(world: World, now: float) -> Totals:
    world.uploads.settle(now)
    counted = world.uploads.totals
    return Totals(
        requests={name: dict(counts) for name, counts in world.journal.counts.items()},
        records={
            **{name: counted[name] for name in RECORD_COUNTS},
            "late": world.uploads.waiting_late(),
        },
        jobs=dict(world.jobs.by_state(now)),
        polls_after_end=world.jobs.polls_after_end,
        tokens_issued=world.tokens.grants.issued,
        overlapping_requests=counted["overlapping_requests"],
        repeated_in_request=counted["repeated_in_request"],
        unreadable_requests=counted["unreadable_requests"],
        faults=dict(world.faults.struck),
    )


@dataclass(frozen=True, slots=True)
class View:
    """Serves these pages over HTTP."""

    world: World
    clock: Callable[[], float]

    def add_to(self, application: web.Application) -> None:
        router = application.router
        router.add_get(f"{PREFIX}/state", self._state)
        router.add_get(f"{PREFIX}/membership", self._membership)
        router.add_get(f"{PREFIX}/unapplied", self._unapplied)
        router.add_get(f"{PREFIX}/requests", self._requests)
        router.add_post(f"{PREFIX}/faults", self._faults)

    async def _state(self, _: web.Request) -> web.StreamResponse:
        now = self.clock()
        return in_json({"totals": totals(self.world, now), "windows": windows(self.world, now)})

    async def _requests(self, _: web.Request) -> web.StreamResponse:
        return in_json([asdict(request) for request in self.world.journal.recent()])

    async def _membership(self, request: web.Request) -> web.StreamResponse:
        self.world.uploads.settle(self.clock())
        return await in_lines(request, self._standing())

    async def _unapplied(self, request: web.Request) -> web.StreamResponse:
        self.world.uploads.settle(self.clock())
        return await in_lines(request, (asdict(one) for one in self.world.memberships.unapplied()))

    async def _faults(self, request: web.Request) -> web.StreamResponse:
        try:
            wish = _MISBEHAVIOUR.validate_json(await request.read())
        except ValidationError as error:
            return in_json({"message": str(error)}, status=400)
        misbehave(self.world, wish, self.clock())
        return web.Response(status=204)

    def _standing(self) -> Iterator[dict[str, Any]]:
        for audience in self.world.memberships.audiences():
            for member, change in self.world.memberships.standing(audience):
                yield {
                    "audience": audience,
                    "member": member,
                    "action": change.action,
                    "sequence": change.sequence,
                    "digest": change.digest,
                }
