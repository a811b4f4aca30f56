"""A partner that takes complete memberships as files: what delivering to it needs.

A *snapshot* is one file of everybody who is in an audience. A *run* is the partner's ingestion of
the files of a window of time.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias, runtime_checkable

from pipeline.destinations.exchange import Request, Response
from pipeline.destinations.storage_settings import StorageSettings
from pipeline.domain.job import JobReport, NotYet
from pipeline.domain.send_result import Blocked, InDoubt, NotSent, Throttled

REPLACED = "\ufffd"
"""Stands in a row for each character that no file may hold, so that whoever reads it can count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Which files a run takes, by the storage's time of them. Seconds since the epoch."""

    start_s: int
    end_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotRules:
    """When snapshots are made, and how many. Times in seconds."""

    min_interval: float
    """From the start of a run of an audience to the next one."""
    quiet: float
    """So long nothing must have changed before a snapshot is made ..."""
    max_wait: float
    """... unless the oldest change has waited so long."""
    removals_within: float
    fresh_within: float
    runs_per_day: int
    """Of all audiences together, in any rolling 24 hours and five minutes."""
    runs_per_audience_and_day: int
    runs_per_audience_total: int | None
    """For the whole life of an audience; None: no such bound."""
    window_margin: int
    """The window of a run reaches so far around the file's time on both sides."""
    poll: float
    """Between two questions about a run, and between two looks for one that nobody named."""
    keep_files: float
    """After its run has ended a file is deleted so much later."""
    buffer_bytes: int
    """Most memory for the members of one partition; larger ones are read in slices."""
    largest_file_bytes: int
    """A larger snapshot blocks its audience."""
    absent_consent_removes: bool
    """An add without the consent signal that it needs: removes the member, or changes nothing."""
    usable_after: float = 0.0
    """So long after a good run everything behind the partner can use what it brought, it says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotAudience:
    """One audience of the partner, and the shape of its files."""

    name: str
    """Upstream's name."""
    audience: str
    """The partner's id; what stands in the keys of member records."""
    folder: str
    """In the storage, the audience's alone: no slash at its ends, no blank in it."""
    header: bytes
    """The first line of a file, with its line break."""
    empty_row: bytes
    """What stands behind the header where nobody is a member."""
    rendering: str
    """Names namespace and columns; member records of another one do not fit into a file."""
    lifetime: float
    """Seconds after which the partner lets all members leave, counted from the last good run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LandingZone:
    """Storage that the partner provides, and how to reach it now."""

    kind: Literal["azure", "s3"]
    container: str
    """Or bucket."""
    folder: str
    """What every path begins with; "" where the zone is ours from its root."""
    credentials: Mapping[str, str] = field(repr=False)
    """azure: `account`, `sas_token`; s3: `access_key_id`, `secret_access_key`, `session_token`.

    Both may have `endpoint_url`, and s3 `region`, where they are not the usual ones.
    """
    expires_s: float | None
    """Seconds since the epoch."""


@dataclass(frozen=True, slots=True)
class RunStarted:
    """The partner began to ingest a file."""

    run_id: str


@dataclass(frozen=True, slots=True)
class RunRefused:
    """Nothing was started: another run of the audience goes on, or the request is wrong.

    The partner does not say which of the two; the list of runs does.
    """

    detail: str


@dataclass(frozen=True, slots=True)
class BudgetSpent:
    """Nothing was started: the partner says that the runs of the day, or all of them, are used."""

    detail: str
    wait: float | None = None


RunAnswer: TypeAlias = (
    RunStarted | RunRefused | BudgetSpent | Throttled | Blocked | NotSent | InDoubt
)
"""What one attempt to start a run can come to. Only `InDoubt` leaves open whether one started."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run, as the partner lists it."""

    run_id: str
    window: Window | None
    """None where the list names none: then it is no run of ours, which always has one."""
    report: JobReport
    """Whether it has ended. How well, only the status of the run says: a list names no stages."""
    created_s: float | None = None


@runtime_checkable
class Snapshots(Protocol):
    """One destination of a partner that takes snapshots.

    Every `audience` is the partner's id of it.
    """

    @property
    def rules(self) -> SnapshotRules: ...

    @property
    def storage(self) -> StorageSettings:
        """Where the files go."""

    @property
    def contract(self) -> str:
        """Names how the partner is spoken to, where it has changed that in its time."""

    @property
    def request_timeout(self) -> float:
        """Seconds."""

    @property
    def requests_per_second(self) -> float:
        """Of the destination in all, in one process."""

    def row(self, identity: str, cells: Sequence[str]) -> bytes:
        """The line of one member, with its line break, from what its member record holds."""

    def compose_landing_zone(self) -> Request:
        """Asks for the partner's own storage."""

    def interpret_landing_zone(self, response: Response) -> LandingZone | Blocked | NotYet: ...

    def compose_run(self, audience: str, window: Window) -> Request: ...

    def interpret_run(self, response: Response) -> RunAnswer: ...

    def compose_runs(self, audience: str) -> Request: ...

    def interpret_runs(self, response: Response) -> Sequence[Run] | NotYet:
        """The newest runs first; those that have ended among them."""

    def compose_status(self, audience: str, run_id: str, contract: str | None = None) -> Request:
        """`contract`: that by which the run was started, None for the one of today."""

    def interpret_status(self, response: Response) -> JobReport | NotYet:
        """How the run ended: `applied` only where every stage of it ended well."""
