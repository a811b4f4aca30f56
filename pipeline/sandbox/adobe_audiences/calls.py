"""One request to the simulator, and its result; without an HTTP library."""

from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.sandbox.adobe_audiences.faults import Fault
from pipeline.sandbox.any_partner.reply import Reply


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request that arrived whole at `now`, in seconds since the epoch.

    Header names are in lower case.
    """

    path: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    now: float

    @property
    def audience(self) -> str | None:
        """The audience in the request's path."""
        return self.path.get("audience")

    def header(self, name: str) -> str | None:
        return self.headers.get(name.lower())

    def __repr__(self) -> str:
        return f"<Call of {len(self.body)} bytes>"


@dataclass(frozen=True, slots=True)
class Performance:
    """The decision about a call: its reply, and the fault that goes with it."""

    reply: Reply
    fault: Fault
