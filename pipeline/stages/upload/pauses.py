"""Keeps paused audiences of one lane back, and sends what was kept once they are resumed."""

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
    """What operators asked for, carried out on what waits in a lane; reads nothing itself."""

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
        """Take over where the former owner was, and what it kept back.

        Where that is not known, it may be all that anybody ever paused: repeating does no harm.
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
        """Do what operators asked for until now; cheap where nothing has changed."""
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
        """Keep back what waits and what comes of an audience that is refused.

        A replay brings a few of its records at a time, to ask with.
        """
        is_asked = audience in self._requested()
        self._paused.set_aside(audience, self._offsets.committable, is_asked=is_asked)
        self._drop(audience)
        self._offsets.report()
        self._resumed.set()
        self._show()
        log.info("refused audience is read a second time", lane=self._lane, audience=audience)

    def next_read(self) -> int | None:
        """From where to read what was kept; None while there is nothing, or no room for it."""
        self._meet()
        return self._paused.behind(self._offsets.position, self._with_room())

    def keeps(self, audience: str) -> bool:
        """Whether an audience is paused or set aside, or its replay is not level yet."""
        return self._paused.keeps(audience)

    def has(self, audience: str) -> bool:
        """Whether anything of this audience that was kept back has no end yet."""
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
        """Whether anything that was kept is still to be read."""
        return bool(self._paused.replaying())

    async def until_replaying(self) -> None:
        """Return once an audience has been resumed; a lane without any is not woken."""
        while not self.is_replaying:
            self._resumed.clear()
            await self._resumed.wait()

    def replayed(self, start: int, stretch: Stretch) -> Sequence[tuple[Record, Rejected]]:
        """Let what was kept wait for its batch; returns what cannot be sent at all.

        What the lane's own reader has not passed yet is left to a later look: it may still be
        that one's to carry.
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
            if left.get(audience) == 0:
                ends[audience] = record.offset
            elif self._paused.takes(audience, record.offset, start):
                taken.append(record)
                if audience in left:
                    left[audience] -= 1
        return taken

    def status(self) -> Mapping[str, object]:
        """What operators are shown, by audience."""
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
        """Audiences whose replay may read on.

        No more than a batch of one waits at a time, and of a refused one no more than it takes to
        ask; otherwise the others of the lane would find the lane's memory full of it.
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
