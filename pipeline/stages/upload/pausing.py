"""Keeps paused audiences of one lane back, and sends what was kept once they are resumed."""

from collections.abc import Mapping, Sequence

import structlog

from pipeline.domain.lane_record import audience_of
from pipeline.domain.pause_request import RequestedPauses
from pipeline.domain.reasons import Rejected
from pipeline.stages.ports import Record, StartingPoint, Stretch
from pipeline.stages.upload.lane import LaneBooks
from pipeline.stages.upload.plan import Desk, LanePlan

log = structlog.get_logger(__name__)


class PauseControl:
    """What operators want of a lane, carried out on its books. Decides; reads nothing."""

    def __init__(self, books: LaneBooks, plan: LanePlan, desk: Desk) -> None:
        self._books = books
        self._plan = plan
        self._desk = desk
        self._shown = 0

    def begin(self, start: StartingPoint) -> None:
        """Take the lane over, and what its former owner kept back."""
        self._books.begin(start, self._requested())
        for audience, since in self._books.paused.since().items():
            log.info("audience was kept back", **self._named(audience), since=since)
        self.apply_requests()
        self._show()

    def apply_requests(self) -> None:
        """Do what operators want by now; cheap where nothing has changed."""
        books = self._books
        turned = books.paused.apply(self._requested(), books.tracker.committable)
        for audience in turned.paused:
            for waiting in books.queue.drop(audience):
                books.tracker.settle(waiting.offset)
            log.warning("audience paused", **self._named(audience))
        for audience in turned.resumed:
            log.info("audience resumed: sending what was kept", **self._named(audience))
        if turned.paused:
            books.report()
        if len(books.paused) != self._shown:
            self._show()

    def next_read(self) -> int | None:
        """From where to read what was kept; None while there is nothing, or no room for it.

        No more than a batch of it waits at a time, or the others of the lane would find the lane's
        memory full of it.
        """
        books = self._books
        books.meet()
        if books.queue.waiting(self._replayed()) >= self._plan.limits.max_records:
            return None
        return books.paused.behind(books.position)

    @property
    def is_replaying(self) -> bool:
        """Whether anything that was kept is still to be read."""
        return bool(self._replayed())

    def replayed(self, start: int, stretch: Stretch) -> Sequence[tuple[Record, Rejected]]:
        """Let what was kept wait for its batch; returns what cannot be sent at all.

        What the lane's own reader has not passed yet is left to a later look: it may still be
        that one's to carry.
        """
        books = self._books
        end = min(stretch.end, books.position)
        taken = [
            record
            for record in stretch.records
            if record.offset < end
            and books.paused.takes(audience_of(record.key), record.offset, start)
        ]
        unusable = books.let_wait(taken)
        books.paused.read(start, end)
        books.meet()
        return unusable

    def status(self) -> Mapping[str, object]:
        """What operators are shown: by audience, as text, because ids have 64 bits."""
        paused = self._books.paused.paused()
        return {
            str(audience): {"state": "paused" if paused[audience] else "resuming", "since": since}
            for audience, since in self._books.paused.since().items()
        }

    def _replayed(self) -> Sequence[str]:
        return [one for one, is_paused in self._books.paused.paused().items() if not is_paused]

    def _requested(self) -> RequestedPauses:
        return self._desk.controls.requested(self._plan.name)

    def _named(self, audience: str) -> Mapping[str, object]:
        return {"lane": self._plan.name, "audience": audience}

    def _show(self) -> None:
        self._shown = len(self._books.paused)
        self._desk.telemetry.audiences_paused(lane=self._plan.label, count=self._shown)
