"""What a pass over the members of one audience has found, and why its file may be unfit."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

Unfit: TypeAlias = Literal[
    "stale_rendering",  # members were written for another namespace or other columns
    "other_version",  # another version of this program wrote some of the records
    "too_large",  # the file would be larger than the configuration allows
]


@dataclass(frozen=True, slots=True, kw_only=True)
class PassFindings:
    """The findings of one pass, up to the fixed ends of its partitions."""

    uuid: str
    """The uuid of the topic's layout: the same in all partitions."""
    members: int
    """All members, also those without an identity of the kind that the file needs."""
    rows: int
    row_bytes: int
    """Bytes of the file without its header."""
    replaced_characters: int = 0
    """Count of characters in the rows that no file may hold, such as quotes and line breaks."""
    beyond_horizon: int
    """Adds from before the floor that were not counted and are now forgotten; each counts once."""
    stale_rendering: str | None
    """The rendering of one stale member; None: no member is stale."""
    other_version: str | None
    unreadable: int
    """Records of the audience that cannot be read; the record before each one counts instead."""
    written: int
    """How many statements and tombstones the pass wrote."""
    ends: Mapping[int, int]
    """By partition of the audience: the pass read all records before this offset."""
    unfit: Unfit | None
    """Why there is no snapshot."""


class LayoutMissing(Exception):
    """A partition does not prove that its layout is ours: it must not be read as empty."""


class NoSnapshot(Exception):
    """The pass has healed its partitions, but its file must not be used; `unfit` says why."""

    def __init__(self, unfit: Unfit) -> None:
        super().__init__(unfit)
        self.unfit: Unfit = unfit


class PassTooLong(Exception):
    """The pass took so long that compaction may have deleted records unread: begin a new one."""
