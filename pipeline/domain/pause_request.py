"""What an operator wants of one audience of one lane: a message of the control topic."""

import json
from collections.abc import Mapping
from typing import NamedTuple

FORMAT = 2
RequestedPauses = Mapping[str, bool]
"""Whether each audience of a lane is to be paused; one that nobody named is absent."""


class PauseRequest(NamedTuple):
    """Whether an audience of a lane is to be paused; None: the request is withdrawn."""

    lane: str
    audience: str
    is_paused: bool | None


class Unreadable(NamedTuple):
    """Not written by this version's command line; `why` quotes nothing of the message."""

    why: str


def pause_request_key(lane: str, audience: str) -> bytes:
    """The key, by which the topic is compacted: the last word on an audience stays."""
    return f"{lane}|{audience}".encode()


def encode_pause_request(*, is_paused: bool, at_ms: int) -> bytes:
    """The value; `at_ms` is when it was asked for."""
    state = "paused" if is_paused else "running"
    return json.dumps({"format": FORMAT, "state": state, "at_ms": at_ms}).encode()


def decode_pause_request(key: bytes | None, value: bytes | None) -> PauseRequest | Unreadable:
    """What a message of the control topic says; one that is not understood is never guessed at."""
    lane, _, audience = (key or b"").decode(errors="replace").rpartition("|")
    if not lane or not audience:
        return Unreadable("its key is no lane|audience id")
    if value is None:
        return PauseRequest(lane, audience, None)
    try:
        said = json.loads(value)
    except (ValueError, RecursionError):
        return Unreadable("its value is no JSON")
    if not isinstance(said, dict) or said.get("format") != FORMAT:
        return Unreadable("another version wrote it")
    if said.get("state") not in ("paused", "running"):
        return Unreadable("it wants a state that is neither paused nor running")
    return PauseRequest(lane, audience, said["state"] == "paused")
