"""Keeps back the paused audiences of one lane, and sends their records after a resume."""

import asyncio
from collections.abc import Mapping, Sequence

import structlog

from pipeline.domain.lane_record import audience_of
from pipeline.domain.pause_request import RequestedPauses
from pipeline.domain.reasons import Rejected
from pipeline.stages.ports import PauseRequests, Record, StartingPoint, Stretch
from pipeline.stages.upload.batching import LaneQueue
from pipeline.stages.upload.intake import Intake
from pipeline.stages.upload.offsets import LaneOffsets
from pipeline.stages.upload.paused_audiences import PausedAudiences
from pipeline.stages.upload.refused_audiences import RefusedAudiences
from pipeline.telemetry.facts import LaneLabel, LaneTelemetry

log = structlog.get_logger(__name__)


class LanePauses:
    """Carries out the requests of operators on the queue of one lane; reads nothing itself."""

    def __init__(
        self,
        *,
        lane: str,
        label: LaneLabel,
        paused: PausedAudiences,
        queue: LaneQueue,
        offsets: LaneOffsets,
        intake: Intake,
        refused: RefusedAudiences,
        requests: PauseRequests,
        telemetry: LaneTelemetry,
        most_replayed: int,
    ) -> None:
        self._lane = lane
        self._label = label
        self._paused = paused
        self._queue = queue
        self._offsets = offsets
        self._intake = intake
        self._refused = refused
        self._requests = requests
        self._telemetry = telemetry
        self._most_replayed = most_replayed
        self._shown = 0
        self._resumed = asyncio.Event()

    async def begin(self, start: StartingPoint) -> None:
        """Take over the offset of the former owner, and the audiences that it kept back.

        If not all are known, take each audience with a request: to repeat records does no harm.
        """
        await self._requests.known()
        requested = self._requested()
        unknown = (
            {} if start.others_paused is None else dict.fromkeys(requested, start.others_paused)
        )
        self._offsets.begin(start.offset, {**unknown, **start.paused}, requested)
        for audience, since in self._paused.since().items():
            log.info("audience was kept back", lane=self._lane, audience=audience, since=since)
        self.apply_requests()
        self._show()

    def apply_requests(self) -> None:
        """Carry out the requests that operators made until now; cheap if nothing has changed."""
        turned = self._paused.apply(self._requested(), self._offsets.committable)
        for audience in turned.paused:
            self._drop(audience)
            log.warning("audience paused", lane=self._lane, audience=audience)
        for audience in turned.resumed:
            self._resumed.set()
            log.info("audience resumed: sending what was kept", lane=self._lane, audience=audience)
        if turned.paused:
            self._offsets.report()
        if len(self._paused) != self._shown:
            self._show()

    def set_aside(self, audience: str) -> None:
        """Keep back the waiting and the coming records of a refused audience.

        A replay brings a few of them at a time, to ask whether the partner takes them.
        """
        is_asked = audience in self._requested()
        self._paused.set_aside(audience, self._offsets.committable, is_asked=is_asked)
        self._drop(audience)
        self._offsets.report()
        self._resumed.set()
        self._show()
        log.info("refused audience is read a second time", lane=self._lane, audience=audience)

    def next_read(self) -> int | None:
        """Return where the replay reads on; None if it has nothing to read, or no room."""
        self._meet()
        return self._paused.behind(self._offsets.position, self._with_room())

    def keeps(self, audience: str) -> bool:
        """Whether an audience is paused or set aside, or its replay is not level yet."""
        return self._paused.keeps(audience)

    def has(self, audience: str) -> bool:
        """Whether any kept-back record of this audience is not settled yet."""
        return audience in self._paused

    def is_paused(self, audience: str) -> bool:
        """Whether an operator has paused the audience."""
        return self._paused.is_paused(audience)

    @property
    def are_any(self) -> bool:
        """Whether any audience is kept back or replayed."""
        return bool(self._paused)

    @property
    def is_replaying(self) -> bool:
        """Whether the replay of any audience is not level yet."""
        return bool(self._paused.replaying())

    async def until_replaying(self) -> None:
        """Return once an audience is replayed; nothing wakes the lane before."""
        while not self.is_replaying:
            self._resumed.clear()
            await self._resumed.wait()

    def replayed(self, start: int, stretch: Stretch) -> Sequence[tuple[Record, Rejected]]:
        """Add replayed records to the queue; return the records that cannot be sent at all.

        Leave out the records that the lane's own reader has not passed yet: that reader may still
        carry them.
        """
        ends = dict.fromkeys(self._with_room(), min(stretch.end, self._offsets.position))
        taken = self._taken(start, stretch.records, ends)
        unusable = self._intake.let_wait(taken)
        self._paused.read(start, ends)
        self._meet()
        return unusable

    def _taken(self, start: int, records: Sequence[Record], ends: dict[str, int]) -> list[Record]:
        """Records of a stretch that are to wait now; `ends`: up to where each audience is taken.

        A stretch may hold many more of a refused audience than it takes to ask: it ends before.
        """
        few = self._refused.question_size
        left = {one: few - self._queue.waiting(one) for one in ends if one in self._refused}
        taken: list[Record] = []
        for record in records:
            audience = audience_of(record.key)
            if audience is None or record.offset >= ends.get(audience, 0):
                continue
            if left.get(audience, 1) <= 0:
                ends[audience] = record.offset
            elif self._paused.takes(audience, record.offset, start):
                taken.append(record)
                if audience in left:
                    left[audience] -= 1
        return taken

    def status(self) -> Mapping[str, object]:
        """Return the state of each audience, for operators."""
        paused = self._paused.paused()
        return {
            audience: {"state": self._state(audience, is_paused=paused[audience]), "since": since}
            for audience, since in self._paused.since().items()
        }

    def _state(self, audience: str, *, is_paused: bool) -> str:
        if is_paused:
            return "paused"
        return "refused" if audience in self._refused else "resuming"

    def _with_room(self) -> Sequence[str]:
        """Return the audiences whose replay may read on.

        At most a batch of each waits at a time, or the few records to ask about a refused audience.
        Otherwise one audience would fill the memory of the lane.
        """
        few = self._refused.question_size
        return [
            audience
            for audience in self._paused.replaying()
            if self._queue.waiting(audience)
            < (few if audience in self._refused else self._most_replayed)
        ]

    def _meet(self) -> None:
        """A refused audience stays with its replay: given back, it would soon be set aside again.

        Each time that is done, the replay reads again everything since its first open record.
        """
        self._offsets.meet(self._refused)

    def _drop(self, audience: str) -> None:
        for waiting in self._queue.drop(audience):
            self._offsets.pass_by(waiting)

    def _requested(self) -> RequestedPauses:
        return self._requests.requested(self._lane)

    def _show(self) -> None:
        self._shown = len(self._paused)
        self._telemetry.audiences_paused(lane=self._label, count=self._shown)
