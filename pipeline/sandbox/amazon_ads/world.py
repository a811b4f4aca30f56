"""The whole state of the partner, with its endpoints; without HTTP."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import NamedTuple

from pipeline.sandbox.amazon_ads.audiences import Audiences
from pipeline.sandbox.amazon_ads.calls import Call, Ordinary, Performance, Performer
from pipeline.sandbox.amazon_ads.connections import Connections, Terms
from pipeline.sandbox.amazon_ads.dialects import (
    ADVERTISERS,
    AUDIENCES,
    CONNECTIONS,
    GATEWAY,
    INSTANCES,
    LOGIN,
    PROFILES,
    Dialect,
    Refusal,
)
from pipeline.sandbox.amazon_ads.discovery import Discovery
from pipeline.sandbox.amazon_ads.faults import NO_FAULT, FaultScript
from pipeline.sandbox.amazon_ads.gate import CLIENT_ID, Entry, check
from pipeline.sandbox.amazon_ads.job_runs import JobBook
from pipeline.sandbox.amazon_ads.journal import Journal
from pipeline.sandbox.amazon_ads.members import Memberships
from pipeline.sandbox.amazon_ads.options import SimulatorOptions
from pipeline.sandbox.amazon_ads.statuses import Statuses
from pipeline.sandbox.amazon_ads.tokens import TokenEndpoint
from pipeline.sandbox.amazon_ads.uploads import Uploads
from pipeline.sandbox.amazon_ads.vocabulary import EndpointName
from pipeline.sandbox.any_partner.random_ids import random_id
from pipeline.sandbox.any_partner.reply import Reply


class Route(NamedTuple):
    """One endpoint: its method, path and dialect."""

    name: EndpointName
    method: str
    path: str
    dialect: Dialect
    required_headers: tuple[str, ...] = (CLIENT_ID,)

    @property
    def has_body(self) -> bool:
        return self.method in ("POST", "PUT", "PATCH")


AMC = "/amc/audiences"
ROUTES = (
    Route("token", "POST", "/auth/o2/token", LOGIN, ()),
    Route("connections.create", "POST", f"{AMC}/connections", CONNECTIONS),
    # The only operation whose specification does not require the client id.
    Route("connections.list", "GET", f"{AMC}/connections", CONNECTIONS, ()),
    Route("connections.delete", "DELETE", f"{AMC}/connections", CONNECTIONS),
    Route("terms.show", "GET", f"{AMC}/connections/terms", CONNECTIONS),
    Route("terms.accept", "PATCH", f"{AMC}/connections/terms", CONNECTIONS),
    Route("audiences.create", "POST", f"{AMC}/metadata", AUDIENCES),
    Route("audiences.show", "GET", f"{AMC}/metadata/{{audienceId}}", AUDIENCES),
    Route("audiences.update", "PUT", f"{AMC}/metadata/{{audienceId}}", AUDIENCES),
    Route("records.upload", "POST", f"{AMC}/records", AUDIENCES),
    Route("records.status", "GET", f"{AMC}/records/{{jobRequestId}}", AUDIENCES),
    Route("accounts.list", "GET", "/amc/accounts", CONNECTIONS),
    Route(
        "instances.list",
        "GET",
        "/amc/instances",
        INSTANCES,
        (
            CLIENT_ID,
            "Amazon-Advertising-API-AdvertiserId",
            "Amazon-Advertising-API-MarketplaceId",
        ),
    ),
    Route("profiles.list", "GET", "/v2/profiles", PROFILES),
    Route("advertisers.list", "GET", "/dsp/advertisers", ADVERTISERS),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """The state of one simulated partner. Each call is decided at the time when it arrives."""

    options: SimulatorOptions
    faults: FaultScript
    tokens: TokenEndpoint
    memberships: Memberships
    jobs: JobBook
    uploads: Uploads
    journal: Journal
    performers: dict[EndpointName, Performer]

    def perform(self, route: Route, call: Call) -> Performance:
        """Decide a call: first the gate, then the faults, then the service."""
        if route.name != "token":
            entry = Entry(
                media_type=route.dialect.media_type,
                has_body=route.has_body,
                required_headers=route.required_headers,
            )
            try:
                check(entry, call, self.tokens.grants)
            except Refusal as refusal:
                # A gateway before the services answers 401 itself, in its own form.
                dialect = GATEWAY if refusal.status == 401 else route.dialect
                reply = dialect.refuse(refusal, call.request_id)
                return Performance(reply=reply, fault=NO_FAULT)
        return self.performers[route.name](call)


def build_world(
    options: SimulatorOptions, random: Random, wall_clock: Callable[[], float]
) -> World:
    """A partner in its first state."""
    new_id = partial(random_id, random)
    faults = FaultScript(options.fault_rates, random)
    tokens = TokenEndpoint(options, random)
    terms = Terms(accepted=options.terms_accepted, agreement_token=new_id())
    connections = Connections(
        options.directory, new_id, wall_clock, accepts_any=options.accept_any_connection
    )
    memberships = Memberships(options.history)
    jobs = JobBook(options.job_retention_seconds)
    uploads = Uploads(
        options=options,
        faults=faults,
        memberships=memberships,
        jobs=jobs,
        audiences=Audiences(random, connections.accepts, memberships.size),
        connections=connections,
        terms=terms,
        random=random,
        new_id=new_id,
    )
    return World(
        options=options,
        faults=faults,
        tokens=tokens,
        memberships=memberships,
        jobs=jobs,
        uploads=uploads,
        journal=Journal(options.logged_requests),
        performers=_performers(tokens, uploads),
    )


def _performers(tokens: TokenEndpoint, uploads: Uploads) -> dict[EndpointName, Performer]:
    audiences, connections, terms = uploads.audiences, uploads.connections, uploads.terms
    discovery = Discovery(uploads.options.directory)
    answers: dict[EndpointName, Callable[[Call], Reply]] = {
        "token": tokens.refresh,
        "connections.create": connections.create,
        "connections.list": connections.list,
        "connections.delete": connections.delete,
        "terms.show": terms.show,
        "terms.accept": terms.accept,
        "audiences.create": audiences.create,
        "audiences.show": audiences.show,
        "audiences.update": audiences.update,
        "records.status": Statuses(uploads.jobs, uploads.memberships).show,
        "accounts.list": discovery.accounts,
        "instances.list": discovery.instances,
        "profiles.list": discovery.profiles,
        "advertisers.list": discovery.advertisers,
    }
    ordinary: dict[EndpointName, Performer] = {
        route.name: Ordinary(route.name, route.dialect, uploads.faults, answers[route.name])
        for route in ROUTES
        if route.name in answers
    }
    return {**ordinary, "records.upload": uploads.perform}
