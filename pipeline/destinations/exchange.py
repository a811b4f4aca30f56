"""One HTTP exchange as data: a request and its response."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import orjson

LONGEST_WAIT_SECONDS = 3600.0
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request. The body stays in pieces, so that large bodies are never copied together."""

    endpoint: str
    """A name for metrics, such as `records`."""
    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Sequence[bytes] = ()

    def __repr__(self) -> str:
        return f"<Request {self.method} {self.path}>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """A response. Header names keep the letter case of the sender."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    wait: float | None = None
    """Seconds that the partner asks us to wait, or None."""
    body_trouble: str | None = None
    """Why the body is missing or incomplete; None if it was read to its end."""

    def __repr__(self) -> str:
        return f"<Response {self.status}>"


def document(body: bytes) -> object:
    """The JSON of a body; None if it is not JSON, or nested too deep for the parser.

    Some services write a byte order mark before it.
    """
    try:
        said: object = orjson.loads(body.removeprefix(BYTE_ORDER_MARK))
    except orjson.JSONDecodeError:
        return None
    return said


def retry_after(value: str | None, now: datetime) -> float | None:
    """Seconds that a `Retry-After` header asks for, given in seconds or as an HTTP date.

    None when it is absent or cannot be read. Bounded to an hour: a partner's broken clock
    must not stop a lane for days.
    """
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        return min(float(text), LONGEST_WAIT_SECONDS)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return min(max(0.0, (moment - now).total_seconds()), LONGEST_WAIT_SECONDS)


def header(headers: Mapping[str, str], name: str) -> str | None:
    """A header's value; letter case of the name does not matter."""
    wanted = name.lower()
    return next((value for key, value in headers.items() if key.lower() == wanted), None)
