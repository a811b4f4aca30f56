"""Why no snapshot may be made of a members topic, and whether ingest may still write to it. Pure.

A compacted topic keeps its first offset for ever, and never ends before an offset that was read
once. If one of these is broken, records are lost that no newer record replaced, and their members
would be missing from the next file.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, TypeAlias

import orjson

from pipeline.domain.member_record import LAYOUT_KEY

Cause: TypeAlias = Literal[
    "denied",  # an ACL forbids us to use it, or the topic of its owner
    "unmade",  # it does not exist, and was not created
    "partitions",  # it has another number of partitions than its layout
    "foreign",  # another program, or another version of this one, laid it out
    "settings",  # Kafka may delete statements that are needed
    "emptied",  # records are lost
]
BEGINS_KEY = LAYOUT_KEY + b"begins"
"""In the owner's topic: where each partition began when an operator confirmed the members."""
MOST_NAMED = 5
_PARTITION = re.compile("[0-9]{1,5}")


@dataclass(frozen=True, slots=True, kw_only=True)
class MembersTrouble:
    """What is wrong with one destination's members topic."""

    destination: str
    topic: str
    cause: Cause
    why: str
    """One line: the topic, the place in it, and the remedy."""
    stops_ingest: bool = False
    """Ingest must not write: nobody would find its records, or Kafka would not take them."""
    stops_owner: bool = False
    """The owner's topic cannot be read, so a process that starts now does not subscribe to it."""


class Bounds(NamedTuple):
    """Where one partition begins, and the offset behind its last stable record."""

    begin: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownMembers:
    """What the owner's topic says about the members topic."""

    is_laid_out: bool
    """Every partition was written to once."""
    begins: Mapping[int, int] = field(default_factory=dict)
    """First offsets that an operator accepted after a loss; other partitions begin at 0."""
    ends: Mapping[int, int] = field(default_factory=dict)
    """By partition: the offset up to which snapshots have read."""


def without_owner(troubles: Sequence[MembersTrouble]) -> Sequence[str]:
    """Return the destinations that no process can own before the next start."""
    return [trouble.destination for trouble in troubles if trouble.stops_owner]


def emptied(
    destination: str, topic: str, bounds: Sequence[Bounds], known: KnownMembers
) -> MembersTrouble | None:
    """Return the trouble of a topic that has lost records; None where it has not."""
    gone = lossy(bounds, known)
    if not gone:
        return None
    return MembersTrouble(
        destination=destination,
        topic=topic,
        cause="emptied",
        why=(
            f"topic {topic} has lost records in {len(gone)} of its {len(bounds)} partitions "
            f"({_named(gone)}): it was emptied or created again, or its retention deleted them. A "
            "snapshot would lack members, so none is made; ingest goes on writing. Have upstream "
            "send every membership once more, or rewind the sources; then: "
            f"audience-pipeline members confirm {destination}"
        ),
    )


def lossy(bounds: Sequence[Bounds], known: KnownMembers) -> Sequence[int]:
    """Return the partitions that have lost records.

    >>> known = KnownMembers(is_laid_out=True, begins={2: 5}, ends={3: 9})
    >>> lossy([Bounds(0, 7), Bounds(1, 7), Bounds(5, 7), Bounds(0, 7), Bounds(0, 0)], known)
    [1, 3, 4]
    """
    if not known.is_laid_out:
        return []
    return [
        number
        for number, (begin, end) in enumerate(bounds)
        if begin >= end or begin > known.begins.get(number, 0) or end < known.ends.get(number, 0)
    ]


def _named(partitions: Sequence[int]) -> str:
    first = ", ".join(str(number) for number in partitions[:MOST_NAMED])
    return first if len(partitions) <= MOST_NAMED else f"{first} and others"


def encode_begins(bounds: Sequence[Bounds]) -> bytes:
    """Encode the first offset of each partition, for an operator to accept."""
    begins = {str(number): begin for number, (begin, _) in enumerate(bounds) if begin}
    return orjson.dumps({"v": 1, "begins": begins})


def decode_begins(value: bytes | None) -> Mapping[int, int]:
    """Decode what `encode_begins` wrote; an unreadable value accepts nothing.

    >>> decode_begins(encode_begins([Bounds(0, 7), Bounds(5, 9)]))
    {1: 5}
    """
    try:
        said: object = orjson.loads(value or b"")
    except orjson.JSONDecodeError:
        return {}
    match said:
        case {"v": 1, "begins": dict(begins)}:
            return {
                int(number): begin
                for number, begin in begins.items()
                if _PARTITION.fullmatch(number) and type(begin) is int and begin > 0
            }
        case _:
            return {}
