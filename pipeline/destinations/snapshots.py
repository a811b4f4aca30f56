"""A partner that takes complete memberships as files: what delivering to it needs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from pipeline.destinations.exchange import Request, Response
from pipeline.domain.job import JobReport, NotYet
from pipeline.domain.send_result import Answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Which files a run takes, by the time of their creation. Seconds since the epoch."""

    start_s: int
    end_s: int


@dataclass(frozen=True, slots=True)
class RunStarted:
    """The partner began to ingest a file."""

    run_id: str


@dataclass(frozen=True, slots=True)
class Run:
    """One run, as the partner lists it."""

    run_id: str
    window: Window
    report: JobReport


class Snapshots(Protocol):
    """One destination of a partner that takes snapshots."""

    @property
    def columns(self) -> Sequence[str]:
        """Of a file, in their order; the first is the member's identity."""

    @property
    def runs_per_day(self) -> int: ...

    def header(self) -> bytes:
        """The first line of a file, with its line break."""

    def row(self, stored: bytes) -> bytes:
        """The line of one member, with its line break, from what the membership stores of it."""

    def compose_run(self, audience: str, window: Window) -> Request: ...

    def interpret_run(self, response: Response) -> RunStarted | Answer: ...

    def compose_runs(self, audience: str) -> Request: ...

    def interpret_runs(self, response: Response) -> Sequence[Run] | NotYet: ...

    def compose_status(self, audience: str, run_id: str) -> Request: ...

    def interpret_status(self, response: Response) -> JobReport | NotYet: ...
