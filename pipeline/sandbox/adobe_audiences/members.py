"""The members of an audience: a good run replaces all of them, and all leave after the ttl."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pipeline.sandbox.adobe_audiences.vocabulary import DAY_SECONDS


@dataclass(slots=True, kw_only=True)
class Members:
    """The members of one audience, by identity, with the cells of their row."""

    life: float
    """Seconds from the last good run or update until all members leave."""
    expires_at: float
    rows: Mapping[str, Sequence[str]] = field(default_factory=dict)
    files: Sequence[str] = ()
    """The files of the run that added these members."""
    run_id: str | None = None
    has_expired: bool = False
    replaced_at: float = 0.0

    def replace(
        self, rows: Mapping[str, Sequence[str]], files: Sequence[str], run_id: str, now: float
    ) -> None:
        """Replace all members by those of a good run, unless a later run has already done so.

        Runs are applied only when a request comes, so this may not be called in the order of ends.
        """
        if now < self.replaced_at:
            return
        self.replaced_at = now
        self.rows, self.files, self.run_id = rows, files, run_id
        self.touch(now)

    def touch(self, now: float) -> None:
        """Let the ttl begin again."""
        self.expires_at = now + self.life

    def expire(self, now: float) -> None:
        """Remove all members if the ttl is over."""
        if now >= self.expires_at and self.rows:
            self.rows, self.has_expired = {}, True


def members(ttl_days: int, now: float) -> Members:
    """A new audience without members."""
    life = ttl_days * DAY_SECONDS
    return Members(life=life, expires_at=now + life)
