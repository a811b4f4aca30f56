"""One sandbox of Adobe Experience Platform: where, as whom, how often, and where files go."""

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
"""Before every path of External Audiences; other services of the platform stand beside it."""
PLATFORM_URL = "https://platform.adobe.io"
TOKEN_URL = "https://ims-na1.adobelogin.com/ims/token/v3"  # noqa: S105 - an address
LARGEST_FILE_BYTES = 10_000_000_000
"""Adobe's guardrail for one external audience."""
PARTNER_RUNS_PER_DAY = 100
"""Adobe's guardrail for all audiences of a sandbox, runs of its user interface included."""
USABLE_AFTER_SECONDS = 26 * 3600.0
"""Streaming destinations within two hours; others after the next job of a day, at most."""
NEEDS_BASE_CONNECTION = ("s3", "gcs", "sftp")

Contract = Literal["current", "draft"]


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a token is asked for with; the secret is read at each use."""

    client_id: str
    client_secret: Secret
    scopes: tuple[str, ...]


class SnapshotSettings(Section):
    """When a snapshot of an audience is made, and how many runs there may be."""

    min_interval_seconds: Positive = 10_800
    """From the start of a run of an audience to the next one."""
    quiet_seconds: Decimal = Field(default=60, ge=0)
    """So long nothing must have changed before a snapshot is made ..."""
    max_wait_seconds: Positive = 21_600
    """... unless the oldest change has waited so long."""
    removals_within_seconds: Positive = 86_400
    """A remove should be in a file so soon; audiences whose time comes first go first."""
    fresh_within_seconds: Positive = 86_400
    """The same for an add."""
    runs_per_day: Whole = Field(default=90, ge=1, le=PARTNER_RUNS_PER_DAY)
    """Of all audiences in any rolling day; the partner takes 100, its user interface included."""
    runs_per_audience_and_day: Whole = Field(default=10, ge=1, le=PARTNER_RUNS_PER_DAY)
    """Of one audience in any rolling day."""
    runs_per_audience_total: Count | None = None
    """For the whole life of an audience; null: no such bound."""
    window_seconds: Whole = Field(default=3, ge=1, le=60)
    """A run takes the files from so long before the file's own time to so long after it."""
    poll_seconds: Positive = 30
    """Between two questions about a run."""
    keep_files_hours: Positive = 24
    """A file is deleted so long after its run ended."""
    buffer_bytes: Whole = Field(default=134_217_728, ge=1_000_000)
    """Most memory for the members of one partition; larger ones are read in slices."""

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
    """What a TC string must say, alone or inside a GPP string."""

    vendor: Vendor = VENDOR
    purposes: Purposes = PURPOSES


class ConsentSettings(Section):
    """How a member's consent is judged."""

    tcf: AdobeTcfSettings = AdobeTcfSettings()
    absent: Literal["leave", "remove"] = "leave"
    """An add without the signal that it needs: leaves the member as they are, or removes them."""
    amazon_flags: Literal["deny_only", "count"] = "deny_only"
    """Consent that was given for Amazon: only its no counts here, or its yes, too."""


class AdobeSettings(DestinationSettings):
    """Adobe Experience Platform, External audiences: one sandbox of one organisation."""

    takes: ClassVar[Literal["changes", "snapshots"]] = "snapshots"
    kind: Literal["adobe_external_audiences"]
    api_url: Url | None = None
    """Instead of https://platform.adobe.io/data/core/ais, for a proxy or the simulator."""
    token_url: Url | None = None
    """Instead of Adobe's own, for a proxy or the simulator."""
    contract: Contract = "current"
    """Which generation of the API is spoken: the published one, or the draft before it."""
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
    """As the developer console shows them for the credential."""
    storage: StorageSettings
    """Where the files go, and the partner fetches them."""
    base_connection_id: HeaderText | None = None
    """The partner's id of its connection to the storage; for s3, gcs, sftp, and with the draft."""
    source_prefix: Text | None = None
    """What the partner's paths begin with; null: as the storage's settings say it."""
    snapshot: SnapshotSettings = SnapshotSettings()
    request_timeout_seconds: Positive = 60
    requests_per_second: Positive = 5
    """Requests of this destination in all, per process."""
    member_ids: Literal["as_is", "sha256"] = "as_is"
    """A member's id in our topics: upstream's own, or its digest where ids are personal."""
    country: Country | None = None
    """Of members whose event names none."""
    consent_countries: tuple[Country, ...] = tuple(sorted(CONSENT_COUNTRIES))
    """Members of these countries are added only with a valid consent signal."""
    consent: ConsentSettings = ConsentSettings()

    def api_base(self) -> str:
        """The URL before every path, of this service and of those beside it; no slash at its end.

        `api_url` may name the service or what stands before it, such as a simulator.
        """
        return (self.api_url or PLATFORM_URL).removesuffix(AIS_PATH)

    def token_endpoint(self) -> str:
        """The URL that gives access tokens."""
        return self.token_url or TOKEN_URL

    def api_host(self) -> str:
        return urlsplit(self.api_base()).hostname or ""

    def credentials(self) -> Credentials:
        """Who we are; the secret is read at each use."""
        secret = required(self.client_secret, self.client_secret_file)
        return Credentials(self.client_id, secret, self.scopes)

    def rules(self) -> SnapshotRules:
        """The same for whoever makes snapshots."""
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
                what=f"is required with {because}, and missing",
                remedy="make a base connection to the storage in Adobe's Flow Service, and write "
                "its id here",
            )
        if kind == "landing_zone" and not is_draft and self.base_connection_id is not None:
            yield Problem(
                path=("base_connection_id",),
                what="has no meaning with storage.kind landing_zone",
                remedy="remove it",
            )
