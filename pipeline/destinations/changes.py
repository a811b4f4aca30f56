"""The contract of a partner that takes membership changes in requests."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from pipeline.destinations.exchange import Request, Response
from pipeline.domain.job import JobReport, NotYet
from pipeline.domain.quota import Quota
from pipeline.domain.send_result import Answer


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestLimits:
    """Upper bounds of one request."""

    max_records: int
    max_bytes: int
    """The most bytes of an encoded body, with overhead and separators."""
    overhead_bytes: int
    """The most bytes of a body beside its records."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """How a lane sends requests. Times in seconds."""

    linger: float
    """How long the first record of a batch waits for others."""
    max_in_flight: int
    late: float
    """How long an unanswered request may still take effect at the partner."""
    request_timeout: float
    requests_per_second: float
    """The limit of the whole destination in one process."""
    first_backoff: float
    longest_backoff: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Following:
    """How jobs are followed. Times in seconds."""

    first: float
    """Seconds from the submission of a job to the first question."""
    factor: float
    longest: float
    give_up_after: float
    missing_tolerated: float
    """How long after its submission the partner may not know a job yet."""
    requests_per_second: float


class Jobs(Protocol):
    """The jobs of a partner that processes accepted records later, and tells their state."""

    @property
    def following(self) -> Following: ...

    def compose_status(self, job_id: str) -> Request: ...

    def interpret_status(self, response: Response) -> JobReport | NotYet:
        """The job's state; `NotYet` for anything that is not an answer of the partner."""


@runtime_checkable
class Changes(Protocol):
    """One lane of a partner that takes changes."""

    @property
    def quota(self) -> Quota: ...

    @property
    def limits(self) -> RequestLimits: ...

    @property
    def sending(self) -> Sending: ...

    @property
    def jobs(self) -> Jobs | None:
        """None for a partner that has no jobs, because its answer is final."""

    def misfit(self, audience: str, route: bytes) -> str | None:
        """Why no request can be made for records of this route; None if one can."""

    def overhead_bytes(self, audience: str) -> int:
        """Bytes of a request for this audience beside its records."""

    def compose(self, audience: str, route: bytes, records: Sequence[bytes]) -> Request:
        """One request for rendered records of one audience.

        `route` is the value that the partner's package wrote into the first record.
        """

    def interpret(self, response: Response, records: int) -> Answer:
        """The meaning of an answer to a request with this many records."""
