"""The common shape of the stages, and the measure of their progress."""

from collections.abc import Callable, Sequence
from typing import Literal, Protocol

from pipeline.domain.message import StageName
from pipeline.stages.ports import Lease, Worker

Unit = Literal["partition", "topic"]
"""The thing that one worker owns: a partition, or a topic with all its partitions."""


class Stage(Protocol):
    """A consumer group that does one thing: ingest, upload, poll or snapshot.

    Each unit that the group gives us becomes a lease, and the stage makes a worker for it.
    """

    @property
    def name(self) -> StageName: ...

    @property
    def unit(self) -> Unit: ...

    @property
    def topics(self) -> Sequence[str]: ...

    def worker(self, lease: Lease) -> Worker: ...


class Progress:
    """Tells a worker that works from a worker that hangs.

    Set `busy` while there is work that must move; call `advance` whenever some work moved.
    A wait with a known end (a partner's Retry-After, tokens, a blocked lane) is no hang.
    """

    def __init__(self, name: str, clock: Callable[[], float]) -> None:
        self.name = name
        self._clock = clock
        self._moved_at = clock()
        self._busy = False

    def advance(self) -> None:
        self._moved_at = self._clock()

    def busy(self, busy: bool) -> None:
        if busy and not self._busy:
            self.advance()
        self._busy = busy

    def stuck_for(self) -> float:
        """Return the seconds without progress while there was work; 0 without work."""
        return self._clock() - self._moved_at if self._busy else 0.0
