"""A log of recent requests and counts of all of them: no member, no digest, no token."""

from collections import Counter, deque
from dataclasses import dataclass

from pipeline.sandbox.amazon_ads.vocabulary import EndpointName


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedRequest:
    """One request. `outcome` is the status code, or how the connection ended."""

    at: float
    endpoint: EndpointName
    outcome: str
    seconds: float
    body_bytes: int
    records: int = 0
    audience: int | None = None
    target: str | None = None


class Journal:
    """Keeps the last requests, and counts all by endpoint and outcome."""

    def __init__(self, length: int) -> None:
        self.counts: dict[str, Counter[str]] = {}
        self._recent: deque[LoggedRequest] = deque(maxlen=length)

    def add(self, request: LoggedRequest) -> None:
        self.counts.setdefault(request.endpoint, Counter())[request.outcome] += 1
        self._recent.append(request)

    def recent(self) -> list[LoggedRequest]:
        return list(self._recent)
