"""What operators ask of the owner of a destination's snapshots: one message an audience.

A request is done when something newer stands in the topic: a `start` by a claim behind it, an
`approve` because it names the file that it is about. So nothing must be written to end one.
"""

from dataclasses import dataclass
from typing import TypeAlias

import orjson

VERSION = 1
PREFIX = b"o|"


@dataclass(frozen=True, slots=True)
class Start:
    """Make a snapshot now, whatever has changed; the budget must allow it all the same."""

    offset: int = -1
    """Where it stands in the topic."""

    def is_pending(self, n: int | None) -> bool:
        """Whether no snapshot was claimed since."""
        return n is None or n < self.offset


@dataclass(frozen=True, slots=True)
class Approve:
    """Let the file with this number go, though a guard keeps it back."""

    n: int


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Not written by this version's command line; `why` quotes nothing of it."""

    why: str


OperatorRequest: TypeAlias = Start | Approve


def request_key(audience: str) -> bytes:
    """The key, by which the topic is compacted: the last request for an audience stays."""
    return PREFIX + audience.encode()


def encode_start(*, at_ms: int) -> bytes:
    return orjson.dumps({"v": VERSION, "ask": "start", "at_ms": at_ms})


def encode_approve(n: int, *, at_ms: int) -> bytes:
    return orjson.dumps({"v": VERSION, "ask": "approve", "n": n, "at_ms": at_ms})


def decode_request(value: bytes, offset: int) -> OperatorRequest | Unreadable:
    """What a request says; one that is not understood is never guessed at."""
    try:
        said: object = orjson.loads(value)
    except orjson.JSONDecodeError:
        return Unreadable("its value is no JSON")
    match said:
        case {"v": 1, "ask": "start"}:
            return Start(offset)
        case {"v": 1, "ask": "approve", "n": int(n)}:
            return Approve(n)
        case {"v": int(version)} if version != VERSION:
            return Unreadable("another version wrote it")
        case _:
            return Unreadable("it asks neither to start nor to approve")
