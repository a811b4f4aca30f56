"""What a pass over the members of one audience has found, and why it may yield no snapshot."""

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
    """One pass, up to the fixed ends of its partitions."""

    uuid: str
    """Of the topic's layout: the same in all partitions."""
    members: int
    """With those who have no identity of the wanted kind."""
    rows: int
    row_bytes: int
    """Of the file without its header."""
    replaced_characters: int = 0
    """In the rows: characters that no file may hold, such as quotes and line breaks."""
    beyond_horizon: int
    """Adds from before the floor that were not counted, and are forgotten: each is found once."""
    stale_rendering: str | None
    """One that does not fit, of the stale members."""
    other_version: str | None
    unreadable: int
    """Records of the audience that say nothing; what stood before them counts."""
    written: int
    """Statements written again, and tombstones."""
    ends: Mapping[int, int]
    """Of each partition of the audience: all before this offset was read."""
    unfit: Unfit | None
    """Why there is no snapshot."""


class LayoutMissing(Exception):
    """A partition does not say that it is laid out as ours are: it must not be read as empty."""


class NoSnapshot(Exception):
    """The pass has healed its partitions, but its file must not be used; see `unfit`."""

    def __init__(self, unfit: Unfit) -> None:
        super().__init__(unfit)
        self.unfit: Unfit = unfit


class PassTooLong(Exception):
    """Compaction may have taken records from under the pass: begin a new one."""
