"""Who is in an audience: a good run replaces everybody, and nobody stays for ever."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pipeline.sandbox.adobe_audiences.vocabulary import DAY_SECONDS


@dataclass(slots=True, kw_only=True)
class Members:
    """The members of one audience, by identity, with the cells of their row."""

    life: float
    """Seconds from the last good run or update until everybody leaves."""
    expires_at: float
    rows: Mapping[str, Sequence[str]] = field(default_factory=dict)
    files: Sequence[str] = ()
    """The files of the run that put them there."""
    run_id: str | None = None
    has_expired: bool = False
    replaced_at: float = 0.0

    def replace(
        self, rows: Mapping[str, Sequence[str]], files: Sequence[str], run_id: str, now: float
    ) -> None:
        """A run ended well: its file is the audience, unless another one ended later.

        A run is looked at when somebody asks, so the last one to end need not be the last one here.
        """
        if now < self.replaced_at:
            return
        self.replaced_at = now
        self.rows, self.files, self.run_id = rows, files, run_id
        self.touch(now)

    def touch(self, now: float) -> None:
        """Count the life anew."""
        self.expires_at = now + self.life

    def expire(self, now: float) -> None:
        """Let everybody leave who has been there too long."""
        if now >= self.expires_at and self.rows:
            self.rows, self.has_expired = {}, True


def members(ttl_days: int, now: float) -> Members:
    """Those of a new audience: nobody."""
    life = ttl_days * DAY_SECONDS
    return Members(life=life, expires_at=now + life)
