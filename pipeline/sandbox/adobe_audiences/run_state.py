"""One run: its fate is decided at its start, and its state follows from the time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from pipeline.sandbox.adobe_audiences.vocabulary import Stage

_FIRST: Final[Stage] = "DATASET_INGEST"
_SECOND: Final[Stage] = "PROFILE_STORE_INGEST"
_PICKED_AFTER: Final = 0.25
"""The share of a run's time after which its files are chosen and read ..."""
_FIRST_STAGE: Final = 0.5
"""... and after which the first stage is over."""


class Taken(NamedTuple):
    """The files and rows in the window of a run."""

    files: Sequence[str]
    rows: Mapping[str, Sequence[str]]
    problem: str | None
    """Why nothing could be ingested; None if something was."""

    def __repr__(self) -> str:
        return f"<Taken: {len(self.rows)} rows of {len(self.files)} files>"


@dataclass(slots=True, kw_only=True)
class Run:
    """A run that began at `created_s`. All times are seconds since the epoch."""

    run_id: str
    audience_id: str
    start_s: float
    end_s: float | None
    is_differential: bool
    created_s: float
    seconds: float
    fails_in: Stage | None = None
    never_ends: bool = False
    shown_as: str = ""
    """The status while it goes on; "" for none."""
    listed_from: float = 0.0
    taken: Taken | None = None
    """None until its files are read."""
    is_applied: bool = False
    is_end_told: bool = False

    @property
    def picks_at(self) -> float:
        return self.created_s + _PICKED_AFTER * self.seconds

    @property
    def ends_at(self) -> float:
        """When the run ends; if the first stage fails, there is no second one."""
        share = _FIRST_STAGE if self._fails_first() else 1.0
        return self.created_s + share * self.seconds

    def is_over(self, now: float) -> bool:
        return not self.never_ends and self.taken is not None and now >= self.ends_at

    def is_good(self) -> bool:
        """Whether the run succeeds, once it is over."""
        return self.fails_in is None and not self._fails_first()

    def picks(self, modified_s: float) -> bool:
        """Whether a file's time is inside the window: after its start and before its end."""
        return self.start_s < modified_s and (self.end_s is None or modified_s < self.end_s)

    def status(self, now: float) -> str:
        """The state at this time; "" if the answer must have none."""
        if not self.is_over(now):
            return self.shown_as
        return "SUCCESS" if self.is_good() else "FAILED"

    def stages(self, now: float) -> Sequence[tuple[Stage, str]]:
        """The stages that have begun, each with its status."""
        is_first_over = self.taken is not None and (
            now >= self.created_s + _FIRST_STAGE * self.seconds
        )
        if not is_first_over:
            return [(_FIRST, self.shown_as)]
        if self._fails_first():
            return [(_FIRST, "FAILED")]
        if not self.is_over(now):
            return [(_FIRST, "SUCCESS"), (_SECOND, self.shown_as)]
        return [(_FIRST, "SUCCESS"), (_SECOND, self.status(now))]

    def _fails_first(self) -> bool:
        has_problem = self.taken is not None and self.taken.problem is not None
        return has_problem or self.fails_in == _FIRST
