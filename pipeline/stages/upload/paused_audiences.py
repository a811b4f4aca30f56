"""Which audiences of a lane are kept back, since which offset, and how far their replay is.

An operator pauses an audience: what of it waits, and what comes, leaves the lane's queue and counts
as settled, so that the others go on. Nothing is copied: the topic keeps it all from `since` on.
After the operator's `resume` a replay reads the topic from there a second time. Until it is level
with the lane's own reader, that one goes on keeping the audience back, so a member's changes come
from one reader only, in their order.
"""

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from pipeline.domain.pause_request import RequestedPauses
from pipeline.stages.offset_tracker import OffsetTracker


@dataclass(slots=True)
class PausedAudience:
    """One audience. From `since` on, what the lane's reader has passed may not be sent."""

    replayed: OffsetTracker
    """Admits the audience's records alone."""
    position: int
    """From where the replay reads on."""
    is_paused: bool
    is_asked: bool = True
    """An operator asked about it once, so a successor knows of it whatever becomes of a commit."""
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

    paused: Sequence[str]
    """What waits of these has to leave the queue."""
    resumed: Sequence[str]


class PausedAudiences:
    """The audiences of one lane that are kept back or replayed, for one ownership of the lane."""

    def __init__(self) -> None:
        self._paused: dict[str, PausedAudience] = {}

    def __len__(self) -> int:
        return len(self._paused)

    def begin(self, since: Mapping[str, int], requested: RequestedPauses) -> None:
        """Take over what the former owner kept back; a replay of its goes on where it was."""
        for audience, offset in since.items():
            self._paused[audience] = PausedAudience(
                OffsetTracker(offset),
                offset,
                is_paused=requested.get(audience, False),
                is_asked=audience in requested,
            )

    def apply(self, requested: RequestedPauses, committable: int) -> Turned:
        """Begin to keep back from `committable` on, or to replay; what nobody names is resumed."""
        paused: list[str] = []
        resumed: list[str] = []
        for audience, one in self._paused.items():
            one.is_asked = one.is_asked or audience in requested
            if requested.get(audience, False) is one.is_paused:
                continue
            one.is_paused = not one.is_paused
            (paused if one.is_paused else resumed).append(audience)
            if one.is_paused:
                # What is forgotten here is sent once more, in order; kept, it would fill the lane.
                one.replayed = OffsetTracker(one.since)
            one.turn_back()
        for audience, is_paused in requested.items():
            if is_paused and audience not in self._paused:
                self._paused[audience] = PausedAudience(
                    OffsetTracker(committable), committable, is_paused=True
                )
                paused.append(audience)
        return Turned(paused, resumed)

    def set_aside(self, audience: str, committable: int, *, is_asked: bool) -> None:
        """Keep an audience back that nobody paused, and replay it from `committable` on."""
        one = self._paused.get(audience)
        if one is None:
            self._paused[audience] = PausedAudience(
                OffsetTracker(committable), committable, is_paused=False, is_asked=is_asked
            )
            return
        one.replayed = OffsetTracker(one.since)
        one.turn_back()

    def __contains__(self, audience: str) -> bool:
        return audience in self._paused

    def keeps(self, audience: str | None) -> bool:
        """Whether the lane's own reader has to leave the audience's records out."""
        one = self._of(audience)
        return one is not None and not one.is_level

    def since(self) -> Mapping[str, int]:
        """From which offset on each audience must be read again by whoever comes next."""
        return {audience: one.since for audience, one in self._paused.items()}

    def since_unasked(self) -> Sequence[int]:
        """The same offsets, of those audiences about which no operator ever asked anything."""
        return [one.since for one in self._paused.values() if not one.is_asked]

    def is_paused(self, audience: str) -> bool:
        """Whether an operator has paused the audience."""
        one = self._of(audience)
        return one is not None and one.is_paused

    def paused(self) -> Mapping[str, bool]:
        """Every audience; False for those that are being replayed."""
        return {audience: one.is_paused for audience, one in self._paused.items()}

    @property
    def span(self) -> int:
        """How many offsets are remembered."""
        return sum(one.replayed.span for one in self._paused.values())

    # The replay

    def replaying(self) -> Sequence[str]:
        """Audiences whose replay is not level with the lane's reader."""
        return [
            audience
            for audience, one in self._paused.items()
            if not (one.is_paused or one.is_level)
        ]

    def behind(self, position: int, audiences: Iterable[str]) -> int | None:
        """Where the replay of these reads on to come level with a reader at `position`.

        None if it is level.
        """
        places = [self._paused[one].position for one in audiences]
        return min((place for place in places if place < position), default=None)

    def takes(self, audience: str | None, offset: int, start: int) -> bool:
        """Whether a record of a stretch that was read from `start` on is to be sent now."""
        one = self._of(audience)
        if one is None or one.is_paused or one.is_level:
            return False
        return start <= one.position <= offset and one.replayed.admit(offset)

    def read(self, start: int, ends: Mapping[str, int]) -> None:
        """The replay has handed over everything of these from `start` to where each one ends."""
        for audience, end in ends.items():
            one = self._paused[audience]
            if start <= one.position:
                one.position = max(one.position, end)

    def meet(self, position: int, refused: Container[str] = ()) -> None:
        """The lane's reader stands at `position`, and from there on meets only what is new to it.

        `refused`: stay with their replay while anything of theirs is without an end.

        While it reads a stretch again this must not be called: what it met there before it would
        leave out, and the replay would not have read it yet.
        """
        for audience in self.replaying():
            one = self._paused[audience]
            stays = audience in refused and not one.replayed.is_clear
            one.is_level = one.position >= position and not stays
        self._end(list(self._paused))

    def settle(self, audience: str | None, offset: int) -> None:
        """A record has its end.

        What ends while the audience is paused is sent again after all: it had left before it was
        paused, most likely in vain.
        """
        one = self._of(audience)
        if audience is not None and one is not None and not one.is_paused:
            one.replayed.settle(offset)
            self._end([audience])

    def turn_back(self) -> None:
        """The lane lets go of everything that waits."""
        for one in self._paused.values():
            one.turn_back()

    def _end(self, audiences: Iterable[str]) -> None:
        """Forget those of which everything that was kept back has its end."""
        for audience in audiences:
            one = self._paused[audience]
            if one.is_level and one.replayed.is_clear:
                del self._paused[audience]

    def _of(self, audience: str | None) -> PausedAudience | None:
        return None if audience is None else self._paused.get(audience)
