"""Tells which settled records of a lane still wait, because their audience is paused."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pipeline.domain.lane_record import audience_of


@dataclass(frozen=True, slots=True)
class PausedSince:
    """The paused audiences that the group's last commit names; as old as its offset."""

    since: Mapping[str, int] = field(default_factory=dict)
    """For each audience, the first offset whose records are not sent yet."""
    others: int | None = None
    """The first such offset of all audiences, if they are too many for the commit to name."""

    def keeps(self, offset: int, key: bytes | None) -> bool:
        """Whether a settled record without an end will be read again."""
        since = self.since_of(key)
        return since is not None and offset >= since

    def since_of(self, key: bytes | None) -> int | None:
        """The first offset from which the audience of this key is paused; None if it is not."""
        audience = audience_of(key)
        return None if audience is None else self.since.get(audience, self.others)


NONE_PAUSED = PausedSince()
