"""What is forgotten of old removes: the floor of an audience in a partition, and tombstones.

A remove is kept for 35 days after it was written. Then it becomes a tombstone, which Kafka lets go
after a while; from then on nothing says that the member left. So an add that is as old as that,
and comes as late, must not count. The *floor* says how old that is, for one audience in one
partition: it is raised first, and only what it has covered is forgotten.

    key     "!" and the audience's id, without NUL: no member has such a key
    value   {"v":1,"floor_ms":ms,"floor_offset":offset}

A tombstone of a member says with the headers `t` and `p` which statements it forgets: all that are
not newer. One without them forgets whatever stands before it.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import orjson

from pipeline.domain.member_record import (
    LAYOUT_KEY,
    VERSION,
    OtherVersion,
    Place,
    Unreadable,
    decode_place,
)

KEEP_REMOVES_MS = 35 * 86_400_000
"""So long a remove is kept, counted from when it was written here.

Not from its own time: whoever reads a year of history would forget each remove at once, and then
no longer believe the adds that follow it.
"""
_NUMBER_DIGITS = 15


class Floor(NamedTuple):
    """Below what our memory of one audience in one partition does not reach."""

    before_ms: int
    """Removes from before this time may be forgotten."""
    offset: int
    """Adds from before that time still count where they stand before this offset."""

    def joined(self, other: "Floor") -> "Floor":
        """Both floors kept; in any order and any number of times the same."""
        return Floor(max(self.before_ms, other.before_ms), max(self.offset, other.offset))


NO_FLOOR: Final = Floor(0, 0)


class Forgotten(NamedTuple):
    """What a tombstone forgets: every statement about its member that is not newer than this."""

    changed_at_ms: int
    place: Place

    @property
    def rank(self) -> tuple[int, Place]:
        return self.changed_at_ms, self.place


def floor_key(audience: str) -> bytes:
    """The key of the floor of an audience, in each of its partitions.

    >>> floor_key("a-1")
    b'!a-1'
    """
    return LAYOUT_KEY + audience.encode()


def encode_floor(floor: Floor) -> bytes:
    """The value of a floor."""
    return orjson.dumps({"v": VERSION, "floor_ms": floor.before_ms, "floor_offset": floor.offset})


def decode_floor(value: bytes | None) -> Floor | OtherVersion | Unreadable:
    """What a floor says; never raises."""
    try:
        said: object = orjson.loads(value or b"")
    except orjson.JSONDecodeError:
        return Unreadable("its value is no JSON")
    match said:
        case {"v": 1, "floor_ms": int(before_ms), "floor_offset": int(offset)}:
            return Floor(before_ms, offset)
        case {"v": int(version)} if version != VERSION:
            return OtherVersion(str(version))
        case _:
            return Unreadable("it says no floor")


def tombstone_headers(forgotten: Forgotten) -> Sequence[tuple[str, bytes]]:
    """What a tombstone says of the statements that it forgets."""
    return [
        ("t", str(forgotten.changed_at_ms).encode()),
        ("p", str(forgotten.place).encode()),
    ]


def decode_tombstone(headers: Sequence[tuple[str, bytes | None]]) -> Forgotten | None:
    """What a tombstone forgets; None where it does not say, so all before it. Never raises.

    >>> decode_tombstone([("t", b"5"), ("p", b"cdp/0/9/0")]).changed_at_ms
    5
    """
    said = dict(headers)
    changed_at = said.get("t") or b""
    place = decode_place((said.get("p") or b"").decode(errors="replace"))
    if place is None or not changed_at.isdigit() or len(changed_at) > _NUMBER_DIGITS:
        return None
    return Forgotten(int(changed_at), place)
