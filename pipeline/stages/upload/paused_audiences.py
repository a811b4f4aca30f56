"""Which audiences of a lane are kept back, since which offset, and how far their replay is.

When an operator pauses an audience, its records leave the lane's queue or do not enter it. They
count as settled, so that the others go on. Nothing is copied: the topic keeps all from `since` on.
After the operator's `resume` a replay reads the topic from there a second time. Until the replay is
level with the lane's own reader, that reader still keeps the audience back. So the changes of a
member come from one reader only, in their order.
"""

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from pipeline.domain.pause_request import RequestedPauses
from pipeline.stages.offset_tracker import OffsetTracker


@dataclass(slots=True)
class PausedAudience:
    """One audience; its records from `since` on may still have to be sent."""

    replayed: OffsetTracker
    """Admits only the audience's records."""
    position: int
    """The offset at which the replay reads on."""
    is_paused: bool
    is_asked: bool = True
    """Whether there was a request for it; then a successor knows of it without a commit."""
    is_level: bool = False
    """Whether the replay has reached the lane's reader, which then carries the audience again."""

    @property
    def since(self) -> int:
        return self.replayed.committable

    def turn_back(self) -> None:
        """Read again from the first open offset, because the audience left the queue."""
        self.position = self.since
        self.is_level = False


class Turned(NamedTuple):
    """The audiences whose state changed with the requests of operators."""

    paused: Sequence[str]
    """Their waiting records must leave the queue."""
    resumed: Sequence[str]


class PausedAudiences:
    """The audiences of one lane that are kept back or replayed, for one ownership of the lane."""

    def __init__(self) -> None:
        self._paused: dict[str, PausedAudience] = {}

    def __len__(self) -> int:
        return len(self._paused)

    def begin(self, since: Mapping[str, int], requested: RequestedPauses) -> None:
        """Take over the audiences that the former owner kept back; unfinished replays go on."""
        for audience, offset in since.items():
            self._paused[audience] = PausedAudience(
                OffsetTracker(offset),
                offset,
                is_paused=requested.get(audience, False),
                is_asked=audience in requested,
            )

    def apply(self, requested: RequestedPauses, committable: int) -> Turned:
        """Pause from `committable` on, or resume; an audience without a request is resumed."""
        paused: list[str] = []
        resumed: list[str] = []
        for audience, one in self._paused.items():
            one.is_asked = one.is_asked or audience in requested
            if requested.get(audience, False) is one.is_paused:
                continue
            one.is_paused = not one.is_paused
            (paused if one.is_paused else resumed).append(audience)
            if one.is_paused:
                # Offsets that stay would fill the lane; forgotten, they are sent again, in order.
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
        """Keep back an audience that no operator paused; replay it from `committable` on."""
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
        """Whether the lane's own reader must leave out the audience's records."""
        one = self._of(audience)
        return one is not None and not one.is_level

    def since(self) -> Mapping[str, int]:
        """Return the offset from which the next owner must read each audience again."""
        return {audience: one.since for audience, one in self._paused.items()}

    def since_unasked(self) -> Sequence[int]:
        """Return the same offsets, only of audiences that never had a request."""
        return [one.since for one in self._paused.values() if not one.is_asked]

    def is_paused(self, audience: str) -> bool:
        """Whether an operator has paused the audience."""
        one = self._of(audience)
        return one is not None and one.is_paused

    def paused(self) -> Mapping[str, bool]:
        """Return whether each audience is paused; False for an audience that is replayed."""
        return {audience: one.is_paused for audience, one in self._paused.items()}

    @property
    def span(self) -> int:
        """How many offsets the replays remember."""
        return sum(one.replayed.span for one in self._paused.values())

    # The replay

    def replaying(self) -> Sequence[str]:
        """Return the audiences whose replay is not level with the lane's reader."""
        return [
            audience
            for audience, one in self._paused.items()
            if not (one.is_paused or one.is_level)
        ]

    def behind(self, position: int, audiences: Iterable[str]) -> int | None:
        """Return where the replay of these audiences reads on to reach a reader at `position`.

        None if the replay is level.
        """
        places = [self._paused[one].position for one in audiences]
        return min((place for place in places if place < position), default=None)

    def takes(self, audience: str | None, offset: int, start: int) -> bool:
        """Whether to send a record now, from a stretch that the replay read from `start` on."""
        one = self._of(audience)
        if one is None or one.is_paused or one.is_level:
            return False
        return start <= one.position <= offset and one.replayed.admit(offset)

    def read(self, start: int, ends: Mapping[str, int]) -> None:
        """Note that the replay handed over the records from `start` to the end of each audience."""
        for audience, end in ends.items():
            one = self._paused[audience]
            if start <= one.position:
                one.position = max(one.position, end)

    def meet(self, position: int, refused: Container[str] = ()) -> None:
        """Give the lane's reader at `position` each audience whose replay has come so far.

        `refused`: audiences that stay with their replay until all their records are settled.

        Call this only if the reader has not read the records after `position` before. Otherwise
        the reader would leave out those that it passed, and the replay would never read them.
        """
        for audience in self.replaying():
            one = self._paused[audience]
            stays = audience in refused and not one.replayed.is_clear
            one.is_level = one.position >= position and not stays
        self._end(list(self._paused))

    def settle(self, audience: str | None, offset: int) -> None:
        """Settle a record, but not while its audience is paused.

        Such a record was sent before the pause, most likely in vain, so it is sent again.
        """
        one = self._of(audience)
        if audience is not None and one is not None and not one.is_paused:
            one.replayed.settle(offset)
            self._end([audience])

    def turn_back(self) -> None:
        """Read all audiences again from their first open offsets: the queue is empty."""
        for one in self._paused.values():
            one.turn_back()

    def _end(self, audiences: Iterable[str]) -> None:
        """Forget the audiences whose kept-back records are all settled."""
        for audience in audiences:
            one = self._paused[audience]
            if one.is_level and one.replayed.is_clear:
                del self._paused[audience]

    def _of(self, audience: str | None) -> PausedAudience | None:
        return None if audience is None else self._paused.get(audience)
