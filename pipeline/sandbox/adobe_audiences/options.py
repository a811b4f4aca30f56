"""The options of a simulator."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pipeline.sandbox.adobe_audiences.answers import ErrorForm
from pipeline.sandbox.adobe_audiences.faults import PROFILES, FaultRates
from pipeline.sandbox.adobe_audiences.vocabulary import (
    DAY_SECONDS,
    LARGEST_FILE,
    RUNS_A_DAY,
    RUNS_AN_AUDIENCE,
    ContractName,
)
from pipeline.sandbox.any_partner.faults import ProfileName


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatorOptions:
    """By default: the published limits, any login, and no faults. Times in seconds."""

    contract: ContractName = "current"
    client_id: str | None = None
    """The only accepted login; None accepts any text that is not empty."""
    client_secret: str | None = None
    org_id: str | None = None
    sandbox: str | None = None
    token_seconds: int = 86_399
    static_access_tokens: frozenset[str] = frozenset()
    """Tokens that are valid without a login and never expire."""

    operation_seconds: float = 0.5
    """How long the creation of an audience takes."""
    run_seconds: tuple[float, float] = (1.0, 3.0)
    in_progress: tuple[str, ...] = ("IN_PROGRESS", "")
    """Possible states of a running run, because they are not documented; "" for none."""
    error_form: ErrorForm = "code"
    bare_list: bool = False
    """Whether the list of runs is a plain array; the draft does not document its shape."""

    runs_a_day: int = RUNS_A_DAY
    """The most runs of all audiences in any 24 hours."""
    runs_an_audience: int | None = RUNS_AN_AUDIENCE
    audience_period: float | None = DAY_SECONDS
    """The period in which an audience's runs are counted; None: its whole life."""
    refuses_second_run: bool = True
    """Whether a second run of an audience at the same time is refused, or only counted."""

    largest_file_bytes: int = LARGEST_FILE
    landing_zone: Mapping[str, object] = field(default_factory=dict, repr=False)
    """The answer of the landing zone's endpoint; empty: there is no landing zone."""

    profile: ProfileName = "none"
    rates: FaultRates | None = None
    """Rates to use instead of a profile."""
    logged_requests: int = 2_000

    def __post_init__(self) -> None:
        if self.profile not in PROFILES:
            raise ValueError(f"profile {self.profile!r} is not one of {', '.join(PROFILES)}")

    @property
    def fault_rates(self) -> FaultRates:
        return self.rates if self.rates is not None else PROFILES[self.profile]
