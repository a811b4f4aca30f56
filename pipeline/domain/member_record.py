"""The member record: the format of the topic of all memberships, and its codec.

    key     <audience id> NUL <member id>, as the partner has the audience and as the member is sent
    value   {"v":1,"a":"+","t":ms,"p":"topic/partition/offset/change","r":"...","i":"...","c":[...]}

A remove has `"a":"-"` and no `i` and `c`; a withdrawal also has `"w":1`. The place `p` says where
upstream stated the change: topic, partition and offset of the message, and number of the change in
it. Among the records of one key the one with the greatest time and place counts, at any offset.

Every partition has a record with the key `!`, the layout of the topic. A topic without this record,
or with another one, is not ours, and is never read as empty. `member_floor` explains how old
removes are forgotten.
"""

import re
from collections.abc import Sequence
from hashlib import blake2b
from typing import NamedTuple, TypeAlias

import orjson

VERSION = 1
LAYOUT_KEY = b"!"
PARTITIONS = 64
SPREAD = 8
"""Partitions of one audience."""
HASH = "blake2b-64"
"""The hash that spreads keys over partitions; fixed for the life of a topic."""
SEPARATOR = b"\x00"
_LONGEST_TIME = 10**15
_PLACE = re.compile(r"([^/]{1,249})" + "/([0-9]{1,19})" * 3)
"""Kafka allows no longer name of a topic."""


class Place(NamedTuple):
    """Where upstream stated a change; it orders statements of the same time."""

    topic: str
    partition: int
    offset: int
    change: int
    """Which change of the message, from 0."""

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}/{self.offset}/{self.change}"


class MemberRecord(NamedTuple):
    """The newest statement about one member of one audience."""

    is_member: bool
    changed_at_ms: int
    place: Place
    rendering: str = ""
    """Names the namespace and the columns; "" of a remove."""
    identity: str | None = None
    """In the form of the file; None: the member lacks the needed identity, so it has no row."""
    cells: Sequence[str] = ()
    """The other cells of the row, exactly as in the file."""
    is_withdrawal: bool = False
    is_known: bool = False
    """A pass has counted this add before, so it counts even below the floor."""

    @property
    def rank(self) -> tuple[int, Place]:
        """The record with the greatest rank of a key counts."""
        return self.changed_at_ms, self.place

    def __repr__(self) -> str:
        """Show no person."""
        return f"<MemberRecord {'add' if self.is_member else 'remove'} at {self.changed_at_ms}>"


class Layout(NamedTuple):
    """The record with the key `!`, which describes the topic."""

    uuid: str
    """Made with the topic; the same in all its partitions."""
    partitions: int
    spread: int
    hash: str


class Unreadable(NamedTuple):
    """The value is no member record; `why` quotes nothing of it."""

    why: str


class OtherVersion(NamedTuple):
    """Another version of this program wrote the record."""

    version: str


Decoded: TypeAlias = MemberRecord | OtherVersion | Unreadable


def member_key(audience: str, member: str) -> bytes:
    r"""Return the key of all records of this member of this audience.

    >>> member_key("a-1", "u-7")
    b'a-1\x00u-7'
    """
    return audience.encode() + SEPARATOR + member.encode(errors="replace")


def audience_part(key: bytes) -> bytes:
    """Return the audience's part of a key; b"" for a key that is not a member's.

    >>> audience_part(member_key("a-1", "u-7"))
    b'a-1'
    """
    audience, separator, _ = key.partition(SEPARATOR)
    return audience if separator else b""


def audience_partitions(
    audience: str, *, partitions: int = PARTITIONS, spread: int = SPREAD
) -> Sequence[int]:
    """Return the partitions of all members of an audience, ascending."""
    first = _spread(audience.encode())
    return sorted({(first + step) % partitions for step in range(spread)})


def partition_of(key: bytes, *, partitions: int = PARTITIONS, spread: int = SPREAD) -> int:
    """Return the partition of a member's records."""
    audience, _, member = key.partition(SEPARATOR)
    return (_spread(audience) + _spread(member) % spread) % partitions


def encode_member(record: MemberRecord) -> bytes:
    """Encode a member record."""
    said: dict[str, object] = {
        "v": VERSION,
        "a": "+" if record.is_member else "-",
        "t": record.changed_at_ms,
        "p": str(record.place),
    }
    if record.is_member:
        said |= {"r": record.rendering, "i": record.identity, "c": record.cells}
    if record.is_withdrawal:
        said["w"] = 1
    if record.is_known:
        said["k"] = 1
    return orjson.dumps(said)


def encode_rendered(changed_at_ms: int, place: bytes, rendered: bytes) -> bytes:
    """Encode an add around a partner's rendered object of `r`, `i` and `c`, without decoding it.

    >>> encode_rendered(5, b"cdp/0/9/0", b'{"r":"e","i":"7f","c":[]}')
    b'{"v":1,"a":"+","t":5,"p":"cdp/0/9/0","r":"e","i":"7f","c":[]}'
    """
    return b'{"v":1,"a":"+","t":%d,"p":"%s",%s' % (changed_at_ms, place, rendered[1:])


def encode_removal(changed_at_ms: int, place: bytes, *, is_withdrawal: bool) -> bytes:
    """Encode a remove."""
    end = b',"w":1}' if is_withdrawal else b"}"
    return b'{"v":1,"a":"-","t":%d,"p":"%s"%s' % (changed_at_ms, place, end)


def decode_member(value: bytes) -> Decoded:
    """Decode the value of a record; never raises.

    >>> decode_member(b'{"v":1,"a":"-","t":5,"p":"cdp/0/9/0"}').place.offset
    9
    """
    try:
        said: object = orjson.loads(value)
    except orjson.JSONDecodeError:
        return Unreadable("its value is not JSON")
    if not isinstance(said, dict):
        return Unreadable("its value is not a JSON object")
    # Plain conditions, because `match` takes twice as long, and a pass decodes millions of
    # records.
    version = said.get("v")
    if version != VERSION and isinstance(version, int):
        return OtherVersion(str(version))
    action, changed_at, text = said.get("a"), said.get("t"), said.get("p")
    if version != VERSION or action not in ("+", "-"):
        return Unreadable("it says neither add nor remove")
    place = decode_place(text) if isinstance(text, str) else None
    if place is None or not isinstance(changed_at, int) or not 0 <= changed_at < _LONGEST_TIME:
        return Unreadable("it names no time and place of the change")
    if action == "+":
        return _decoded_add(said, changed_at, place)
    is_withdrawal, is_known = said.get("w") == 1, said.get("k") == 1
    return MemberRecord(False, changed_at, place, "", None, (), is_withdrawal, is_known)


def _decoded_add(
    said: dict[str, object], changed_at: int, place: Place
) -> MemberRecord | Unreadable:
    rendering, identity, cells = said.get("r"), said.get("i", 0), said.get("c")
    if (
        not isinstance(rendering, str)
        or not (identity is None or isinstance(identity, str))
        or not isinstance(cells, list)
        or set(map(type, cells)) - {str}
    ):
        return Unreadable("an add without rendering, identity and cells")
    is_withdrawal, is_known = said.get("w") == 1, said.get("k") == 1
    return MemberRecord(
        True, changed_at, place, rendering, identity, cells, is_withdrawal, is_known
    )


def decode_place(text: str) -> Place | None:
    """Decode the place of a record; None for an invalid one.

    >>> decode_place("cdp/3/42/0")
    Place(topic='cdp', partition=3, offset=42, change=0)
    """
    found = _PLACE.fullmatch(text)
    if found is None:
        return None
    topic, partition, offset, change = found.groups()
    return Place(topic, int(partition), int(offset), int(change))


def encode_layout(layout: Layout) -> bytes:
    """Encode the record with the key `!`."""
    return orjson.dumps({"v": VERSION, **layout._asdict()})


def decode_layout(value: bytes | None) -> Layout | OtherVersion | Unreadable:
    """Decode the record with the key `!`; never raises."""
    try:
        said: object = orjson.loads(value or b"")
    except orjson.JSONDecodeError:
        return Unreadable("its value is not JSON")
    match said:
        case {
            "v": 1,
            "uuid": str(uuid),
            "partitions": int(partitions),
            "spread": int(spread),
            "hash": str(hashed),
        } if partitions > 0 and spread > 0:
            return Layout(uuid, partitions, spread, hashed)
        case {"v": int(version)} if version != VERSION:
            return OtherVersion(str(version))
        case _:
            return Unreadable("it is not a layout")


def _spread(text: bytes) -> int:
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "big")
