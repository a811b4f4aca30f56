"""Settings of a sandbox of Adobe: addresses, credentials, snapshots, storage."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from pipeline.destinations.adobe_audiences.consent import PURPOSES, VENDOR
from pipeline.destinations.consent_settings import Purposes, TcfSettings, Vendor
from pipeline.destinations.contract import DestinationSettings
from pipeline.destinations.snapshots import SnapshotRules
from pipeline.destinations.storage_settings import StorageSettings
from pipeline.identity.countries import CONSENT_COUNTRIES
from pipeline.settings.problems import Problem
from pipeline.settings.secrets import Secret, pair_problems, required
from pipeline.settings.values import (
    Count,
    Country,
    Decimal,
    HeaderText,
    Hidden,
    Positive,
    SecretFile,
    Section,
    Text,
    Url,
    Whole,
    refuse,
)

AIS_PATH = "/data/core/ais"
"""The beginning of every path of External Audiences; other services have other beginnings."""
PLATFORM_URL = "https://platform.adobe.io"
TOKEN_URL = "https://ims-na1.adobelogin.com/ims/token/v3"  # noqa: S105 - an address
LARGEST_FILE_BYTES = 10_000_000_000
"""Adobe's limit for one external audience."""
PARTNER_RUNS_PER_DAY = 100
"""Adobe's limit for all audiences of a sandbox, with the runs of its user interface."""
USABLE_AFTER_SECONDS = 26 * 3600.0
"""When all destinations have a run: streaming ones within two hours, others within a day."""
NEEDS_BASE_CONNECTION = ("s3", "gcs", "sftp")

Contract = Literal["current", "draft"]


@dataclass(frozen=True, slots=True)
class Credentials:
    """The credentials for a token; the secret is read at each use."""

    client_id: str
    client_secret: Secret
    scopes: tuple[str, ...]


class SnapshotSettings(Section):
    """When we make snapshots of an audience, and how many runs we start."""

    min_interval_seconds: Positive = 10_800
    """Seconds from the start of a run of an audience to the next one."""
    quiet_seconds: Decimal = Field(default=60, ge=0)
    """Seconds without a change before a snapshot is made ..."""
    max_wait_seconds: Positive = 21_600
    """... but the oldest change waits no longer than this."""
    removals_within_seconds: Positive = 86_400
    """Seconds within which a remove should be in a file; the most urgent audience goes first."""
    fresh_within_seconds: Positive = 86_400
    """Seconds within which an add should be in a file."""
    runs_per_day: Whole = Field(default=90, ge=1, le=PARTNER_RUNS_PER_DAY)
    """Runs of all audiences in any 24 hours; the partner takes 100, with those of its own pages."""
    runs_per_audience_and_day: Whole = Field(default=10, ge=1, le=PARTNER_RUNS_PER_DAY)
    """Runs of one audience in any 24 hours."""
    runs_per_audience_total: Count | None = None
    """Runs in the whole life of an audience; null: no limit."""
    window_seconds: Whole = Field(default=3, ge=1, le=60)
    """Seconds before and after a file's time; its run takes all files in this window."""
    poll_seconds: Positive = 30
    """Seconds between two questions about a run."""
    keep_files_hours: Positive = 24
    """Hours from the end of a run until its file is deleted."""
    buffer_bytes: Whole = Field(default=134_217_728, ge=1_000_000)
    """Bytes in memory for the members of one partition; larger ones are read in parts."""

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        refuse(self._problems())
        return self

    def _problems(self) -> Iterator[Problem]:
        if self.max_wait_seconds < self.quiet_seconds:
            yield Problem(
                path=("max_wait_seconds",),
                what="must not be less than quiet_seconds",
                value=f"{self.max_wait_seconds:g}",
                remedy=f"set it to {self.quiet_seconds:g} or more",
            )


class AdobeTcfSettings(TcfSettings):
    """The consent that a TC string must give, also inside a GPP string."""

    vendor: Vendor = VENDOR
    purposes: Purposes = PURPOSES


class ConsentSettings(Section):
    """How a member's consent is judged."""

    tcf: AdobeTcfSettings = AdobeTcfSettings()
    absent: Literal["leave", "remove"] = "leave"
    """What happens to a member whose add lacks the signal it needs: nothing, or removal."""
    amazon_flags: Literal["deny_only", "count"] = "deny_only"
    """Whether only a denial for Amazon counts here, or also a consent."""


class AdobeSettings(DestinationSettings):
    """Adobe Experience Platform, External audiences: one sandbox of one organisation."""

    takes: ClassVar[Literal["changes", "snapshots"]] = "snapshots"
    kind: Literal["adobe_external_audiences"]
    api_url: Url | None = None
    """Replaces https://platform.adobe.io/data/core/ais, for a proxy or the simulator."""
    token_url: Url | None = None
    """Replaces Adobe's URL, for a proxy or the simulator."""
    contract: Contract = "current"
    """The generation of the API: the published one, or the draft before it."""
    org_id: HeaderText
    """The organisation, such as 0123456789ABCDEF@AdobeOrg."""
    sandbox: HeaderText = "prod"
    client_id: HeaderText
    client_secret: Hidden | None = None
    """Exactly one of client_secret and client_secret_file."""
    client_secret_file: SecretFile | None = None
    scopes: tuple[HeaderText, ...] = Field(
        default=("openid", "AdobeID", "read_organizations"), min_length=1
    )
    """The scopes that the developer console shows for the credential."""
    storage: StorageSettings
    """The storage where we write the files and the partner reads them."""
    base_connection_id: HeaderText | None = None
    """The id of the partner's connection to the storage; for s3, gcs, sftp, and with the draft."""
    source_prefix: Text | None = None
    """The beginning of paths at the partner; null: taken from the storage's settings."""
    snapshot: SnapshotSettings = SnapshotSettings()
    request_timeout_seconds: Positive = 60
    requests_per_second: Positive = 5
    """Requests of this destination in all, per process."""
    member_ids: Literal["as_is", "sha256"] = "as_is"
    """A member's id in our topics: upstream's id, or its digest if ids are personal."""
    country: Country | None = None
    """The country of members whose event names none."""
    consent_countries: tuple[Country, ...] = tuple(sorted(CONSENT_COUNTRIES))
    """Members of these countries are added only with a valid consent signal."""
    consent: ConsentSettings = ConsentSettings()

    def api_base(self) -> str:
        """The URL before the paths of all services of the platform, without a slash at its end.

        `api_url` may be the URL of External Audiences or this base, such as a simulator's.
        """
        return (self.api_url or PLATFORM_URL).removesuffix(AIS_PATH)

    def token_endpoint(self) -> str:
        """The URL for access tokens."""
        return self.token_url or TOKEN_URL

    def api_host(self) -> str:
        return urlsplit(self.api_base()).hostname or ""

    def credentials(self) -> Credentials:
        """Our credentials; the secret is read at each use."""
        secret = required(self.client_secret, self.client_secret_file)
        return Credentials(self.client_id, secret, self.scopes)

    def rules(self) -> SnapshotRules:
        """These settings as the rules of the stage that makes snapshots."""
        said = self.snapshot
        return SnapshotRules(
            min_interval=said.min_interval_seconds,
            quiet=said.quiet_seconds,
            max_wait=said.max_wait_seconds,
            removals_within=said.removals_within_seconds,
            fresh_within=said.fresh_within_seconds,
            runs_per_day=said.runs_per_day,
            runs_per_audience_and_day=said.runs_per_audience_and_day,
            runs_per_audience_total=said.runs_per_audience_total,
            window_margin=said.window_seconds,
            poll=said.poll_seconds,
            keep_files=said.keep_files_hours * 3600,
            buffer_bytes=said.buffer_bytes,
            largest_file_bytes=LARGEST_FILE_BYTES,
            usable_after=USABLE_AFTER_SECONDS,
            absent_consent_removes=self.consent.absent == "remove",
        )

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        refuse(self._problems())
        return self

    def _problems(self) -> Iterator[Problem]:
        yield from pair_problems("client_secret", self.client_secret, self.client_secret_file)
        kind, is_draft = self.storage.kind, self.contract == "draft"
        if self.base_connection_id is None and (kind in NEEDS_BASE_CONNECTION or is_draft):
            because = "contract draft" if is_draft else f"storage.kind {kind}"
            yield Problem(
                path=("base_connection_id",),
                what=f"is required with {because}, but missing",
                remedy="create a base connection to the storage in Adobe's Flow Service, and write "
                "its id here",
            )
        if kind == "landing_zone" and not is_draft and self.base_connection_id is not None:
            yield Problem(
                path=("base_connection_id",),
                what="has no meaning with storage.kind landing_zone",
                remedy="remove it",
            )
