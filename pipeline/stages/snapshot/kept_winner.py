"""What a pass remembers of each member while it reads a partition. It is packed, for millions.

The newest statement of a key wins, wherever it is in the partition. If two are equally new, the one
with the higher offset wins. A member needs about 100 bytes beside the cells of its row; a tuple
would need five times as many.
"""

from collections.abc import Sequence
from struct import Struct
from typing import Final, NamedTuple, TypeAlias

import orjson

from pipeline.domain.member_floor import Floor, Forgotten
from pipeline.domain.member_record import MemberRecord, decode_place

Statement: TypeAlias = MemberRecord | Forgotten
Packed: TypeAlias = bytes

_HEAD: Final = Struct(">BQQH")
"""Flags, time, first offset, length of the place; then the place and the rendered cells."""
_ADD, _WITHDRAWAL, _KNOWN, _LAST, _FORGOTTEN, _OLD = 1, 2, 4, 8, 16, 32
_NEVER = 2**63
"""The first offset of a member without any statement."""


class Kept(NamedTuple):
    """The winner of one key so far, and what the other records of the key say about it."""

    statement: Statement
    is_last: bool
    """The winner is the key's last record, so compaction keeps it."""
    first_offset: int
    """Offset of the first statement about the member that was not forgotten."""
    is_known: bool
    """An earlier pass has counted one of these statements."""
    is_old: bool = False
    """The winner was written so long ago that a remove may be forgotten."""


class FileRow(NamedTuple):
    """What a member's record says for the file."""

    other_rendering: str | None
    """The record's rendering, if it is not the audience's; else None."""
    identity: str | None
    cells: Sequence[str]

    def __repr__(self) -> str:
        """Show no person."""
        return "<FileRow>"


def first_kept(statement: Statement, offset: int, *, is_old: bool = False) -> Kept:
    """Return the winner after the first record of a key."""
    if isinstance(statement, Forgotten):
        return Kept(statement, True, _NEVER, False)
    return Kept(statement, True, offset, statement.is_known, is_old)


def merged(kept: Kept, statement: Statement, offset: int, *, is_old: bool = False) -> Kept:
    """Return the winner after one more record of the key, which has the highest offset so far."""
    is_newer = statement.rank >= kept.statement.rank
    if isinstance(statement, Forgotten):
        return first_kept(statement, offset) if is_newer else kept._replace(is_last=False)
    return Kept(
        statement if is_newer else kept.statement,
        is_newer,
        min(kept.first_offset, offset),
        kept.is_known or statement.is_known,
        is_old if is_newer else kept.is_old,
    )


def is_beyond_horizon(kept: Kept, floor: Floor) -> bool:
    """Whether the winner is an add from before the floor of a member that was not known by then.

    The remove that followed the add may be forgotten already.
    """
    said = kept.statement
    return (
        isinstance(said, MemberRecord)
        and said.is_member
        and said.changed_at_ms < floor.before_ms
        and kept.first_offset >= floor.offset
        and not kept.is_known
    )


def to_write(kept: Kept, floor: Floor) -> Statement | None:
    """Return the statement to write as the key's last record; None where the winner is it already.

    Otherwise compaction would delete the winner and keep an older statement. The new record keeps
    the winner's time and place, so it can be written any number of times.
    """
    said = kept.statement
    if isinstance(said, Forgotten):
        return None if kept.is_last else said
    is_old = said.changed_at_ms < floor.before_ms
    if is_beyond_horizon(kept, floor) or (is_old and not said.is_member):
        return Forgotten(*said.rank)
    if kept.is_last:
        return None
    # The former record proved by its offset that the member was known before the floor.
    return said._replace(is_known=said.is_member)


def pack(kept: Kept, rendering: str) -> Packed:
    """Pack a winner into few bytes; `rendering` need not be stored, any other is."""
    said = kept.statement
    flags = _LAST * kept.is_last | _KNOWN * kept.is_known | _OLD * kept.is_old
    cells = b""
    if isinstance(said, Forgotten):
        flags |= _FORGOTTEN
    else:
        flags |= _ADD * said.is_member | _WITHDRAWAL * said.is_withdrawal
        if said.is_member:
            other = None if said.rendering == rendering else said.rendering
            cells = orjson.dumps((other, said.identity, said.cells))
    place = str(said.place).encode()
    return _HEAD.pack(flags, said.changed_at_ms, kept.first_offset, len(place)) + place + cells


def unpack(packed: Packed, rendering: str) -> Kept:
    """Return the winner that was packed with this rendering."""
    flags, changed_at, first_offset, length = _HEAD.unpack_from(packed)
    start = _HEAD.size + length
    place = decode_place(packed[_HEAD.size : start].decode())
    assert place is not None
    is_last, is_known, is_old = bool(flags & _LAST), bool(flags & _KNOWN), bool(flags & _OLD)
    if flags & _FORGOTTEN:
        return Kept(Forgotten(changed_at, place), is_last, first_offset, is_known, is_old)
    if not flags & _ADD:
        remove = MemberRecord(False, changed_at, place, is_withdrawal=bool(flags & _WITHDRAWAL))
        return Kept(remove, is_last, first_offset, is_known, is_old)
    other, identity, cells = orjson.loads(packed[start:])
    add = MemberRecord(
        True,
        changed_at,
        place,
        rendering if other is None else other,
        identity,
        cells,
        bool(flags & _WITHDRAWAL),
    )
    return Kept(add, is_last, first_offset, is_known, is_old)


def plain_row(packed: Packed, floor: Floor) -> FileRow | None:
    """Return the row of a clear member; None for the few that need a closer look."""
    flags, changed_at, _, length = _HEAD.unpack_from(packed)
    if flags & ~(_KNOWN | _OLD) != _ADD | _LAST or changed_at < floor.before_ms:
        return None
    return FileRow(*orjson.loads(packed[_HEAD.size + length :]))
