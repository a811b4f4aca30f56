"""Settings of a destination at Amazon Ads: addresses, credentials, and speed."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, Self

from pydantic import Field, model_validator

from pipeline.destinations.amazon_ads.consent import PURPOSES, VENDOR
from pipeline.destinations.consent_settings import Purposes, TcfSettings, Vendor
from pipeline.destinations.contract import DestinationSettings
from pipeline.domain.quota import CapTooSmall, Pace, Quota, paces
from pipeline.identity.countries import CONSENT_COUNTRIES
from pipeline.settings.problems import Problem
from pipeline.settings.secrets import Secret, pair_problems, required
from pipeline.settings.values import (
    Country,
    Decimal,
    HeaderText,
    Hidden,
    Positive,
    SecretFile,
    Section,
    Url,
    Whole,
    refuse,
)

Region = Literal["NA", "EU", "FE"]

# Amazon Ads API overview: each region has its own API host and its own token host.
API_URLS: dict[Region, str] = {
    "NA": "https://advertising-api.amazon.com",
    "EU": "https://advertising-api-eu.amazon.com",
    "FE": "https://advertising-api-fe.amazon.com",
}
TOKEN_URLS: dict[Region, str] = {
    "NA": "https://api.amazon.com/auth/o2/token",
    "EU": "https://api.amazon.co.uk/auth/o2/token",
    "FE": "https://api.amazon.co.jp/auth/o2/token",
}
PARTNER_HOURLY_CAP = 15_000_000
"""Adds and removes per connection and hour must stay under this (Amazon's guide)."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """The credentials for a token; the secrets are read at each use."""

    client_id: str
    client_secret: Secret
    refresh_token: Secret


class BatchSettings(Section):
    """A request is sent when the first of these three is reached; none is ever exceeded."""

    max_records: Whole = Field(default=6_000, ge=1, le=10_000)
    """Records of a request; the partner advises 6000 and refuses more than 10000."""
    max_bytes: Whole = Field(default=4_000_000, ge=1_000)
    """Bytes of a request's body."""
    linger_seconds: Positive = 5
    """Seconds that the first record of a batch waits for more."""


def _growing(initial_seconds: float, max_seconds: float) -> Iterator[Problem]:
    if max_seconds < initial_seconds:
        yield Problem(
            path=("max_seconds",),
            what="must not be less than initial_seconds",
            value=f"{max_seconds:g}",
            remedy=f"set it to {initial_seconds:g} or more",
        )


class JobPollSettings(Section):
    """How often we ask about a job: at growing intervals, until it ends or is given up."""

    initial_seconds: Positive = 30
    """Seconds from the submission to the first question."""
    factor: Decimal = Field(default=1.5, ge=1)
    """Each interval is the one before times this."""
    max_seconds: Positive = 300
    """The longest interval, seconds."""
    give_up_after_seconds: Positive = 86_400
    """Seconds until a job that is still pending is given up, as unknown."""
    requests_per_second: Positive = 10
    """Questions of this destination in all, per process; each upload is asked about at least once,
    so it must keep up with requests_per_second of the destination."""

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        refuse(_growing(self.initial_seconds, self.max_seconds))
        return self


class BackoffSettings(Section):
    """How long to wait after a temporary error: exponential, with full jitter."""

    initial_seconds: Positive = 1
    max_seconds: Positive = 60

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        refuse(_growing(self.initial_seconds, self.max_seconds))
        return self


class AmazonTcfSettings(TcfSettings):
    """The consent that a TC string must give, also in a GPP string; Amazon may judge instead."""

    vendor: Vendor = VENDOR
    purposes: Purposes = PURPOSES


class ConsentSettings(Section):
    """How a member's consent is judged."""

    tcf: AmazonTcfSettings = AmazonTcfSettings()


class AmazonAdsSettings(DestinationSettings):
    """Amazon Ads, Advertiser audiences: one client in one region."""

    kind: Literal["amazon_ads"]
    region: Region
    """The region of the DSP advertiser account: NA, EU or FE; sets api_url and token_url."""
    api_url: Url | None = None
    """Instead of the region's, for a proxy or the simulator."""
    token_url: Url | None = None
    """Instead of the region's, for a proxy or the simulator."""
    client_id: HeaderText
    client_secret: Hidden | None = None
    """Exactly one of client_secret and client_secret_file."""
    client_secret_file: SecretFile | None = None
    refresh_token: Hidden | None = None
    """Exactly one of refresh_token and refresh_token_file."""
    refresh_token_file: SecretFile | None = None
    hourly_cap: Whole = Field(default=PARTNER_HOURLY_CAP, ge=1, le=PARTNER_HOURLY_CAP)
    """The cap: in any window the partner gets fewer records than this, per connection."""
    cap_window_seconds: Positive = 3_600
    """The window of hourly_cap; shorter only to prove the cap in a test."""
    batch: BatchSettings = BatchSettings()
    max_in_flight: Whole = Field(default=4, ge=1, le=100)
    """Requests of one connection in flight at a time."""
    request_timeout_seconds: Positive = 60
    requests_per_second: Positive = 10
    """Requests of this destination in all, per process."""
    late_seconds: Decimal = Field(default=10, ge=0)
    """Seconds in which an unanswered request may still take effect at the partner."""
    backoff: BackoffSettings = BackoffSettings()
    poll: JobPollSettings = JobPollSettings()
    job_not_found_seconds: Decimal = Field(default=120, ge=0)
    """Seconds after its submission in which the partner may not know a job yet."""
    external_user_id: Literal["as_is", "sha256"] = "as_is"
    """The member's id at the partner: upstream's id, or its digest."""
    country: Country | None = None
    """The country of members whose event names none; null: none is sent."""
    unsupported_country: Literal["reject", "send_without_country"] = "reject"
    """What happens to members in countries from which the partner takes no hashed data."""
    consent_countries: tuple[Country, ...] = tuple(sorted(CONSENT_COUNTRIES))
    """Members of these countries are added only with a valid consent signal."""
    consent: ConsentSettings = ConsentSettings()

    def api_base(self) -> str:
        """The URL before every path of the API, without a slash at its end."""
        return self.api_url or API_URLS[self.region]

    def token_endpoint(self) -> str:
        """The URL for access tokens."""
        return self.token_url or TOKEN_URLS[self.region]

    def credentials(self) -> Credentials:
        """Our credentials; the secrets are read at each use."""
        return Credentials(
            self.client_id,
            required(self.client_secret, self.client_secret_file),
            required(self.refresh_token, self.refresh_token_file),
        )

    def in_flight_records(self) -> int:
        """I in the arithmetic of the cap: the most records that are paid for and in flight."""
        return self.max_in_flight * self.batch.max_records

    def quota(self) -> Quota:
        """The partner's quota of one lane."""
        return Quota(window=self.cap_window_seconds, records=self.hourly_cap)

    def pace(self) -> Pace:
        """The token bucket that keeps every window below hourly_cap records."""
        return paces(
            self.quota(),
            largest_batch=self.batch.max_records,
            largest_body=self.batch.max_bytes,
            max_in_flight=self.max_in_flight,
        )["records"]

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        refuse(self._problems())
        return self

    def _problems(self) -> Iterator[Problem]:
        yield from pair_problems("client_secret", self.client_secret, self.client_secret_file)
        yield from pair_problems("refresh_token", self.refresh_token, self.refresh_token_file)
        try:
            self.pace()
        except CapTooSmall as error:
            yield Problem(path=("hourly_cap",), what=str(error), value=str(self.hourly_cap))
