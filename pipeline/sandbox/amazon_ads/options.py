"""The options of a simulator."""

from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

from pipeline.sandbox.amazon_ads.directory import Directory, sample_directory
from pipeline.sandbox.amazon_ads.faults import PROFILES, FaultRates
from pipeline.sandbox.any_partner.faults import ProfileName

OverCap: TypeAlias = Literal["count", "reject_429"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatorOptions:
    """By default, for a sandbox: any login, any id of a configuration, no faults.

    `strict()` gives the options that are most like the real partner.
    """

    client_id: str | None = None
    """The only accepted login; None accepts any text that is not empty."""
    client_secret: str | None = None
    refresh_token: str | None = None
    token_seconds: int = 3600
    static_access_tokens: frozenset[str] = frozenset()
    """Tokens that are valid without a login and never expire."""

    accept_any_audience: bool = True
    """Whether records of an unknown audience become members too."""
    accept_any_connection: bool = True
    terms_accepted: bool = True
    directory: Directory = field(default_factory=sample_directory)

    byte_limit: int = 5_000_000
    cap: int = 15_000_000
    """The cap: a window with this many records or more is over it."""
    window_seconds: float = 3600.0
    over_cap: OverCap = "count"

    job_seconds: tuple[float, float] = (0.5, 2.0)
    job_unknown_seconds: float = 0.0
    """How long a new job's status answers 404, seconds."""
    job_retention_seconds: float = 86_400.0

    profile: ProfileName = "none"
    rates: FaultRates | None = None
    """Rates to use instead of a profile."""

    names_bad_record: bool = False
    """Whether a 400 names the position of the bad record."""
    history: int = 16
    """How many earlier changes of each member are kept."""
    logged_requests: int = 2_000

    def __post_init__(self) -> None:
        if self.profile not in PROFILES:
            raise ValueError(f"profile {self.profile!r} is not one of {', '.join(PROFILES)}")

    @property
    def fault_rates(self) -> FaultRates:
        return self.rates if self.rates is not None else PROFILES[self.profile]


def strict(options: SimulatorOptions | None = None) -> SimulatorOptions:
    """These options, but only created ids are known, and the terms must be accepted first."""
    return replace(
        options if options is not None else SimulatorOptions(),
        accept_any_audience=False,
        accept_any_connection=False,
        terms_accepted=False,
    )
