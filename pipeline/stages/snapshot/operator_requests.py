"""What operators ask of the owner of a destination's snapshots: one message for each audience.

No message ends a request. A claim with a higher offset ends a `start`. An `approve` names its file,
so it does not matter for any other.
"""

from dataclasses import dataclass
from typing import TypeAlias

import orjson

VERSION = 1
PREFIX = b"o|"


@dataclass(frozen=True, slots=True)
class Start:
    """Make a snapshot now, also if nothing has changed; the budget must still allow it."""

    offset: int = -1
    """The request's offset in the topic."""

    def is_pending(self, n: int | None) -> bool:
        """Whether no snapshot was claimed since."""
        return n is None or n < self.offset


@dataclass(frozen=True, slots=True)
class Approve:
    """Use the file with this number, though a guard holds it."""

    n: int


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A message that this version's command line did not write; `why` quotes nothing of it."""

    why: str


OperatorRequest: TypeAlias = Start | Approve


def request_key(audience: str) -> bytes:
    """The key of a request: compaction keeps the last request for each audience."""
    return PREFIX + audience.encode()


def encode_start(*, at_ms: int) -> bytes:
    return orjson.dumps({"v": VERSION, "ask": "start", "at_ms": at_ms})


def encode_approve(n: int, *, at_ms: int) -> bytes:
    return orjson.dumps({"v": VERSION, "ask": "approve", "n": n, "at_ms": at_ms})


def decode_request(value: bytes, offset: int) -> OperatorRequest | Unreadable:
    """Decode a request; an unknown one is never guessed at."""
    try:
        said: object = orjson.loads(value)
    except orjson.JSONDecodeError:
        return Unreadable("its value is not JSON")
    match said:
        case {"v": 1, "ask": "start"}:
            return Start(offset)
        case {"v": 1, "ask": "approve", "n": int(n)}:
            return Approve(n)
        case {"v": int(version)} if version != VERSION:
            return Unreadable("another version wrote it")
        case _:
            return Unreadable("it asks neither to start nor to approve")
