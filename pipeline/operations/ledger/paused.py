"""Which settled records of a lane still wait: those of audiences that are paused."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pipeline.domain.lane_record import audience_of


@dataclass(frozen=True, slots=True)
class PausedSince:
    """As the group's last commit says it, so it is as old as the committed offset."""

    since: Mapping[str, int] = field(default_factory=dict)
    """The offset from which on the records of each audience are still to be sent."""
    others: int | None = None
    """The same of all audiences, where there are too many for the commit to name."""

    def keeps(self, offset: int, key: bytes | None) -> bool:
        """Whether a record without an end, though it is settled, will be read again."""
        since = self.since_of(key)
        return since is not None and offset >= since

    def since_of(self, key: bytes | None) -> int | None:
        """From where the audience of this key is paused; None if it is not."""
        audience = audience_of(key)
        return None if audience is None else self.since.get(audience, self.others)


NONE_PAUSED = PausedSince()
