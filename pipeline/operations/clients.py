"""The partners' side of every lane: clients, tokens, paces, and how jobs are followed."""

from collections.abc import Callable, Mapping
from functools import partial

import aiohttp

from pipeline.configuration.model import Settings
from pipeline.configuration.routing import LaneSettings, routes
from pipeline.destinations.amazon_ads.changes import LaneTarget, largest_overhead
from pipeline.destinations.amazon_ads.settings import AmazonAdsSettings, Credentials
from pipeline.destinations.amazon_ads.tokens import Token, TokenRefused
from pipeline.domain.quota import pace
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
from pipeline.stages.poll.questions import Questions
from pipeline.stages.poll.rules import PollRules
from pipeline.stages.retry import Backoff, Throttle
from pipeline.stages.roster import ServedLane
from pipeline.stages.upload.batching import Limits
from pipeline.stages.upload.plan import LanePlan
from pipeline.stages.upload.token_bucket import LaneTokenBucket, RequestsPerSecond
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
        lane_pace = pace(
            cap=destination.hourly_cap,
            window=destination.cap_window_seconds,
            largest_batch=destination.batch.max_records,
            max_in_flight=destination.max_in_flight,
        )
        client = self.clients[lane.destination]
        return ServedLane(
            plan=self._plan(lane, destination),
            upload=AmazonUpload(
                client, self._target(lane), self._request_limiters[lane.destination]
            ),
            throttle=self._throttles[lane.destination],
            new_bucket=lambda: LaneTokenBucket(lane_pace),
        )

    def questions(self) -> Mapping[str, Questions]:
        """How each destination is asked for its jobs."""
        return {
            name: self._questions(name, destination)
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

    def _questions(self, name: str, destination: AmazonAdsSettings) -> Questions:
        def polled(code: str) -> None:
            self._telemetry.status_polled(destination=name, code=code)

        poll = destination.poll
        return Questions(
            status=AmazonStatus(self.clients[name], polled),
            request_limiter=RequestsPerSecond(poll.requests_per_second),
            throttle=self._throttles[name],
            rules=PollRules(
                initial=poll.initial_seconds,
                factor=poll.factor,
                longest=poll.max_seconds,
                questions_per_second=poll.requests_per_second,
                give_up_after=poll.give_up_after_seconds,
                missing_tolerated=destination.job_not_found_seconds,
            ),
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
