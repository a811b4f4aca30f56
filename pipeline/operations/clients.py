"""The partners' side of every lane: clients, tokens, paces, and how jobs are followed."""

from collections.abc import Callable, Mapping
from functools import partial

import aiohttp

from pipeline.configuration.model import Settings
from pipeline.configuration.routing import LaneSettings, routes
from pipeline.destinations.amazon_ads.changes import LaneTarget, largest_overhead, misfit
from pipeline.destinations.amazon_ads.settings import AmazonAdsSettings, Credentials
from pipeline.destinations.amazon_ads.tokens import Token, TokenRefused
from pipeline.domain.quota import Quota, paces
from pipeline.http.amazon import AmazonClient, AmazonStatus, AmazonUpload
from pipeline.http.session import PartnerSession
from pipeline.http.tokens import (
    ClientSecrets,
    Refreshed,
    SecretUnavailable,
    TokenKeeper,
)
from pipeline.settings.problems import SecretUnreadableError
from pipeline.settings.secrets import Secret
from pipeline.stages.poll.plan import PollPlan
from pipeline.stages.retry import Backoff, Throttle
from pipeline.stages.upload.batching import Limits
from pipeline.stages.upload.request_limiter import RequestsPerSecond
from pipeline.stages.upload.served_lane import ServedLane
from pipeline.stages.upload.token_bucket import LaneTokenBucket
from pipeline.telemetry.facts import LaneLabel, Telemetry, TokenOutcome


class Partners:
    """One client for each destination, and what its lanes share."""

    def __init__(
        self, settings: Settings, http: aiohttp.ClientSession, telemetry: Telemetry
    ) -> None:
        self._settings = settings
        self._http = http
        self._telemetry = telemetry
        destinations = settings.destinations
        self.clients: Mapping[str, AmazonClient] = {
            name: self._client(name, destination) for name, destination in destinations.items()
        }
        self._throttles = {name: Throttle() for name in destinations}
        self._request_limiters = {
            name: RequestsPerSecond(destination.requests_per_second)
            for name, destination in destinations.items()
        }

    def lane(self, lane: LaneSettings) -> ServedLane:
        """Everything that serving a lane takes; its bucket is made anew at every takeover."""
        destination = self._settings.destinations[lane.destination]
        limits = _limits(lane, destination)
        quota = Quota(window=destination.cap_window_seconds, records=destination.hourly_cap)
        lane_paces = paces(
            quota,
            largest_batch=limits.max_records,
            largest_body=limits.max_bytes,
            max_in_flight=destination.max_in_flight,
        )
        return ServedLane(
            name=lane.name,
            label=LaneLabel(lane.destination, lane.connection),
            partner=self._upload(lane),
            misfit=misfit,
            limits=limits,
            quota=quota,
            new_buckets=lambda: {what: LaneTokenBucket(pace) for what, pace in lane_paces.items()},
            throttle=self._throttles[lane.destination],
            max_in_flight=destination.max_in_flight,
            late_seconds=destination.late_seconds,
            probe_seconds=self._settings.upload.probe_seconds,
            backoff=Backoff(
                initial=destination.backoff.initial_seconds,
                maximum=destination.backoff.max_seconds,
            ),
        )

    def poll_plans(self) -> Mapping[str, PollPlan]:
        """How the jobs of each destination are followed."""
        return {
            name: self._poll_plan(name, destination)
            for name, destination in self._settings.destinations.items()
        }

    def _upload(self, lane: LaneSettings) -> AmazonUpload:
        return AmazonUpload(
            self.clients[lane.destination],
            self._target(lane),
            self._request_limiters[lane.destination],
        )

    def _poll_plan(self, name: str, destination: AmazonAdsSettings) -> PollPlan:
        def polled(code: str) -> None:
            self._telemetry.status_polled(destination=name, code=code)

        return PollPlan(
            status=AmazonStatus(self.clients[name], polled),
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

    def _client(self, name: str, destination: AmazonAdsSettings) -> AmazonClient:
        def answered(endpoint: str, code: str, seconds: float) -> None:
            self._telemetry.request_answered(
                destination=name, endpoint=endpoint, code=code, seconds=seconds
            )

        session = PartnerSession(
            self._http, destination.api_base(), destination.request_timeout_seconds, answered
        )
        tokens = TokenKeeper(
            self._http,
            destination.token_endpoint(),
            _secrets(destination.credentials()),
            partial(self._refreshed, name),
        )
        return AmazonClient(session, tokens, destination.client_id)

    def _refreshed(self, destination: str, refreshed: Refreshed) -> None:
        outcome: TokenOutcome = "failed"
        if isinstance(refreshed, Token):
            outcome = "renewed"
        elif isinstance(refreshed, TokenRefused):
            outcome = "refused"
        self._telemetry.tokens_refreshed(destination=destination, outcome=outcome)


def _limits(lane: LaneSettings, destination: AmazonAdsSettings) -> Limits:
    return Limits(
        max_records=destination.batch.max_records,
        max_bytes=destination.batch.max_bytes,
        linger=destination.batch.linger_seconds,
        overhead_bytes=largest_overhead(lane.connection_id),
    )


def _secrets(credentials: Credentials) -> ClientSecrets:
    return ClientSecrets(
        client_id=credentials.client_id,
        client_secret=_reader(credentials.client_secret),
        refresh_token=_reader(credentials.refresh_token),
    )


def _reader(secret: Secret) -> Callable[[], str]:
    def read() -> str:
        try:
            return secret.read()
        except SecretUnreadableError as error:
            raise SecretUnavailable(str(error)) from None

    return read
