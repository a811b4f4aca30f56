"""Tells the tally, cap use, late members and condition of a lane how its attempts end."""

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
    """Tells each part of one lane that needs it how an attempt ended."""

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
        """Add what the partner counted of an attempt, or may have counted."""
        self._cap_use.add(cost)

    def in_doubt(self) -> None:
        """Note that the partner may still apply a request."""
        self._late.note()

    def failed(self, detail: str, status: int | None, *, is_first: bool) -> None:
        """Note an attempt that will be repeated; `is_first`: its body was never sent before."""
        self._condition.failed(detail, status)
        self.tally.has_failed(is_first=is_first)

    def takes(self, audience: str) -> None:
        """Note that the partner takes records of this audience now."""
        self._condition.ends_refusal(audience)

    async def taken(
        self,
        audience: str,
        part: Sequence[QueuedRecord],
        answer: Accepted | Applied,
        *,
        is_first: bool,
    ) -> None:
        """Note that the partner took a request, and write its job or its outcome."""
        self.tally.was_accepted(audience, is_first=is_first)
        self._condition.accepted(len(part))
        if isinstance(answer, Applied):
            await self._settlement.applied(audience, part, answer.invalid)
            return
        self.tally.was_answered(with_job=answer.job_id is not None)
        await self._settlement.accepted(audience, part, answer.job_id)

    async def given_up(self, audience: str, poison: Sequence[PoisonRecord]) -> None:
        """Dead-letter poison records."""
        # Count before the write, or batches that are judged meanwhile would not know of it.
        self.tally.was_refused(audience, len(poison))
        await self._settlement.given_up(poison)

    def released(
        self, audience: str, records: Sequence[QueuedRecord], *, was_in_doubt: bool
    ) -> None:
        """Let newer changes of settled records go; after an attempt in doubt they wait a while."""
        self._late.release(audience, records, was_in_doubt=was_in_doubt)
