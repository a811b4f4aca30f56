"""One request to the simulator, and its result; without an HTTP library."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from pipeline.sandbox.amazon_ads.dialects import Dialect, Refusal
from pipeline.sandbox.amazon_ads.faults import Fault, FaultScript
from pipeline.sandbox.amazon_ads.vocabulary import EndpointName
from pipeline.sandbox.any_partner.reply import Reply


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request that arrived whole at `now`. Header names are in lower case."""

    path: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    now: float
    request_id: str
    is_awaited: Callable[[], bool]
    """Tells whether the client still waits for the answer."""

    def header(self, name: str) -> str | None:
        return self.headers.get(name.lower())

    def __repr__(self) -> str:
        return f"<Call {self.request_id} of {len(self.body)} bytes>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Performance:
    """The decision about a call: its reply, and the fault that goes with it."""

    reply: Reply
    fault: Fault
    records: int = 0
    audience: int | None = None
    target: str | None = None


class Performer(Protocol):
    """Decides a call that passed the gate."""

    def __call__(self, call: Call) -> Performance: ...


def answered(dialect: Dialect, call: Call, answer: Callable[[Call], Reply]) -> Reply:
    """The reply; a refusal becomes an error in the service's form."""
    try:
        return answer(call)
    except Refusal as refusal:
        return dialect.refuse(refusal, call.request_id)


def faulty(dialect: Dialect, call: Call, fault: Fault, answer: Callable[[], Reply]) -> Reply:
    """The reply under a fault; the answer is computed only if the call takes effect."""
    reply = answer() if fault.takes_effect else Reply(204)
    if fault.status is None:
        return reply
    message = fault.message or PHRASES.get(fault.status, "The request failed")
    return dialect.refuse(Refusal(fault.status, message), call.request_id)


PHRASES = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    413: "Request Entity Too Large",
    429: "Too Many Requests",
    500: "Internal Server Error",
    501: "Not Implemented",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Endpoint request timed out",
}


@dataclass(frozen=True, slots=True)
class Ordinary:
    """An endpoint whose faults do not depend on the content of the request."""

    name: EndpointName
    dialect: Dialect
    faults: FaultScript
    answer: Callable[[Call], Reply]

    def __call__(self, call: Call) -> Performance:
        fault = self.faults.draw(self.name, call.now)
        reply = faulty(self.dialect, call, fault, lambda: answered(self.dialect, call, self.answer))
        return Performance(reply=reply, fault=fault)
