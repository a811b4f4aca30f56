"""An operator's request to pause or resume one audience of one lane, in the control topic."""

import json
from collections.abc import Mapping
from typing import NamedTuple

FORMAT = 2
RequestedPauses = Mapping[str, bool]
"""Whether each audience of a lane is to be paused; audiences without a request are absent."""


class PauseRequest(NamedTuple):
    """Whether an audience of a lane is to be paused; None: the request is withdrawn."""

    lane: str
    audience: str
    is_paused: bool | None


class Unreadable(NamedTuple):
    """This version's command line did not write the message; `why` quotes nothing of it."""

    why: str


def pause_request_key(lane: str, audience: str) -> bytes:
    """Return the key; compaction keeps the last request for each audience."""
    return f"{lane}|{audience}".encode()


def encode_pause_request(*, is_paused: bool, at_ms: int) -> bytes:
    """Encode a request; `at_ms`: when the operator made it."""
    state = "paused" if is_paused else "running"
    return json.dumps({"format": FORMAT, "state": state, "at_ms": at_ms}).encode()


def decode_pause_request(key: bytes | None, value: bytes | None) -> PauseRequest | Unreadable:
    """Decode a message of the control topic; an unknown one is never guessed at."""
    lane, _, audience = (key or b"").decode(errors="replace").rpartition("|")
    if not lane or not audience:
        return Unreadable("its key is not lane|audience id")
    if value is None:
        return PauseRequest(lane, audience, None)
    try:
        said = json.loads(value)
    except (ValueError, RecursionError):
        return Unreadable("its value is not JSON")
    if not isinstance(said, dict) or said.get("format") != FORMAT:
        return Unreadable("another version wrote it")
    if said.get("state") not in ("paused", "running"):
        return Unreadable("its state is neither paused nor running")
    return PauseRequest(lane, audience, said["state"] == "paused")
