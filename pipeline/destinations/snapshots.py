"""The contract of a partner that takes snapshots: files of all members of an audience.

A *snapshot* is one file of all members of an audience. A *run* is the partner's ingestion of the
files of a window of time.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias, runtime_checkable

from pipeline.destinations.exchange import Request, Response
from pipeline.destinations.storage_settings import StorageSettings
from pipeline.domain.job import JobReport, NotYet
from pipeline.domain.send_result import Blocked, InDoubt, NotSent, Throttled

REPLACED = "\ufffd"
"""Replaces each character that no file may hold, so that a reader can count them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The time window of a run: it takes files by their time in the storage; epoch seconds."""

    start_s: int
    end_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotRules:
    """When we make snapshots, and how many. Times in seconds."""

    min_interval: float
    """The least time from the start of a run of an audience to the next one."""
    quiet: float
    """How long nothing must have changed before a snapshot is made ..."""
    max_wait: float
    """... but the oldest change waits no longer than this."""
    removals_within: float
    fresh_within: float
    runs_per_day: int
    """The most runs of all audiences in any 24 hours and five minutes."""
    runs_per_audience_and_day: int
    runs_per_audience_total: int | None
    """The most runs in the whole life of an audience; None: no limit."""
    window_margin: int
    """How far the window of a run reaches before and after the file's time."""
    poll: float
    """The time between two questions about a run, or two searches for a run without an id."""
    keep_files: float
    """How long after the end of its run a file is deleted."""
    buffer_bytes: int
    """The most memory for the members of one partition; larger ones are read in parts."""
    largest_file_bytes: int
    """A larger snapshot blocks its audience."""
    absent_consent_removes: bool
    """Whether an add without its consent signal removes the member, or changes nothing."""
    usable_after: float = 0.0
    """How long after a good run the new members can be used everywhere, as the partner says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotAudience:
    """One audience of the partner, and the shape of its files."""

    name: str
    """The upstream name."""
    audience: str
    """The partner's id; keys of member records contain it."""
    folder: str
    """The audience's own folder in the storage: no slash at its ends, no blank in it."""
    header: bytes
    """The first line of a file, with its line break."""
    empty_row: bytes
    """What follows the header if there are no members."""
    rendering: str
    """Identifies namespace and columns; member records with another value do not fit a file."""
    lifetime: float
    """Seconds from the last good run until the partner removes all members."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LandingZone:
    """Storage that the partner provides, with the present credentials."""

    kind: Literal["azure", "s3"]
    container: str
    """The name of the container or bucket."""
    folder: str
    """The beginning of every path; "" if the whole zone is ours."""
    credentials: Mapping[str, str] = field(repr=False)
    """azure: `account`, `sas_token`; s3: `access_key_id`, `secret_access_key`, `session_token`.

    Both may have `endpoint_url`, and s3 `region`, if they differ from the defaults.
    """
    expires_s: float | None
    """When the credentials expire, seconds since the epoch."""


@dataclass(frozen=True, slots=True)
class RunStarted:
    """The partner began to ingest a file."""

    run_id: str


@dataclass(frozen=True, slots=True)
class RunRefused:
    """No run was started: another run of the audience goes on, or the request is wrong.

    The partner does not say which of the two is true; the list of runs shows it.
    """

    detail: str


@dataclass(frozen=True, slots=True)
class BudgetSpent:
    """No run was started: the partner says that the runs of the day, or all runs, are used."""

    detail: str
    wait: float | None = None


RunAnswer: TypeAlias = (
    RunStarted | RunRefused | BudgetSpent | Throttled | Blocked | NotSent | InDoubt
)
"""Every result of one attempt to start a run. Only after `InDoubt` a run may have started."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run, as the partner lists it."""

    run_id: str
    window: Window | None
    """None if the list names none: then the run is not ours, because our runs have a window."""
    report: JobReport
    """Whether the run has ended. Only its status tells the result: a list names no stages."""
    created_s: float | None = None


@runtime_checkable
class Snapshots(Protocol):
    """One destination of a partner that takes snapshots.

    Every `audience` is the partner's id of an audience.
    """

    @property
    def rules(self) -> SnapshotRules: ...

    @property
    def storage(self) -> StorageSettings:
        """The storage of the files."""

    @property
    def contract(self) -> str:
        """The name of the API's generation, for partners that have more than one."""

    @property
    def request_timeout(self) -> float:
        """Seconds."""

    @property
    def requests_per_second(self) -> float:
        """The limit of the whole destination in one process."""

    def row(self, identity: str, cells: Sequence[str]) -> bytes:
        """The line of one member, with its line break, from the values of its member record."""

    def compose_landing_zone(self) -> Request:
        """The request for access to the partner's own storage."""

    def interpret_landing_zone(self, response: Response) -> LandingZone | Blocked | NotYet: ...

    def compose_run(self, audience: str, window: Window) -> Request: ...

    def interpret_run(self, response: Response) -> RunAnswer: ...

    def compose_runs(self, audience: str) -> Request: ...

    def interpret_runs(self, response: Response) -> Sequence[Run] | NotYet:
        """The runs, newest first, also those that have ended."""

    def compose_status(self, audience: str, run_id: str, contract: str | None = None) -> Request:
        """The request for a run's status; `contract` is the one that started it, None: today's."""

    def interpret_status(self, response: Response) -> JobReport | NotYet:
        """The state of the run: `applied` only if every stage of it succeeded."""
