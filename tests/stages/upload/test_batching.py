from collections.abc import Iterable
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.stages.upload.batching import Batch, LaneQueue, Limits, QueuedRecord, weight

LINGER = 5.0
LIMITS = Limits(max_records=3, max_bytes=60, linger=LINGER, overhead_bytes=10)
LARGEST_RECORD = LIMITS.max_bytes - LIMITS.overhead_bytes
"""The caller keeps away what is larger."""


def change(
    member: str, *, at: float = 0.0, offset: int = 0, size: int = 5, audience: str = "1"
) -> QueuedRecord:
    return QueuedRecord(
        key=f"{audience}|{member}".encode(),
        value=b"v" * size,
        offset=offset,
        audience=audience,
        action="add",
        changed_at_ms=0,
        route=b"",
        admitted_at=at,
    )


def body_bytes(records: Iterable[QueuedRecord]) -> int:
    sizes = [len(record.value) for record in records]
    return LIMITS.overhead_bytes + sum(sizes) + len(sizes) - 1


def members(batch: Batch | None) -> list[str]:
    return [] if batch is None else [one.key.partition(b"|")[2].decode() for one in batch.records]


@dataclass(slots=True)
class Model:
    """What a lane's queue should hold, kept the slow and simple way."""

    queue: LaneQueue = field(default_factory=lambda: LaneQueue(LIMITS))
    now: float = 0.0
    offsets: int = 0
    waiting: dict[bytes, QueuedRecord] = field(default_factory=dict)
    audiences: dict[bytes, str] = field(default_factory=dict)
    in_flight: list[Batch] = field(default_factory=list)
    added: dict[bytes, list[int]] = field(default_factory=dict)
    superseded: list[int] = field(default_factory=list)
    taken: dict[bytes, list[int]] = field(default_factory=dict)

    @property
    def busy(self) -> list[bytes]:
        return [record.key for batch in self.in_flight for record in batch.records]

    def ready(self, audience: str) -> list[QueuedRecord]:
        busy = self.busy
        return [
            one
            for one in self.waiting.values()
            if self.audiences[one.key] == audience and one.key not in busy
        ]

    def due(self) -> dict[str, float]:
        """Audiences that must be sent now, with the age of their oldest record."""
        due = {}
        for audience in set(self.audiences.values()):
            ready = self.ready(audience)
            oldest = min((one.admitted_at for one in ready), default=self.now)
            is_full = len(ready) >= LIMITS.max_records or body_bytes(ready) >= LIMITS.max_bytes - 1
            if ready and (is_full or self.now >= oldest + LINGER):
                due[audience] = oldest
        return due

    def add(self, audience: str, member: str, size: int) -> None:
        one = change(member, at=self.now, offset=self.offsets, size=size, audience=audience)
        earlier = self.waiting.get(one.key)
        self.offsets += 1
        self.audiences[one.key] = audience
        self.added.setdefault(one.key, []).append(one.offset)

        overtaken = self.queue.add(one)

        assert overtaken == earlier
        if earlier is not None:
            one = one._replace(admitted_at=earlier.admitted_at)
            self.superseded.append(earlier.offset)
        self.waiting[one.key] = one

    def take(self) -> None:
        due = self.due()

        batch = self.queue.take(self.now)

        assert (batch is not None) == bool(due)
        if batch is not None:
            assert due[batch.audience] == min(due.values())
            self._sent(batch)

    def probe(self, most: int) -> None:
        ready = [one for one in self.waiting.values() if one.key not in self.busy]
        first = self.queue.first()

        if first is None:
            assert not ready
            return
        batch = self.queue.take_probe(first, most)
        assert batch is not None
        assert first in {one.audience for one in ready}
        assert 1 <= len(batch.records) <= most
        self._sent(batch)

    def _sent(self, batch: Batch) -> None:
        ready = self.ready(batch.audience)
        taken = list(batch.records)
        assert len(taken) <= LIMITS.max_records
        assert body_bytes(taken) <= LIMITS.max_bytes
        assert len({record.key for record in taken}) == len(taken)
        assert all(record in ready for record in taken)  # so none is in flight, and each the last
        ages = [record.admitted_at for record in taken]
        left = [record.admitted_at for record in ready if record not in taken]
        assert ages == sorted(ages)
        assert not left or ages[-1] <= min(left)
        for record in taken:
            del self.waiting[record.key]
            self.taken.setdefault(record.key, []).append(record.offset)
        self.in_flight.append(batch)

    def settle(self, number: int) -> None:
        batch = self.in_flight.pop(number)
        self.queue.settled(batch.records, batch.audience)

    def put_back(self, number: int) -> None:
        """The delivery was stopped: nothing of it has its end."""
        batch = self.in_flight.pop(number)

        overtaken = self.queue.put_back(batch.records)

        expected = [one for one in batch.records if one.key in self.waiting]
        assert overtaken == expected
        for one in batch.records:
            self.taken[one.key].remove(one.offset)
            self.waiting.setdefault(one.key, one)
        self.superseded += [one.offset for one in expected]

    def do(self, step: str, number: int, member: str, size: int) -> None:
        match step:
            case "add":
                self.add(str(number), member, size)
            case "take":
                self.take()
            case "probe":
                self.probe(1 + number)
            case "settle" if self.in_flight:
                self.settle(number % len(self.in_flight))
            case "put back" if self.in_flight:
                self.put_back(number % len(self.in_flight))
            case "wait":
                self.now += number
            case _:
                pass

    def check(self) -> None:
        busy = self.busy
        ages = [one.admitted_at for one in self.waiting.values() if one.key not in busy]
        assert len(busy) == len(set(busy))
        assert self.queue.count == len(self.waiting)
        assert self.queue.bytes == weight(self.waiting.values())
        assert self.queue.due_in(self.now) == (
            max(0.0, min(ages) + LINGER - self.now) if ages else None
        )

    def finish(self) -> None:
        """Send and settle all that is left."""
        while self.waiting or self.in_flight:
            self.now += LINGER
            self.take()
            while self.in_flight:
                self.settle(0)
            self.check()


ADDS = st.tuples(
    st.just("add"), st.integers(1, 2), st.sampled_from("abcde"), st.integers(1, LARGEST_RECORD)
)
OTHERS = st.tuples(
    st.sampled_from(["take", "take", "probe", "settle", "settle", "put back", "wait"]),
    st.integers(0, 5),
    st.just(""),
    st.just(0),
)


@settings(max_examples=200)
@given(steps=st.lists(ADDS | OTHERS, max_size=60))
def test_a_lane_sends_the_last_change_of_each_member_and_never_two_at_once(
    steps: list[tuple[str, int, str, int]],
) -> None:
    """
    The oldest first, within both limits, when due and not before; and nothing is left over.
    """
    model = Model()
    for step in steps:
        model.do(*step)
        model.check()

    model.finish()

    for key, offsets in model.added.items():
        sent = model.taken[key]
        assert sent == sorted(sent)
        assert sent[-1] == offsets[-1]
    ends = [*model.superseded, *(offset for sent in model.taken.values() for offset in sent)]
    assert sorted(ends) == list(range(model.offsets))
    assert model.queue.bytes == 0
    assert not model.queue._queues
    assert not model.queue._in_flight


def test_linger_counts_from_the_first_record_and_not_from_the_last_flush() -> None:
    queue = LaneQueue(LIMITS)
    queue.add(change("a", at=100.0))
    queue.add(change("b", at=104.0))

    assert queue.due_in(101.0) == 4.0
    assert queue.take(104.9) is None
    batch = queue.take(105.0)
    assert batch is not None
    assert batch.reason == "linger"
    assert members(batch) == ["a", "b"]


def test_a_batch_is_sent_at_once_when_it_is_full() -> None:
    by_count, by_bytes = LaneQueue(LIMITS), LaneQueue(LIMITS)
    for member in "abcd":
        by_count.add(change(member))
    by_bytes.add(change("a", size=30))
    by_bytes.add(change("b", size=30))

    full, heavy = by_count.take(0.0), by_bytes.take(0.0)

    assert full is not None
    assert (full.reason, members(full)) == ("records", ["a", "b", "c"])
    assert heavy is not None
    assert (heavy.reason, members(heavy)) == ("bytes", ["a"])


def test_a_record_as_large_as_a_request_goes_alone() -> None:
    queue = LaneQueue(LIMITS)
    queue.add(change("a", size=LARGEST_RECORD))
    queue.add(change("b", size=1))

    batch = queue.take(0.0)

    assert batch is not None
    assert body_bytes(batch.records) == LIMITS.max_bytes


def test_a_member_that_changes_all_the_time_keeps_its_place() -> None:
    queue = LaneQueue(LIMITS)
    for second, member in enumerate("abababab"):
        queue.add(change(member, at=second / 10, offset=second))

    batch = queue.take(LINGER)

    assert members(batch) == ["a", "b"]
    assert batch is not None
    assert [record.offset for record in batch.records] == [6, 7]


def test_a_change_of_a_member_in_flight_waits_and_then_goes_before_what_came_later() -> None:
    queue = LaneQueue(LIMITS)
    queue.add(change("a", at=0.0))
    first = queue.take(5.0)
    assert first is not None
    queue.add(change("a", at=6.0, offset=1))
    for number, member in enumerate("bcd", start=2):
        queue.add(change(member, at=7.0, offset=number))

    assert members(queue.take(7.0)) == ["b", "c", "d"]
    queue.add(change("e", at=8.0, offset=5))
    queue.settled(first.records, "1")

    assert members(queue.take(11.0)) == ["a", "e"]


def test_the_same_member_of_another_audience_is_not_deferred() -> None:
    queue = LaneQueue(LIMITS)
    queue.add(change("a", audience="1"))
    assert members(queue.take(5.0)) == ["a"]

    queue.add(change("a", audience="2"))

    assert members(queue.take(5.0)) == ["a"]


def test_a_change_that_was_held_does_not_make_older_ones_wait_longer() -> None:
    """
    It comes back younger than what has been waiting: linger still counts from the oldest.
    """
    queue = LaneQueue(LIMITS)
    queue.add(change("a", at=0.0))
    first = queue.take(5.0)
    assert first is not None
    queue.add(change("b", at=6.0, offset=1))
    queue.add(change("a", at=10.0, offset=2))

    queue.settled(first.records, "1")

    assert queue.due_in(10.0) == 1.0
    assert members(queue.take(11.0)) == ["b", "a"]


def test_members_that_change_faster_than_batches_go_starve_nobody() -> None:
    queue = LaneQueue(LIMITS)
    busy = "abc"
    for member in busy:
        queue.add(change(member))
    batch = queue.take(0.0)
    queue.add(change("quiet", at=0.5, offset=3))

    for second in range(1, 4):
        for member in busy:
            queue.add(change(member, at=float(second), offset=3 * second + 1))
        assert batch is not None
        assert "quiet" not in members(batch)
        queue.settled(batch.records, "1")
        batch = queue.take(float(second))
        if "quiet" in members(batch):
            return

    raise AssertionError("three batches of the busy went before the one that waits")


def test_an_audience_that_is_dropped_leaves_nothing_waiting_and_comes_back_in_order() -> None:
    """
    What is in flight stays in flight: the member's next change waits for it as ever.
    """
    queue = LaneQueue(LIMITS)
    queue.add(change("a"))
    queue.add(change("x", audience="2", at=1.0))
    in_flight = queue.take(5.0)
    assert in_flight is not None
    queue.add(change("a", offset=1))
    queue.add(change("b", offset=2))

    dropped = queue.drop("1")
    again = queue.drop("1")
    queue.add(change("a", offset=1, at=7.0))

    assert (sorted(one.offset for one in dropped), list(again)) == ([1, 2], [])
    assert (queue.count, *map(queue.waiting, "123")) == (2, 1, 1, 0)
    assert members(queue.take(20.0)) == ["x"]
    assert queue.take(20.0) is None
    queue.settled(in_flight.records, "1")
    assert members(queue.take(20.0)) == ["a"]


def test_a_smaller_limit_holds_for_what_waits_already() -> None:
    queue = LaneQueue(LIMITS)
    queue.add(change("a", size=20))
    queue.add(change("b", size=20))

    queue.shrink(70)

    assert members(queue.take(0.0)) == ["a"]
    assert queue.count == 1


def test_nobody_is_shown_in_a_batch() -> None:
    queue = LaneQueue(LIMITS)
    queue.add(change("ana", audience="7"))

    assert repr(queue.take(9.0)) == "<Batch of 1 for audience 7>"
