"""What a simulator can be set to before it starts."""

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
    """Defaults are the published limits, any login, and no faults. Times in seconds."""

    contract: ContractName = "current"
    client_id: str | None = None
    """Who may log in, and with what; None takes anything that is not empty."""
    client_secret: str | None = None
    org_id: str | None = None
    sandbox: str | None = None
    token_seconds: int = 86_399
    static_access_tokens: frozenset[str] = frozenset()
    """Accepted without a login, and never expire."""

    operation_seconds: float = 0.5
    """Until a created audience has its id."""
    run_seconds: tuple[float, float] = (1.0, 3.0)
    in_progress: tuple[str, ...] = ("IN_PROGRESS", "")
    """What the status of a run may be while it goes on, which is not documented; "" for none."""
    error_form: ErrorForm = "code"
    bare_list: bool = False
    """The list of runs is no object with `runs`: of the draft it is not documented."""

    runs_a_day: int = RUNS_A_DAY
    """Of all audiences, in any 24 hours."""
    runs_an_audience: int | None = RUNS_AN_AUDIENCE
    audience_period: float | None = DAY_SECONDS
    """In which they are counted; None: as long as the audience lives."""
    refuses_second_run: bool = True
    """Off: two runs of an audience at once are a violation that is only counted."""

    largest_file_bytes: int = LARGEST_FILE
    landing_zone: Mapping[str, object] = field(default_factory=dict, repr=False)
    """What the landing zone's address answers; empty: there is none."""

    profile: ProfileName = "none"
    rates: FaultRates | None = None
    """Instead of a profile."""
    logged_requests: int = 2_000

    def __post_init__(self) -> None:
        if self.profile not in PROFILES:
            raise ValueError(f"profile {self.profile!r} is none of {', '.join(PROFILES)}")

    @property
    def fault_rates(self) -> FaultRates:
        return self.rates if self.rates is not None else PROFILES[self.profile]
