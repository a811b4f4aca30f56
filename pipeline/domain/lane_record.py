"""The lane record: the format of a lane's topic, and its codec.

    key     <audience id>|<member id>, as the partner has them
    value   one object, as it will be sent
    header  lane-record: 2;add;<ms>;<route>;<partition>:<offset>

The header holds the version, the action, the time of the change (milliseconds since the epoch),
the partner's own route, and the source message. It is one header, because five cost 1.7 us and
71 bytes more for each record. The time is not the Kafka timestamp: brokers delete records by
their timestamp, and refuse timestamps in the future.
"""

from collections.abc import Iterable
from typing import NamedTuple

from pipeline.domain.change import Action

VERSION = 2
HEADER = "lane-record"
SEPARATOR = "|"
"""Between audience and member in a key; no audience id may hold it."""

_ACTIONS: dict[bytes, Action] = {b"add": "add", b"remove": "remove"}
_WRITTEN: dict[Action, bytes] = {action: written for written, action in _ACTIONS.items()}
_LONGEST_NUMBER = 15
"""Digits of a time in milliseconds; longer ones would be thousands of years away."""
_LONGEST_OFFSET = 19


class LaneRecord(NamedTuple):
    """One change as it will be sent."""

    audience: str
    action: Action
    changed_at_ms: int
    route: bytes
    """Bytes that the partner's package wrote; nobody else reads them."""
    source: tuple[int, int] | None
    """Partition and offset of the source message; None where the record names none."""


class OtherVersion(NamedTuple):
    """Another version of this program wrote the record."""

    version: str


class Unreadable(NamedTuple):
    """The message is no lane record; `why` quotes nothing of it."""

    why: str


def member_key(audience: str, member: str) -> bytes:
    """Return the key of all records of this member in this audience."""
    return f"{audience}{SEPARATOR}{member}".encode()


def named_key(audience: str, member: str) -> bytes:
    """Return the key for a member that a partner names; invalid text in it is replaced."""
    return f"{audience}{SEPARATOR}{member}".encode(errors="replace")


def audience_of(key: bytes | None) -> str | None:
    """Return the audience that a key names; None for a key that is not ours."""
    audience, separator, _ = (key or b"").partition(b"|")
    if not separator or not audience:
        return None
    try:
        return audience.decode()
    except UnicodeDecodeError:
        return None


def encode_header(
    action: Action, changed_at_ms: int, route: bytes, partition: int, offset: int
) -> list[tuple[str, bytes]]:
    """Return the headers of a lane record, as a list for the client's batch builder.

    >>> encode_header("add", 1795000000000, b"DSP", 3, 42)
    [('lane-record', b'2;add;1795000000000;DSP;3:42')]
    """
    text = b"2;%s;%d;%s;%d:%d" % (_WRITTEN[action], changed_at_ms, route, partition, offset)
    return [(HEADER, text)]


def decode_record(
    key: bytes | None, headers: Iterable[tuple[str, bytes]]
) -> LaneRecord | OtherVersion | Unreadable:
    """Decode the key and the headers of a message; never raises.

    >>> decode_record(b"7|u-1", [("lane-record", b"2;remove;1;;0:9")])
    LaneRecord(audience='7', action='remove', changed_at_ms=1, route=b'', source=(0, 9))
    """
    packed = next((value for name, value in headers if name == HEADER), None)
    if packed is None:
        is_first = any(name == "format" for name, _ in headers)
        return OtherVersion("1") if is_first else Unreadable("it has no header lane-record")
    version, _, rest = packed.partition(b";")
    if version != b"2":
        return _other(version)
    audience = audience_of(key)
    if audience is None:
        return Unreadable("its key is not audience|member")
    return _fields(audience, rest)


def _other(version: bytes) -> OtherVersion | Unreadable:
    if version.isdigit() and len(version) <= _LONGEST_NUMBER:
        return OtherVersion(version.decode())
    return Unreadable("its header lane-record does not begin with a version")


def _fields(audience: str, packed: bytes) -> LaneRecord | Unreadable:
    parts = packed.split(b";", 2)
    if len(parts) < 3 or parts[0] not in _ACTIONS:
        return Unreadable("its header lane-record says neither add nor remove")
    action, changed_at, rest = parts
    route, separator, source = rest.rpartition(b";")
    if not _is_time(changed_at) or not separator:
        return Unreadable("its header lane-record names no time of the change")
    return LaneRecord(audience, _ACTIONS[action], int(changed_at), route, _source(source))


def _is_time(text: bytes) -> bool:
    return text.isdigit() and len(text) <= _LONGEST_NUMBER


def _source(text: bytes) -> tuple[int, int] | None:
    partition, _, offset = text.partition(b":")
    numbers = (partition, offset)
    if not all(number.isdigit() and len(number) <= _LONGEST_OFFSET for number in numbers):
        return None
    return int(partition), int(offset)
