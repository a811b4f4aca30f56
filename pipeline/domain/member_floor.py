"""Forgets old removes: the floor of an audience in a partition, and tombstones.

A remove is kept for 35 days after it was written. Then it becomes a tombstone, which Kafka deletes
after a while; from then on no record says that the member left. So an add with such an old time
that arrives so late must not count. The *floor* is the limit of that time, for one audience in one
partition. It is raised first, and only removes below it are forgotten.

    key     "!" and the audience's id, without NUL: no member has such a key
    value   {"v":1,"floor_ms":ms,"floor_offset":offset}

The headers `t` and `p` of a tombstone say which statements it forgets: all that are not newer. A
tombstone without them forgets all records of its member before it.
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
"""How long a remove is kept, counted from when it was written to our topic.

It does not count from the remove's own time: while we read a year of history we would forget each
remove at once, and then not count the adds that follow it.
"""
_NUMBER_DIGITS = 15


class Floor(NamedTuple):
    """The limit below which removes of one audience in one partition may be forgotten."""

    before_ms: int
    """Removes from before this time may be forgotten."""
    offset: int
    """Adds from before that time still count if their offset is lower than this one."""

    def joined(self, other: "Floor") -> "Floor":
        """Return the higher of both floors; order and repetition do not matter."""
        return Floor(max(self.before_ms, other.before_ms), max(self.offset, other.offset))


NO_FLOOR: Final = Floor(0, 0)


class Forgotten(NamedTuple):
    """The content of a tombstone: it forgets all statements of its member that are not newer."""

    changed_at_ms: int
    place: Place

    @property
    def rank(self) -> tuple[int, Place]:
        return self.changed_at_ms, self.place


def floor_key(audience: str) -> bytes:
    """Return the key of an audience's floor, the same in each of its partitions.

    >>> floor_key("a-1")
    b'!a-1'
    """
    return LAYOUT_KEY + audience.encode()


def encode_floor(floor: Floor) -> bytes:
    """Encode a floor."""
    return orjson.dumps({"v": VERSION, "floor_ms": floor.before_ms, "floor_offset": floor.offset})


def decode_floor(value: bytes | None) -> Floor | OtherVersion | Unreadable:
    """Decode a floor; never raises."""
    try:
        said: object = orjson.loads(value or b"")
    except orjson.JSONDecodeError:
        return Unreadable("its value is not JSON")
    match said:
        case {"v": 1, "floor_ms": int(before_ms), "floor_offset": int(offset)}:
            return Floor(before_ms, offset)
        case {"v": int(version)} if version != VERSION:
            return OtherVersion(str(version))
        case _:
            return Unreadable("it is not a floor")


def tombstone_headers(forgotten: Forgotten) -> Sequence[tuple[str, bytes]]:
    """Return the headers of a tombstone."""
    return [
        ("t", str(forgotten.changed_at_ms).encode()),
        ("p", str(forgotten.place).encode()),
    ]


def decode_tombstone(headers: Sequence[tuple[str, bytes | None]]) -> Forgotten | None:
    """Decode a tombstone; None: it forgets all records before it. Never raises.

    >>> decode_tombstone([("t", b"5"), ("p", b"cdp/0/9/0")]).changed_at_ms
    5
    """
    said = dict(headers)
    changed_at = said.get("t") or b""
    place = decode_place((said.get("p") or b"").decode(errors="replace"))
    if place is None or not changed_at.isdigit() or len(changed_at) > _NUMBER_DIGITS:
        return None
    return Forgotten(int(changed_at), place)
