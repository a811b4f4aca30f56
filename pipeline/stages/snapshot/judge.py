"""Decides which winners of a partition get a row, and which statements must be written again."""

from collections.abc import Callable, Sequence

from pipeline.destinations.snapshots import REPLACED, SnapshotAudience
from pipeline.domain.member_floor import Floor, Forgotten, tombstone_headers
from pipeline.domain.member_record import SEPARATOR, MemberRecord, encode_member
from pipeline.stages.snapshot.healed import healed
from pipeline.stages.snapshot.kept_winner import (
    FileRow,
    Kept,
    Packed,
    Statement,
    is_beyond_horizon,
    plain_row,
    to_write,
    unpack,
)
from pipeline.stages.snapshot.pass_tally import PassTally
from pipeline.stages.snapshot.ports import Written

_REPLACED = REPLACED.encode()


class Judge:
    """Judges the winners of one partition by its floor; counts them in the tally of the pass."""

    def __init__(
        self,
        *,
        topic: str,
        partition: int,
        audience: SnapshotAudience,
        end: int,
        floor: Floor,
        row: Callable[[str, Sequence[str]], bytes],
        tally: PassTally,
    ) -> None:
        """`end`: the partition was read up to there."""
        self._topic = topic
        self._partition = partition
        self._key = audience.audience.encode() + SEPARATOR
        self._rendering = audience.rendering
        self._mark = healed(end)
        self._floor = floor
        self._row = row
        self._tally = tally
        self.covered_ms = 0
        """A floor before this time would cover every remove that is old enough to be forgotten."""

    def judge(self, winners: Sequence[tuple[bytes, Packed]]) -> tuple[bytes, Sequence[Written]]:
        """Return the rows of some members, and the messages that must be written for them."""
        rows: list[bytes] = []
        again: list[Written] = []
        for member, packed in winners:
            found = plain_row(packed, self._floor)
            if found is None:
                found = self._looked_at(member, unpack(packed, self._rendering), again)
            if found is not None:
                self._add_row(found, rows)
        return self._counted(rows), again

    def _looked_at(self, member: bytes, kept: Kept, again: list[Written]) -> FileRow | None:
        """Return the row, or None for no member; add to `again` what must be written."""
        said = kept.statement
        statement = to_write(kept, self._floor)
        if statement is not None:
            again.append(self._written(member, statement))
        if isinstance(said, Forgotten):
            return None
        if not said.is_member:
            if kept.is_old:
                self.covered_ms = max(self.covered_ms, said.changed_at_ms + 1)
            return None
        if is_beyond_horizon(kept, self._floor):
            self._tally.beyond_horizon += 1
            return None
        other = None if said.rendering == self._rendering else said.rendering
        return FileRow(other, said.identity, said.cells)

    def _add_row(self, found: FileRow, rows: list[bytes]) -> None:
        self._tally.members += 1
        if found.other_rendering is not None:
            self._tally.stale_rendering = found.other_rendering
        elif found.identity is not None:
            rows.append(self._row(found.identity, found.cells))

    def _counted(self, rows: Sequence[bytes]) -> bytes:
        joined = b"".join(rows)
        self._tally.rows += len(rows)
        self._tally.row_bytes += len(joined)
        self._tally.replaced_characters += joined.count(_REPLACED)
        return joined

    def _written(self, member: bytes, statement: Statement) -> Written:
        key = self._key + member
        if isinstance(statement, MemberRecord):
            return Written(self._topic, self._partition, key, encode_member(statement), self._mark)
        headers = [*self._mark, *tombstone_headers(statement)]
        return Written(self._topic, self._partition, key, None, headers)
