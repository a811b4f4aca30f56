"""Words that were given up, the word that stands for each now, and where an old one may remain."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class GivenUp:
    """A word that no longer names the thing it once named."""

    word: str
    """In small letters. Found as a word, as a part of an identifier, and in the plural."""
    instead: str
    """The word of docs/glossary.md, or what to write."""
    as_name_only: bool = False
    """Only with a capital, as in the name of a class: in small letters it is plain English."""


@dataclass(frozen=True, slots=True)
class Allowed:
    """A word that may stand below a path, and why."""

    word: str
    path: str
    reason: str


GIVEN_UP: Sequence[GivenUp] = (
    GivenUp("till", "cap limiter (or until)"),
    GivenUp("purse", "reservation"),
    GivenUp("tenant", "worker"),
    GivenUp("tenancy", "worker"),
    GivenUp("claim", "lease"),
    GivenUp("hop", "transactional writer (or step)"),
    GivenUp("parcel", "outgoing record"),
    GivenUp("desk", "name each thing that is handed over"),
    GivenUp("books", "name each thing that is handed over"),
    GivenUp("pulse", "progress, watchdog"),
    GivenUp("turnstile", "request limiter"),
    GivenUp("pacer", "token bucket"),
    GivenUp("letterbox", "message writer, dead letters"),
    GivenUp("letter box", "message writer, dead letters"),
    GivenUp("watermark", "committable offset, offset tracker"),
    GivenUp("holding", "taking over, paused", as_name_only=True),
    GivenUp("holds", "paused audiences", as_name_only=True),
    GivenUp("receipt", "job, job message"),
    GivenUp("endings", "outcomes"),
    GivenUp("stumbled", "poison body, bisector"),
    GivenUp("suspicion", "poison body"),
    GivenUp("under way", "in flight"),
    GivenUp("journey", "say what happens"),
    GivenUp("unsent", "not sent"),
    GivenUp("unreached", "not sent"),
    GivenUp("wishes", "pause requests"),
    GivenUp("stopped lane", "blocked lane"),
    GivenUp("lane stopped", "lane blocked"),
    GivenUp("lane stops", "lane is blocked"),
    GivenUp("observability", "telemetry"),
    GivenUp("lane paused", "paused audience"),
)

CLAIM = "the message that begins a snapshot and gives it its number; of a lane it was a lease"
SEGMENT = "a field of Segment's events"

ALLOWED: Sequence[Allowed] = (
    Allowed("claim", "pipeline/stages/snapshot/", CLAIM),
    Allowed("claim", "tests/stages/snapshot/", CLAIM),
    Allowed("claim", "tests/mutation/rules.py", CLAIM),
    Allowed("claim", "docs/glossary.md", CLAIM),
    Allowed("journey", "pipeline/sources/segment.py", SEGMENT),
    Allowed("journey", "tests/sources/corpus/segment.json", SEGMENT),
)
