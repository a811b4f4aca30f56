"""Tracks which offsets of a lane are settled, and tells the lease what to commit."""

from collections.abc import Callable, Container, Iterable, Mapping, Sequence

from pipeline.domain.lane_record import audience_of
from pipeline.domain.pause_request import RequestedPauses
from pipeline.stages.offset_tracker import OffsetTracker
from pipeline.stages.ports import Lease, Record
from pipeline.stages.upload.batching import QueuedRecord
from pipeline.stages.upload.paused_audiences import PausedAudiences

OFFSET_BYTES = 120
"""Memory of one offset that cannot be committed yet, because an earlier one is open."""


class LaneOffsets:
    """Offsets of one lane for one ownership. A settled offset that is read again stays settled."""

    def __init__(
        self, *, lease: Lease, paused: PausedAudiences, is_clean: Callable[[], bool]
    ) -> None:
        self._lease = lease
        self._paused = paused
        self._is_clean = is_clean
        self._tracker = OffsetTracker(0)
        self._position = 0
        self._is_known = False

    def begin(self, offset: int, paused: Mapping[str, int], requested: RequestedPauses) -> None:
        """Begin at this offset, with the audiences that the former owner kept back."""
        self._tracker = OffsetTracker(offset)
        self._position = offset
        self._paused.begin(paused, requested)
        self._is_known = True

    @property
    def committable(self) -> int:
        """The first offset that is not settled."""
        return self._tracker.committable

    @property
    def position(self) -> int:
        """The offset up to which the topic has been read since the last `turn_back`."""
        return self._position

    @property
    def has_read_all(self) -> bool:
        """Whether the topic has been read again up to where it had been read at all."""
        return self._position >= self._tracker.next

    @property
    def kept_from(self) -> int:
        """The first offset that is still needed: not settled, or of a paused audience."""
        return min([self.committable, *self._paused.since().values()])

    @property
    def bytes(self) -> int:
        """Memory of the remembered offsets."""
        return (self._tracker.span + self._paused.span) * OFFSET_BYTES

    def take_in(self, records: Sequence[Record]) -> Sequence[Record]:
        """Note records from the lane's reader; return those that are not settled yet."""
        if records:
            self._position = records[-1].offset + 1
        return [record for record in records if self._tracker.admit(record.offset)]

    def pass_by(self, record: QueuedRecord | Record) -> None:
        """Count a record of a paused audience as settled, because a replay sends it."""
        self._tracker.settle(record.offset)

    def settle(self, records: Iterable[QueuedRecord | Record]) -> None:
        """Settle records for the lane's reader and for the replay: either may have read them."""
        for record in records:
            self._tracker.settle(record.offset)
            if self._paused:
                self._paused.settle(audience_of(record.key), record.offset)
        self.report()

    def meet(self, refused: Container[str] = ()) -> None:
        """Give the lane's reader back the audiences whose replay is level with it.

        A refused audience goes back only when all its kept records are settled.
        """
        if self.has_read_all:
            before = len(self._paused)
            self._paused.meet(self._position, refused)
            if len(self._paused) < before:
                self.report()

    def turn_back(self) -> None:
        """Go back to the first open offset, because the lane has emptied its queue."""
        self._position = self._tracker.committable
        self._paused.turn_back()
        self.report()

    def report(self) -> None:
        """Tell the lease what is settled, what is kept back, and if all requests were answered.

        Before the takeover there is nothing to tell: the commit of the former owner is right.
        """
        if not self._is_known:
            return
        done_to = self._tracker.committable
        lowest = min([done_to, *self._paused.since_unasked()])
        self._lease.settle(
            lowest,
            clean=self._is_clean(),
            paused=self._paused.since(),
            done_to=done_to if done_to > lowest else None,
        )
