"""The records of the owner of a destination's snapshots: the state and runs of each audience.

    a|<audience>       the state, the newest file, and the snapshot that the partner ingested last
    r|<audience>|<n>   one run: what it cost, and how it ended; kept for 90 days
    t|                 written by every new owner, which reads the topic up to here
    retired|<audience> written by an operator: all earlier members of the audience are retired

Numbers `n` are offsets of this topic: the offset of the state `reading` that began the snapshot.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, TypeAlias, get_args

import orjson

from pipeline.destinations.snapshots import Window
from pipeline.domain.job import End
from pipeline.stages.snapshot.states import State

VERSION = 1
KEEP_RUNS_SECONDS = 90 * 86_400.0
GIVE_UP_SECONDS = 24 * 3600.0
"""A run is given up when its end is still unknown after this time."""
TAKEOVER_KEY = b"t|"
RETIRED = "retired"
Ends: TypeAlias = Mapping[int, int]
"""By partition of the members topic: the snapshot covers the records before this offset."""
HoldCause = Literal[
    "empty",  # nobody is in the file
    "halved",  # the file has fewer than half of the last one's rows
]


class UnreadableState(ValueError):
    """This version cannot read the state or the run; it never guesses one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotFile:
    """A stored snapshot."""

    n: int
    path: str
    size: int
    sha256: str
    etag: str | None
    modified_s: float
    """By the storage's own clock."""
    members: int
    rows: int
    ends: Ends
    made_ms: int
    """By our clock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Why a guard keeps the newest file back."""

    cause: HoldCause
    is_explained: bool
    """The removes since the last snapshot explain the loss of rows."""
    since_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ingested:
    """The newest snapshot that the partner took wholly."""

    n: int
    rows: int
    ends: Ends
    at_ms: int
    """When the partner said so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BurntWindow:
    """A window for which nobody knows whether the partner began a run."""

    n: int
    window: Window
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AudienceState:
    """The state of one audience. Times in milliseconds since the epoch."""

    state: State = "idle"
    at_ms: int = 0
    n: int | None = None
    """Number of the newest claim, once it is known."""
    folders: tuple[str, ...] = ()
    """All folders of the storage that ever held files of the audience."""
    is_urgent: bool = False
    """The newest file may use the runs that are kept for withdrawals and operators."""
    file: SnapshotFile | None = None
    folder: str | None = None
    """Folder of its first file; None before that. The partner looks into no other folder."""
    hold: Hold | None = None
    baseline_rows: int | None = None
    """Rows that an operator approved; the guard compares with them, not with the last run."""
    window: Window | None = None
    intended_ms: int | None = None
    absent_lists: int = 0
    """How many lists of the partner had no run of the window, counted up to a bound ..."""
    absent_since_ms: int | None = None
    """... and when the first of these lists came."""
    run_n: int | None = None
    """Number of the file whose run is followed."""
    run_id: str | None = None
    is_adopted: bool = False
    """The followed run belongs to a burnt window, so to an older file."""
    started_ms: int | None = None
    """When the last run was asked for that may have started."""
    runs: int = 0
    """How many runs may have started in the whole life of the audience."""
    is_due_again: bool = False
    """After the last run the partner may not have the newest file."""
    ingested: Ingested | None = None
    burnt: tuple[BurntWindow, ...] = ()
    last_end: str = ""
    """How the last run ended, in our word or the partner's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """One file's run. Times in milliseconds since the epoch."""

    audience: str
    n: int
    window: Window
    intended_ms: int
    is_charged: bool
    """The budget paid for the run; False where surely nothing was started."""
    rows: int
    members: int
    size: int
    contract: str | None = None
    """The contract by which the partner was asked for the run, and is asked until its end."""
    run_id: str | None = None
    state: str = ""
    """The partner's word, or ours where it said none."""
    end: End = "pending"
    is_ingested: bool = False
    """The partner took the whole file, and took no older one after it."""
    ended_ms: int | None = None


def state_key(audience: str) -> bytes:
    return f"a|{audience}".encode()


def run_key(audience: str, n: int) -> bytes:
    return f"r|{audience}|{n}".encode()


def retired_key(audience: str) -> bytes:
    return f"{RETIRED}|{audience}".encode()


def encode_state(state: AudienceState) -> bytes:
    return _encode(asdict(state))


def encode_run(run: RunRecord) -> bytes:
    return _encode(asdict(run))


def encode_takeover(at_ms: int) -> bytes:
    return _encode({"at_ms": at_ms})


def encode_retired(at_ms: int) -> bytes:
    return _encode({"at_ms": at_ms})


def decode_state(value: bytes) -> AudienceState:
    """Decode a stored state.

    Raises:
        UnreadableState: another version wrote it, or it is none.
    """
    said = _object(value)
    try:
        if said["state"] not in get_args(State):
            raise UnreadableState("not a state")
        return _state(said)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UnreadableState(f"not a state: {type(error).__name__}") from None


def decode_run(value: bytes) -> RunRecord:
    """Decode a stored run.

    Raises:
        UnreadableState: another version wrote it, or it is none.
    """
    said = _object(value)
    try:
        return replace(RunRecord(**said), window=Window(**said["window"]))
    except (KeyError, TypeError) as error:
        raise UnreadableState(f"not a run: {type(error).__name__}") from None


def _state(said: dict[str, Any]) -> AudienceState:
    file = None if said["file"] is None else SnapshotFile(**_with_ends(said["file"]))
    # A state from before `folders` existed has only the folder of its file.
    known = said.get("folders", [] if file is None else [file.path.rpartition("/")[0]])
    return replace(
        AudienceState(**said),
        folders=tuple(known),
        file=file,
        hold=None if said["hold"] is None else Hold(**said["hold"]),
        window=None if said["window"] is None else Window(**said["window"]),
        ingested=None if said["ingested"] is None else Ingested(**_with_ends(said["ingested"])),
        burnt=tuple(
            BurntWindow(**{**one, "window": Window(**one["window"])}) for one in said["burnt"]
        ),
    )


def _with_ends(said: dict[str, Any]) -> dict[str, Any]:
    return {**said, "ends": {int(number): int(end) for number, end in said["ends"].items()}}


def _encode(said: dict[str, Any]) -> bytes:
    return orjson.dumps({"v": VERSION, **said}, option=orjson.OPT_NON_STR_KEYS)


def _object(value: bytes) -> dict[str, Any]:
    try:
        said: object = orjson.loads(value)
    except orjson.JSONDecodeError:
        raise UnreadableState("no JSON") from None
    if not isinstance(said, dict):
        raise UnreadableState("no object")
    version = said.pop("v", None)
    if version != VERSION:
        raise UnreadableState(f"version {version}, this program reads {VERSION}")
    return said
