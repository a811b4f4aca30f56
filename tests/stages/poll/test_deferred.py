"""Jobs that wait in their topic: none is forgotten, none is taken up twice."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from pipeline.stages.poll.deferred import DeferredJobs

KINDS = st.sampled_from(["a", "b", "c"])


@dataclass(slots=True)
class Jobs:
    """A partition, and whoever reads it."""

    messages: Sequence[str]
    deferred: DeferredJobs
    followed: Counter[str] = field(default_factory=Counter)
    taken: Counter[int] = field(default_factory=Counter)
    next: int = 0

    def read_from(self, start: int) -> None:
        for offset in range(start, len(self.messages)):
            if offset >= self.next or self.deferred.is_due(offset):
                self._take(offset)
        self.next = len(self.messages)

    def _take(self, offset: int) -> None:
        kind = self.messages[offset]
        if self.deferred.exceeds(self.followed[kind]):
            self.deferred.defer(kind, offset)
            return
        self.followed[kind] += 1
        self.taken[offset] += 1

    def read_again(self) -> bool:
        start = self.deferred.read_again(self.followed)
        if start is not None:
            self.read_from(start)
        return start is not None

    def end_one(self, kind: str) -> None:
        self.followed[kind] = max(0, self.followed[kind] - 1)


@given(
    messages=st.lists(KINDS, max_size=200),
    share=st.integers(1, 20),
    ending=st.lists(KINDS, max_size=400),
)
def test_every_deferred_message_is_taken_up_once(
    messages: list[str], share: int, ending: list[str]
) -> None:
    """
    Whatever ends in whatever order: no kind has more than its share, and in the end all were.
    """
    jobs = Jobs(messages, DeferredJobs(share))
    jobs.read_from(0)
    assert max(jobs.followed.values(), default=0) <= share
    for kind in ending:
        jobs.end_one(kind)
        jobs.read_again()
        assert max(jobs.followed.values(), default=0) <= share
    while len(jobs.deferred):
        jobs.followed.clear()
        assert jobs.read_again()

    assert jobs.taken == Counter(range(len(messages)))
