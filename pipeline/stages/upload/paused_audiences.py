"""Which audiences of a lane are kept back, since which offset, and how far their replay is.

An operator pauses an audience: what of it waits, and what comes, leaves the lane's queue and counts
as settled, so that the others go on. Nothing is copied: the topic keeps it all from `since` on.
After the operator's `resume` a replay reads the topic from there a second time. Until it is level
with the lane's own reader, that one goes on keeping the audience back, so a member's changes come
from one reader only, in their order.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from pipeline.domain.pause_request import RequestedPauses
from pipeline.stages.offset_tracker import OffsetTracker


@dataclass(slots=True)
class Hold:
    """One audience. From `since` on, what the lane's reader has passed may be unsent."""

    replayed: OffsetTracker
    """Admits the audience's records alone."""
    position: int
    """From where the replay reads on."""
    is_paused: bool
    is_level: bool = False
    """The replay has reached the lane's reader, which carries the audience again."""

    @property
    def since(self) -> int:
        return self.replayed.committable

    def turn_back(self) -> None:
        """Nothing of the audience waits any more: what is not settled is to be read again."""
        self.position = self.since
        self.is_level = False


class Turned(NamedTuple):
    """What changed with an operator's wish."""

    paused: Sequence[int]
    """What waits of these has to leave the queue."""
    resumed: Sequence[int]


class Holds:
    """The audiences of one lane that are kept back or replayed, for one ownership of the lane."""

    def __init__(self) -> None:
        self._holds: dict[int, Hold] = {}

    def __len__(self) -> int:
        return len(self._holds)

    def begin(self, since: Mapping[int, int], wanted: RequestedPauses) -> None:
        """Take over what the former owner kept back; a replay of its goes on where it was."""
        for audience, offset in since.items():
            is_paused = wanted.get(audience, False)
            self._holds[audience] = Hold(OffsetTracker(offset), offset, is_paused)

    def obey(self, wanted: RequestedPauses, committable: int) -> Turned:
        """Begin to keep back from `committable` on, or to replay; what nobody names is resumed."""
        paused: list[int] = []
        resumed: list[int] = []
        for audience, hold in self._holds.items():
            if wanted.get(audience, False) is hold.is_paused:
                continue
            hold.is_paused = not hold.is_paused
            (paused if hold.is_paused else resumed).append(audience)
            if hold.is_paused:
                # What is forgotten here is sent once more, in order; kept, it would fill the lane.
                hold.replayed = OffsetTracker(hold.since)
            hold.turn_back()
        for audience, is_paused in wanted.items():
            if is_paused and audience not in self._holds:
                self._holds[audience] = Hold(
                    OffsetTracker(committable), committable, is_paused=True
                )
                paused.append(audience)
        return Turned(paused, resumed)

    def keeps(self, audience: int | None) -> bool:
        """Whether the lane's own reader has to leave the audience's records out."""
        hold = self._of(audience)
        return hold is not None and not hold.is_level

    def since(self) -> Mapping[int, int]:
        """From which offset on each audience must be read again by whoever comes next."""
        return {audience: hold.since for audience, hold in self._holds.items()}

    def paused(self) -> Mapping[int, bool]:
        """Every audience; False for those that are being replayed."""
        return {audience: hold.is_paused for audience, hold in self._holds.items()}

    @property
    def span(self) -> int:
        """How many offsets are remembered."""
        return sum(hold.replayed.span for hold in self._holds.values())

    # The replay

    def behind(self, position: int) -> int | None:
        """Where the replay reads on to come level with a reader at `position`; None if it is."""
        behind = [hold.position for hold in self._replaying() if hold.position < position]
        return min(behind, default=None)

    def takes(self, audience: int | None, offset: int, start: int) -> bool:
        """Whether a record of a stretch that was read from `start` on is to be sent now."""
        hold = self._of(audience)
        if hold is None or hold.is_paused or hold.is_level:
            return False
        return start <= hold.position <= offset and hold.replayed.admit(offset)

    def read(self, start: int, end: int) -> None:
        """The replay has handed over everything between these offsets."""
        for hold in self._replaying():
            if start <= hold.position:
                hold.position = max(hold.position, end)

    def meet(self, position: int) -> None:
        """The lane's reader stands at `position`, and from there on meets only what is new to it.

        While it reads a stretch again this must not be called: what it met there before it would
        leave out, and the replay would not have read it yet.
        """
        for hold in self._replaying():
            hold.is_level = hold.position >= position

    def settle(self, audience: int | None, offset: int) -> None:
        """A record has its end.

        What ends while the audience is paused is sent again after all: it had left before it was
        paused, most likely in vain.
        """
        hold = self._of(audience)
        if hold is not None and not hold.is_paused:
            hold.replayed.settle(offset)

    def turn_back(self) -> None:
        """The lane lets go of everything that waits."""
        for hold in self._holds.values():
            hold.turn_back()

    def end(self) -> None:
        """Forget audiences of which everything that was kept back has its end."""
        over = [a for a, hold in self._holds.items() if hold.is_level and hold.replayed.is_clear]
        for audience in over:
            del self._holds[audience]

    def _of(self, audience: int | None) -> Hold | None:
        return None if audience is None else self._holds.get(audience)

    def _replaying(self) -> Sequence[Hold]:
        return [hold for hold in self._holds.values() if not (hold.is_paused or hold.is_level)]
