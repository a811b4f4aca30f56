"""What each attempt of a lane changes: its tally, its cap use, its late members, its condition."""

from collections.abc import Sequence

from pipeline.domain.send_result import Accepted, Applied
from pipeline.stages.upload.batching import QueuedRecord
from pipeline.stages.upload.bisector import PoisonRecord
from pipeline.stages.upload.cap_limiter import Cost
from pipeline.stages.upload.cap_use import CapUse
from pipeline.stages.upload.condition import LaneCondition
from pipeline.stages.upload.late_members import LateMembers
from pipeline.stages.upload.settlement import Settlement
from pipeline.stages.upload.tally import Tally


class LaneOutcomes:
    """Takes note of how the requests of one lane end, everywhere where it counts."""

    def __init__(
        self,
        *,
        tally: Tally,
        cap_use: CapUse,
        late: LateMembers,
        condition: LaneCondition,
        settlement: Settlement,
    ) -> None:
        self.tally = tally
        self._cap_use = cap_use
        self._late = late
        self._condition = condition
        self._settlement = settlement

    def counted(self, cost: Cost) -> None:
        """The partner counted this of an attempt, or may have counted it."""
        self._cap_use.add(cost)

    def in_doubt(self) -> None:
        """A request may still be at work on the other side."""
        self._late.note()

    def failed(self, detail: str, status: int | None, *, is_first: bool) -> None:
        """An attempt will be repeated; `is_first`: its body had never been sent before."""
        self._condition.failed(detail, status)
        self.tally.has_failed(is_first=is_first)

    def takes(self, audience: str) -> None:
        """The partner takes records of this audience now."""
        self._condition.ends_refusal(audience)

    async def taken(
        self,
        audience: str,
        part: Sequence[QueuedRecord],
        answer: Accepted | Applied,
        *,
        is_first: bool,
    ) -> None:
        """The partner took a request, and its work has a job, or no job, or is done already."""
        self.tally.was_accepted(audience, is_first=is_first)
        self._condition.accepted(len(part))
        if isinstance(answer, Applied):
            await self._settlement.applied(audience, part, answer.invalid)
            return
        self.tally.was_answered(with_job=answer.job_id is not None)
        await self._settlement.accepted(audience, part, answer.job_id)

    async def given_up(self, audience: str, poison: Sequence[PoisonRecord]) -> None:
        """These become dead letters."""
        # At once, or batches that are judged meanwhile would not know of it.
        self.tally.was_refused(audience, len(poison))
        await self._settlement.given_up(poison)

    def released(
        self, audience: str, records: Sequence[QueuedRecord], *, was_in_doubt: bool
    ) -> None:
        """These have their end; after an attempt in doubt newer changes must wait for a while."""
        self._late.release(audience, records, was_in_doubt=was_in_doubt)
