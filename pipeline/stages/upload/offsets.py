"""What of a lane has its end, and what the next commit says of it."""

from collections.abc import Callable, Container, Iterable, Mapping, Sequence

from pipeline.domain.lane_record import audience_of
from pipeline.domain.pause_request import RequestedPauses
from pipeline.stages.offset_tracker import OffsetTracker
from pipeline.stages.ports import Lease, Record
from pipeline.stages.upload.batching import QueuedRecord
from pipeline.stages.upload.paused_audiences import PausedAudiences

OFFSET_BYTES = 120
"""What remembering one offset weighs that an open one before it keeps from being committed."""


class LaneOffsets:
    """Offsets of one lane for one ownership. Reading a stretch again changes nothing settled."""

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
        """Take over from this offset on, and what the former owner kept back."""
        self._tracker = OffsetTracker(offset)
        self._position = offset
        self._paused.begin(paused, requested)
        self._is_known = True

    @property
    def committable(self) -> int:
        """The first offset without an end."""
        return self._tracker.committable

    @property
    def position(self) -> int:
        """Up to where the topic has been read since what waited was let go of."""
        return self._position

    @property
    def has_read_all(self) -> bool:
        """Whether the topic has been read again up to where it had been read at all."""
        return self._position >= self._tracker.next

    @property
    def kept_from(self) -> int:
        """The first offset that is still needed: without an end, or of a paused audience."""
        return min([self.committable, *self._paused.since().values()])

    @property
    def bytes(self) -> int:
        """What the offsets that are remembered weigh."""
        return (self._tracker.span + self._paused.span) * OFFSET_BYTES

    def take_in(self, records: Sequence[Record]) -> Sequence[Record]:
        """The lane's reader has read these; returns those that have no end yet."""
        if records:
            self._position = records[-1].offset + 1
        return [record for record in records if self._tracker.admit(record.offset)]

    def pass_by(self, record: QueuedRecord | Record) -> None:
        """A record of a paused audience counts as settled: its replay carries it."""
        self._tracker.settle(record.offset)

    def settle(self, records: Iterable[QueuedRecord | Record]) -> None:
        """These have their end, for the lane's reader and for a replay, whichever read them."""
        for record in records:
            self._tracker.settle(record.offset)
            if self._paused:
                self._paused.settle(audience_of(record.key), record.offset)
        self.report()

    def meet(self, refused: Container[str] = ()) -> None:
        """Give audiences back to the lane's reader whose replay is level with it.

        Of a refused one only when nothing that was kept is without an end.
        """
        if self.has_read_all:
            before = len(self._paused)
            self._paused.meet(self._position, refused)
            if len(self._paused) < before:
                self.report()

    def turn_back(self) -> None:
        """Nothing waits any more: whatever has no end will be read again."""
        self._position = self._tracker.committable
        self._paused.turn_back()
        self.report()

    def report(self) -> None:
        """Tell the lease what is done, what is kept back, and whether all sent was answered.

        A lane that is lost before it was taken over says nothing: what stands there is right.
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
