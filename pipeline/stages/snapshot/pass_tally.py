"""The counts of a pass that is not yet over."""

from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.stages.snapshot.pass_findings import PassFindings, Unfit


@dataclass(slots=True, kw_only=True)
class PassTally:
    """What the pass has found so far."""

    largest_bytes: int
    """The most bytes that all rows of a file may have together."""
    members: int = 0
    rows: int = 0
    row_bytes: int = 0
    replaced_characters: int = 0
    beyond_horizon: int = 0
    stale_rendering: str | None = None
    other_version: str | None = None
    unreadable: int = 0
    written: int = 0

    @property
    def is_too_large(self) -> bool:
        return self.row_bytes > self.largest_bytes

    def add_reading(self, unreadable: int, other_version: str | None) -> None:
        """Count the records that one reading of a partition could not understand."""
        self.unreadable += unreadable
        self.other_version = self.other_version or other_version

    def unfit(self) -> Unfit | None:
        """Return why the findings so far make no snapshot; None: they may."""
        if self.other_version is not None:
            return "other_version"
        if self.stale_rendering is not None:
            return "stale_rendering"
        return "too_large" if self.is_too_large else None

    def findings(self, *, uuid: str, ends: Mapping[int, int]) -> PassFindings:
        return PassFindings(
            uuid=uuid,
            members=self.members,
            rows=self.rows,
            row_bytes=self.row_bytes,
            replaced_characters=self.replaced_characters,
            beyond_horizon=self.beyond_horizon,
            stale_rendering=self.stale_rendering,
            other_version=self.other_version,
            unreadable=self.unreadable,
            written=self.written,
            ends=ends,
            unfit=self.unfit(),
        )
