"""A partner that takes membership changes, a request at a time: what delivering to it needs."""

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
    """Of the encoded body, overhead and separators included."""
    overhead_bytes: int
    """Of the largest body beside its records."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """How a lane sends. Times in seconds."""

    linger: float
    """How long the first record of a batch waits for others."""
    max_in_flight: int
    late: float
    """How long a request that was never answered may still change things at the partner."""
    request_timeout: float
    requests_per_second: float
    """Of the destination in all, in one process."""
    first_backoff: float
    longest_backoff: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Following:
    """How jobs are followed. Times in seconds."""

    first: float
    """From the submission of a job to the first question."""
    factor: float
    longest: float
    give_up_after: float
    missing_tolerated: float
    """The partner may not know a job for so long after it was submitted."""
    requests_per_second: float


class Jobs(Protocol):
    """A partner that works on what it accepted, and can be asked how far it is."""

    @property
    def following(self) -> Following: ...

    def compose_status(self, job_id: str) -> Request: ...

    def interpret_status(self, response: Response) -> JobReport | NotYet:
        """What an answer says of the job; anything that is no answer of the partner is `NotYet`."""


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
        """None for a partner whose answer is the end of a request."""

    def misfit(self, audience: str, route: bytes) -> str | None:
        """Why no request can be made for records of such a route; None when one can."""

    def overhead_bytes(self, audience: str) -> int:
        """Bytes of a request for this audience beside its records."""

    def compose(self, audience: str, route: bytes, records: Sequence[bytes]) -> Request:
        """One request for records of one audience, as they were rendered.

        `route` is what the partner's package wrote into the first of the records.
        """

    def interpret(self, response: Response, records: int) -> Answer:
        """What the answer to so many records means."""
