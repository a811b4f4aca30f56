"""What a simulator can be set to before it starts."""

from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

from pipeline.sandbox.amazon_ads.directory import Directory, sample_directory
from pipeline.sandbox.amazon_ads.faults import PROFILES, FaultRates
from pipeline.sandbox.any_partner.faults import ProfileName

OverCap: TypeAlias = Literal["count", "reject_429"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatorOptions:
    """Defaults suit a sandbox: any login, any id from a configuration, no faults.

    `strict()` gives the settings that are closest to the real partner.
    """

    client_id: str | None = None
    """Who may log in, and with what; None takes anything that is not empty."""
    client_secret: str | None = None
    refresh_token: str | None = None
    token_seconds: int = 3600
    static_access_tokens: frozenset[str] = frozenset()
    """Accepted without a login, and never expire."""

    accept_any_audience: bool = True
    """Records of an audience that was not created here become members all the same."""
    accept_any_connection: bool = True
    terms_accepted: bool = True
    directory: Directory = field(default_factory=sample_directory)

    byte_limit: int = 5_000_000
    cap: int = 15_000_000
    """A window that holds so many records or more is over the cap."""
    window_seconds: float = 3600.0
    over_cap: OverCap = "count"

    job_seconds: tuple[float, float] = (0.5, 2.0)
    job_unknown_seconds: float = 0.0
    """Right after it was accepted, a job's status answers 404 for so long."""
    job_retention_seconds: float = 86_400.0

    profile: ProfileName = "none"
    rates: FaultRates | None = None
    """Instead of a profile."""

    names_bad_record: bool = False
    """A 400 says at which position the bad record stands."""
    history: int = 16
    """Earlier changes kept of each member."""
    logged_requests: int = 2_000

    def __post_init__(self) -> None:
        if self.profile not in PROFILES:
            raise ValueError(f"profile {self.profile!r} is none of {', '.join(PROFILES)}")

    @property
    def fault_rates(self) -> FaultRates:
        return self.rates if self.rates is not None else PROFILES[self.profile]


def strict(options: SimulatorOptions | None = None) -> SimulatorOptions:
    """The same options, but only what was created here is known, and terms come first."""
    return replace(
        options if options is not None else SimulatorOptions(),
        accept_any_audience=False,
        accept_any_connection=False,
        terms_accepted=False,
    )
