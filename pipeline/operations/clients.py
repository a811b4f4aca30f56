"""The partners' side of every lane: clients, tokens, paces, and how jobs are followed."""

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

import aiohttp
from aiohttp.abc import AbstractResolver

from pipeline.configuration.model import Settings
from pipeline.configuration.routing import LaneSettings, routes
from pipeline.destinations.amazon_ads.changes import (
    AmazonChanges,
    AmazonJobs,
    LaneTarget,
    largest_overhead,
)
from pipeline.destinations.amazon_ads.login import AmazonLogin
from pipeline.destinations.amazon_ads.settings import AmazonAdsSettings
from pipeline.destinations.contract import Token, TokenAnswer, TokenRefused
from pipeline.domain.quota import pace
from pipeline.http.client import PartnerClient
from pipeline.http.connections import connections
from pipeline.http.lanes import PartnerStatus, PartnerUpload
from pipeline.http.proxies import proxy_for
from pipeline.http.session import PartnerSession
from pipeline.http.tokens import (
    LARGEST_TOKEN_ANSWER_BYTES,
    REFRESH_TIMEOUT_SECONDS,
    TokenKeeper,
)
from pipeline.stages.poll.plan import PollPlan
from pipeline.stages.retry import Backoff, Throttle
from pipeline.stages.roster import ServedLane
from pipeline.stages.upload.batching import Limits
from pipeline.stages.upload.plan import LanePlan
from pipeline.stages.upload.token_bucket import LaneTokenBucket, RequestsPerSecond
from pipeline.telemetry.facts import LaneLabel, Telemetry, TokenOutcome


@asynccontextmanager
async def opened(
    settings: Settings,
    telemetry: Telemetry,
    *,
    environ: Mapping[str, str] = os.environ,
    resolver: AbstractResolver | None = None,
) -> AsyncIterator["Partners"]:
    """All destinations, each with connections of its own; closed again at the end.

    Raises:
        SettingsError: a proxy variable of the environment is no address of a proxy.
    """
    async with AsyncExitStack() as stack:
        sessions = {
            name: await stack.enter_async_context(
                connections(destination.late_seconds, resolver=resolver)
            )
            for name, destination in settings.destinations.items()
        }
        yield Partners(settings, sessions, telemetry, environ)


class Partners:
    """One client for each destination, and what its lanes share."""

    def __init__(
        self,
        settings: Settings,
        sessions: Mapping[str, aiohttp.ClientSession],
        telemetry: Telemetry,
        environ: Mapping[str, str],
    ) -> None:
        self._settings = settings
        self._telemetry = telemetry
        self._environ = environ
        destinations = settings.destinations
        self.clients: Mapping[str, PartnerClient] = {
            name: self._client(name, destination, sessions[name])
            for name, destination in destinations.items()
        }
        self._throttles = {name: Throttle() for name in destinations}
        self._request_limiters = {
            name: RequestsPerSecond(destination.requests_per_second)
            for name, destination in destinations.items()
        }

    def lane(self, lane: LaneSettings) -> ServedLane:
        """Everything that serving a lane takes; its bucket is made anew at every takeover."""
        destination = self._settings.destinations[lane.destination]
        lane_pace = pace(
            cap=destination.hourly_cap,
            window=destination.cap_window_seconds,
            largest_batch=destination.batch.max_records,
            max_in_flight=destination.max_in_flight,
        )
        client = self.clients[lane.destination]
        return ServedLane(
            plan=self._plan(lane, destination),
            upload=PartnerUpload(
                client,
                AmazonChanges(self._target(lane)),
                self._request_limiters[lane.destination],
            ),
            throttle=self._throttles[lane.destination],
            new_bucket=lambda: LaneTokenBucket(lane_pace),
        )

    def poll_plans(self) -> Mapping[str, PollPlan]:
        """How the jobs of each destination are followed."""
        return {
            name: self._poll_plan(name, destination)
            for name, destination in self._settings.destinations.items()
        }

    def _plan(self, lane: LaneSettings, destination: AmazonAdsSettings) -> LanePlan:
        return LanePlan(
            name=lane.name,
            label=LaneLabel(lane.destination, lane.connection),
            limits=Limits(
                max_records=destination.batch.max_records,
                max_bytes=destination.batch.max_bytes,
                linger=destination.batch.linger_seconds,
                overhead_bytes=largest_overhead(lane.connection_id),
            ),
            cap=destination.hourly_cap,
            cap_window=destination.cap_window_seconds,
            max_in_flight=destination.max_in_flight,
            late_seconds=destination.late_seconds,
            probe_seconds=self._settings.upload.probe_seconds,
            backoff=Backoff(
                initial=destination.backoff.initial_seconds,
                maximum=destination.backoff.max_seconds,
            ),
        )

    def _poll_plan(self, name: str, destination: AmazonAdsSettings) -> PollPlan:
        def polled(code: str) -> None:
            self._telemetry.status_polled(destination=name, code=code)

        return PollPlan(
            status=PartnerStatus(self.clients[name], AmazonJobs(), polled),
            request_limiter=RequestsPerSecond(destination.poll.requests_per_second),
            initial=destination.poll.initial_seconds,
            factor=destination.poll.factor,
            longest=destination.poll.max_seconds,
            give_up_after=destination.poll.give_up_after_seconds,
            missing_tolerated=destination.job_not_found_seconds,
            carry_over_after=self._settings.poll.carry_over_seconds,
        )

    def _target(self, lane: LaneSettings) -> LaneTarget:
        """Which target types each audience of the lane wants."""
        return LaneTarget(
            lane.connection_id,
            {
                str(target.audience_id): target.target_types
                for targets in routes(self._settings).values()
                for target in targets
                if target.lane.name == lane.name
            },
        )

    def _client(
        self, name: str, destination: AmazonAdsSettings, http: aiohttp.ClientSession
    ) -> PartnerClient:
        def answered(endpoint: str, code: str, seconds: float) -> None:
            self._telemetry.request_answered(
                destination=name, endpoint=endpoint, code=code, seconds=seconds
            )

        login = AmazonLogin(destination.token_endpoint(), destination.credentials())
        session = PartnerSession(
            http,
            destination.api_base(),
            destination.request_timeout_seconds,
            answered,
            proxy=proxy_for(destination.api_base(), self._environ),
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

    def _refreshed(self, destination: str, refreshed: TokenAnswer) -> None:
        outcome: TokenOutcome = "failed"
        if isinstance(refreshed, Token):
            outcome = "renewed"
        elif isinstance(refreshed, TokenRefused):
            outcome = "refused"
        self._telemetry.tokens_refreshed(destination=destination, outcome=outcome)
