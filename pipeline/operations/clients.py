"""One client for each destination, with everything that its lanes and jobs share."""

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

import aiohttp
from aiohttp.abc import AbstractResolver

from pipeline.configuration.model import Settings
from pipeline.configuration.routing import LaneSettings, targets_of
from pipeline.destinations.changes import Changes, Jobs
from pipeline.destinations.contract import Partners
from pipeline.destinations.login import Token, TokenAnswer, TokenRefused
from pipeline.destinations.registry import PARTNERS
from pipeline.destinations.snapshots import Snapshots
from pipeline.domain.quota import paces
from pipeline.http.client import PartnerClient
from pipeline.http.connections import connections
from pipeline.http.lanes import PartnerStatus, PartnerUpload
from pipeline.http.proxies import proxy_for
from pipeline.http.runs import PartnerRuns
from pipeline.http.session import PartnerSession
from pipeline.http.tokens import (
    LARGEST_TOKEN_ANSWER_BYTES,
    REFRESH_TIMEOUT_SECONDS,
    TokenKeeper,
)
from pipeline.stages.poll.questions import Questions
from pipeline.stages.poll.rules import PollRules
from pipeline.stages.retry import Backoff, Throttle
from pipeline.stages.upload.batching import Limits
from pipeline.stages.upload.request_limiter import RequestsPerSecond
from pipeline.stages.upload.served_lane import ServedLane
from pipeline.stages.upload.token_bucket import LaneTokenBucket
from pipeline.telemetry.facts import PartnerTelemetry, TokenOutcome

RUN_LATE_SECONDS = 10.0
"""How long the kernel may still deliver a request for a run after we gave it up or died. It must
not be longer than we look for the run in the partner's list."""


@asynccontextmanager
async def opened(
    settings: Settings,
    telemetry: PartnerTelemetry,
    *,
    environ: Mapping[str, str] = os.environ,
    resolver: AbstractResolver | None = None,
    partners: Partners = PARTNERS,
) -> AsyncIterator["Clients"]:
    """Open a client for each destination, with its own connections; they are closed at the end.

    Raises:
        SettingsError: an environment variable for a proxy does not hold the address of one.
    """
    deliveries = {
        name: partners[destination.kind].delivery(destination, ())
        for name, destination in settings.destinations.items()
    }
    async with AsyncExitStack() as stack:
        sessions = {}
        for name, delivery in deliveries.items():
            late = delivery.sending.late if isinstance(delivery, Changes) else RUN_LATE_SECONDS
            opening = connections(late, resolver=resolver)
            sessions[name] = await stack.enter_async_context(opening)
        yield Clients(settings, sessions, deliveries, telemetry, environ, partners)


class Clients:
    """One client for each destination, and the limits that its lanes share."""

    def __init__(
        self,
        settings: Settings,
        sessions: Mapping[str, aiohttp.ClientSession],
        deliveries: Mapping[str, Changes | Snapshots],
        telemetry: PartnerTelemetry,
        environ: Mapping[str, str],
        partners: Partners,
    ) -> None:
        self._settings = settings
        self._telemetry = telemetry
        self._environ = environ
        self._partners = partners
        self._changes = {
            name: delivery for name, delivery in deliveries.items() if isinstance(delivery, Changes)
        }
        self._snapshots = {
            name: one for name, one in deliveries.items() if isinstance(one, Snapshots)
        }
        self.clients: Mapping[str, PartnerClient] = {
            name: self._client(name, sessions[name]) for name in settings.destinations
        }
        self._throttles = {name: Throttle() for name in self._changes}
        self._request_limiters = {
            name: RequestsPerSecond(changes.sending.requests_per_second)
            for name, changes in self._changes.items()
        } | {
            name: RequestsPerSecond(snapshots.requests_per_second)
            for name, snapshots in self._snapshots.items()
        }

    def lane(self, lane: LaneSettings) -> ServedLane:
        """Everything that a worker needs to serve a lane; each takeover gets a new token bucket."""
        changes = self._delivery(lane)
        limits, sending = changes.limits, changes.sending
        lane_paces = paces(
            changes.quota,
            largest_batch=limits.max_records,
            largest_body=limits.max_bytes,
            max_in_flight=sending.max_in_flight,
        )
        return ServedLane(
            name=lane.name,
            label=lane.label,
            partner=PartnerUpload(
                self.clients[lane.destination], changes, self._request_limiters[lane.destination]
            ),
            misfit=changes.misfit,
            limits=Limits(
                max_records=limits.max_records,
                max_bytes=limits.max_bytes,
                linger=sending.linger,
                overhead_bytes=limits.overhead_bytes,
            ),
            quota=changes.quota,
            new_buckets=lambda: {what: LaneTokenBucket(pace) for what, pace in lane_paces.items()},
            throttle=self._throttles[lane.destination],
            max_in_flight=sending.max_in_flight,
            late_seconds=sending.late,
            probe_seconds=self._settings.upload.probe_seconds,
            backoff=Backoff(initial=sending.first_backoff, maximum=sending.longest_backoff),
        )

    def questions(self) -> Mapping[str, Questions]:
        """How to follow jobs, for each destination that has jobs."""
        return {
            name: self._questions(name, changes.jobs)
            for name, changes in self._changes.items()
            if changes.jobs is not None
        }

    def snapshots(self, destination: str) -> Snapshots:
        """How snapshots are delivered to a destination that takes them."""
        return self._snapshots[destination]

    def runs(self, destination: str) -> PartnerRuns:
        """The partner's runs; requests of all owners in this process share the limit."""
        return PartnerRuns(
            self.clients[destination],
            self._snapshots[destination],
            self._request_limiters[destination],
        )

    def _delivery(self, lane: LaneSettings) -> Changes:
        destination = self._settings.destinations[lane.destination]
        targets = targets_of(self._settings, lane)
        delivery = self._partners[destination.kind].delivery(destination, targets)
        assert isinstance(delivery, Changes)
        return delivery

    def _questions(self, name: str, jobs: Jobs) -> Questions:
        def polled(code: str) -> None:
            self._telemetry.status_polled(destination=name, code=code)

        following = jobs.following
        limiter = RequestsPerSecond(following.requests_per_second)
        return Questions(
            status=PartnerStatus(self.clients[name], jobs, polled, limiter),
            request_limiter=limiter,
            throttle=self._throttles[name],
            rules=PollRules(
                initial=following.first,
                factor=following.factor,
                longest=following.longest,
                questions_per_second=following.requests_per_second,
                give_up_after=following.give_up_after,
                missing_tolerated=following.missing_tolerated,
            ),
        )

    def _client(self, name: str, http: aiohttp.ClientSession) -> PartnerClient:
        def answered(endpoint: str, code: str, seconds: float) -> None:
            self._telemetry.request_answered(
                destination=name, endpoint=endpoint, code=code, seconds=seconds
            )

        destination = self._settings.destinations[name]
        partner = self._partners[destination.kind]
        login, base_url = partner.login(destination), partner.base_url(destination)
        session = PartnerSession(
            http, base_url, self._timeout(name), answered, proxy=proxy_for(base_url, self._environ)
        )
        token_session = PartnerSession(
            http,
            login.url,
            REFRESH_TIMEOUT_SECONDS,
            lambda *_: None,  # counted by `refreshed`
            proxy=proxy_for(login.url, self._environ),
            most_bytes=LARGEST_TOKEN_ANSWER_BYTES,
        )
        tokens = TokenKeeper(token_session, login, partial(self._refreshed, name))
        return PartnerClient(session, login, tokens)

    def _timeout(self, name: str) -> float:
        if name in self._snapshots:
            return self._snapshots[name].request_timeout
        return self._changes[name].sending.request_timeout

    def _refreshed(self, destination: str, refreshed: TokenAnswer) -> None:
        outcome: TokenOutcome = "failed"
        if isinstance(refreshed, Token):
            outcome = "renewed"
        elif isinstance(refreshed, TokenRefused):
            outcome = "refused"
        self._telemetry.tokens_refreshed(destination=destination, outcome=outcome)
