"""The whole state of the partner, with its endpoints; without HTTP."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import TypeAlias

from pipeline.sandbox.adobe_audiences.answers import LoginRefusal, Refusal, error
from pipeline.sandbox.adobe_audiences.audiences import Audiences
from pipeline.sandbox.adobe_audiences.calls import Call, Performance
from pipeline.sandbox.adobe_audiences.contracts import CONTRACTS, Contract, Route
from pipeline.sandbox.adobe_audiences.faults import NO_FAULT, Fault, FaultScript
from pipeline.sandbox.adobe_audiences.files import Files
from pipeline.sandbox.adobe_audiences.gate import check
from pipeline.sandbox.adobe_audiences.guardrails import Guardrails
from pipeline.sandbox.adobe_audiences.ingestion import Ingestion
from pipeline.sandbox.adobe_audiences.landing_zone import LandingZone
from pipeline.sandbox.adobe_audiences.options import SimulatorOptions
from pipeline.sandbox.adobe_audiences.runs import Runs
from pipeline.sandbox.adobe_audiences.tokens import TokenEndpoint
from pipeline.sandbox.adobe_audiences.violations import Violations
from pipeline.sandbox.adobe_audiences.vocabulary import EndpointName
from pipeline.sandbox.any_partner.random_ids import random_id
from pipeline.sandbox.any_partner.reply import Reply

Answer: TypeAlias = Callable[[Call, Fault], Reply]


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """The state of one simulated partner. Each call is decided at the time when it arrives."""

    options: SimulatorOptions
    contract: Contract
    faults: FaultScript
    tokens: TokenEndpoint
    audiences: Audiences
    runs: Runs
    ingestion: Ingestion
    guardrails: Guardrails
    violations: Violations
    answers: dict[EndpointName, Answer]
    reading: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def advance(self, clock: Callable[[], float]) -> float:
        """Do everything that is due, also read files; returns the present time."""
        async with self.reading:
            self.runs.settle(clock())
            for run, audience in list(self.runs.to_read(clock())):
                run.taken = await asyncio.to_thread(self.ingestion.take, run, audience)
            now = clock()
            self.runs.settle(now)
            return now

    def perform(self, route: Route, call: Call) -> Performance:
        """Decide a call: first the gate, then the faults, then the service."""
        if route.name != "token":
            try:
                check(route, call, self.tokens.grants, self.options)
            except Refusal as refusal:
                return Performance(self._refused(route, refusal), NO_FAULT)
        fault = self.faults.draw(route.name, call.audience, call.now)
        reply = self._answered(route, call, fault) if fault.takes_effect else Reply(204)
        if fault.status is not None:
            reply = error(fault.status, fault.code, fault.message, fault.form)
        return Performance(reply, fault)

    def _answered(self, route: Route, call: Call, fault: Fault) -> Reply:
        try:
            return self.answers[route.name](call, fault)
        except Refusal as refusal:
            return self._refused(route, refusal)
        except LoginRefusal as refusal:
            body = {"error": refusal.error, "error_description": refusal.description}
            return Reply(refusal.status, body)

    def _refused(self, route: Route, refusal: Refusal) -> Reply:
        if refusal.breaks_rule:
            self.violations.add("broken_request", f"{route.name}: {refusal.message}")
        return error(refusal.status, refusal.code, refusal.message, self.options.error_form)


def build_world(options: SimulatorOptions, files: Files, random: Random) -> World:
    """A partner in its first state."""
    new_id = partial(random_id, random)
    contract, violations = CONTRACTS[options.contract], Violations()
    tokens = TokenEndpoint(options, random)
    audiences = Audiences(contract, new_id, options.operation_seconds)
    guardrails = Guardrails(options, random)
    runs = Runs(
        options=options,
        contract=contract,
        audiences=audiences,
        guardrails=guardrails,
        violations=violations,
        random=random,
        new_id=new_id,
    )
    zone = LandingZone(options.landing_zone, violations)
    return World(
        options=options,
        contract=contract,
        faults=FaultScript(options.fault_rates, random),
        tokens=tokens,
        audiences=audiences,
        runs=runs,
        ingestion=Ingestion(files, options.largest_file_bytes, violations),
        guardrails=guardrails,
        violations=violations,
        answers=_answers(tokens, audiences, runs, zone),
    )


def _answers(
    tokens: TokenEndpoint, audiences: Audiences, runs: Runs, zone: LandingZone
) -> dict[EndpointName, Answer]:
    return {
        "token": lambda call, _: tokens.issue(call),
        "audiences.create": audiences.create,
        "audiences.operation": audiences.operation,
        "audiences.update": audiences.update,
        "audiences.extend": audiences.extend,
        "audiences.delete": audiences.delete,
        "runs.start": runs.start,
        "runs.show": runs.show,
        "runs.list": runs.listed,
        "landing_zone.show": zone.show,
        "landing_zone.refresh": zone.refresh,
    }
