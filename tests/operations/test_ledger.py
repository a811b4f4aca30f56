"""The ledger against a model that has seen everything happen: crashes, repeats, trims."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.domain.job import AT_ONCE, UNTRACKED, End, Job, Outcome, tally
from pipeline.domain.message import Origin
from pipeline.domain.offset_ranges import encode_ranges
from pipeline.operations.ledger.accounting import Ledger, Letter
from pipeline.operations.ledger.job_ends import Place
from pipeline.operations.ledger.lane_records import LaneView
from pipeline.operations.ledger.member_changes import MemberChanges
from pipeline.operations.ledger.paused import PausedSince
from pipeline.operations.ledger.statement import LaneStatement, LetterKind
from pipeline.stages.offset_tracker import OffsetTracker
from pipeline.stages.upload.batching import Batch, LaneQueue, Limits, QueuedRecord

LIMITS = Limits(max_records=3, max_bytes=1000, linger=0, overhead_bytes=0)
LANE, TOPIC, JOBS_TOPIC = "amazon.c", "ns.records.amazon.c", "ns.jobs"
REFUSED = LetterKind("upload", "refused")


@dataclass(slots=True)
class History:
    """A lane, its owners and its jobs, with the topics that they leave behind."""

    lane: list[tuple[int, bytes]] = field(default_factory=list)
    next_offset: int = 0
    first_offset: int = 0
    committed: int = 0
    tracker: OffsetTracker = field(default_factory=lambda: OffsetTracker(0))
    queue: LaneQueue = field(default_factory=lambda: LaneQueue(LIMITS))
    in_flight: list[Batch] = field(default_factory=list)
    superseded: set[int] = field(default_factory=set)
    jobs: list[Job] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    refused: list[int] = field(default_factory=list)
    polled: int = 0
    followed: dict[int, Job] = field(default_factory=dict)

    def write(self, member: int) -> None:
        self.lane.append((self.next_offset, b"7|%d" % member))
        self.next_offset += 1

    def leave_gap(self, length: int) -> None:
        """As a transaction's marker."""
        self.next_offset += length

    def read(self) -> None:
        for offset, key in self.lane:
            if offset >= self.tracker.next and self.tracker.admit(offset):
                earlier = self.queue.add(QueuedRecord(key, b"", offset, "7", "add", 0, b"", 0.0))
                if earlier is not None:
                    self.superseded.add(earlier.offset)
                    self.tracker.settle(earlier.offset)

    def send(self) -> None:
        batch = self.queue.take(1.0)
        if batch is not None:
            self.in_flight.append(batch)

    def deliver(self) -> None:
        self.read()
        self.send()
        if self.in_flight:
            self.accept(0, is_tracked=True)

    def accept(
        self, number: int, *, is_tracked: bool, end: Literal["unknown", "applied"] = "unknown"
    ) -> None:
        """`end`: of an acceptance that names no job."""
        batch = self.in_flight.pop(number)
        offsets = [record.offset for record in batch.records]
        job = job_of(f"job-{len(self.jobs) + len(self.outcomes)}", offsets)
        if is_tracked:
            self.followed[len(self.jobs)] = job
            self.jobs.append(job)
        else:
            told = UNTRACKED if end == "unknown" else AT_ONCE
            self.outcomes.append(replace(outcome_of(job, end), state=told))
        self._settle(batch)

    def refuse(self, number: int) -> None:
        batch = self.in_flight.pop(number)
        self.refused += [record.offset for record in batch.records]
        self._settle(batch)

    def crash(self) -> None:
        """The successor begins at the committed offset, with nothing in memory."""
        self.tracker = OffsetTracker(self.committed)
        self.queue = LaneQueue(LIMITS)
        self.in_flight.clear()
        self.followed = {
            place: job
            for place, job in enumerate(self.jobs)
            if place >= self.polled and job.job_id not in {one.job.job_id for one in self.outcomes}
        }

    def commit(self) -> None:
        self.committed = self.tracker.committable

    def trim(self) -> None:
        self.first_offset = self.committed
        self.lane = [record for record in self.lane if record[0] >= self.first_offset]

    def end_job(self, number: int, end: End) -> None:
        place = sorted(self.followed)[number]
        self.outcomes.append(outcome_of(self.followed.pop(place), end))

    def carry_over(self, number: int) -> None:
        place = sorted(self.followed)[number]
        job = self.followed.pop(place).without_offsets().carry_over(1)
        self.followed[len(self.jobs)] = job
        self.jobs.append(job)

    def commit_jobs(self) -> None:
        self.polled = min(self.followed, default=len(self.jobs))

    def statement(self, start: int = 0) -> LaneStatement:
        return stated(
            LaneView(max(start, self.first_offset), self.committed, self.next_offset),
            self.lane,
            jobs=self.jobs,
            outcomes=self.outcomes,
            refused=self.refused,
            polled=self.polled,
        )

    def _settle(self, batch: Batch) -> None:
        for record in batch.records:
            self.tracker.settle(record.offset)
        self.queue.settled(batch.records, "7")


def job_of(job_id: str, offsets: Collection[int]) -> Job:
    return Job(
        job_id=job_id,
        destination="amazon",
        connection="c",
        audience_id="7",
        records=len(offsets),
        removes=0,
        first_offset=min(offsets),
        last_offset=max(offsets),
        submitted_at_ms=0,
        oldest_changed_at_ms=0,
        offsets=encode_ranges(offsets),
    )


def outcome_of(job: Job, end: End, invalid: int = 0) -> Outcome:
    state = UNTRACKED if end == "unknown" else end.upper()
    ends = tally(job.records, end, invalid)
    return Outcome(job=job, state=state, end=end, tally=ends, finished_at_ms=0)


def stated(
    view: LaneView,
    lane: Iterable[tuple[int, bytes]],
    *,
    jobs: Sequence[Job] = (),
    outcomes: Sequence[Outcome] = (),
    refused: Sequence[int] = (),
    polled: int | None = None,
) -> LaneStatement:
    ledger = Ledger(
        {LANE: view}, lane_topics={TOPIC: LANE}, jobs_topic=JOBS_TOPIC, polled={0: polled}
    )
    for outcome in outcomes:
        ledger.outcome(outcome)
    for place, job in enumerate(jobs):
        ledger.job(job, Place(0, place))
    for offset in refused:
        ledger.letter(Letter(REFUSED, Origin(TOPIC, 0, offset)))
    for offset, key in lane:
        ledger.record(LANE, offset, key)
    [statement] = ledger.statement().lanes
    return statement


WEIGHTS = {
    "write": 12,
    "read": 4,
    "send": 4,
    "accept": 4,
    "deliver": 4,
    "refuse": 1,
    "at_once": 1,
    "untracked": 1,
    "crash": 2,
    "commit": 2,
    "gap": 2,
    "trim": 1,
    "end": 2,
    "carry": 2,
    "commit jobs": 1,
}
STEPS = st.builds(
    lambda random, count: [
        (step, random.randrange(6))
        for step in random.choices([*WEIGHTS], [*WEIGHTS.values()], k=count)
    ],
    st.randoms(use_true_random=False),
    st.integers(0, 150),
)
"""Drawn evenly: short lists of anything seldom get as far as a repeat."""


def play(steps: Iterable[tuple[str, int]], history: History) -> None:
    for step, number in steps:
        batch = number % max(1, len(history.in_flight))
        job = number % max(1, len(history.followed))
        if step in ON_BATCHES and history.in_flight:
            ON_BATCHES[step](history, batch)
        elif step in ON_JOBS and history.followed:
            ON_JOBS[step](history, job)
        elif step in OTHERS:
            OTHERS[step](history, number)


ON_BATCHES: Mapping[str, Callable[[History, int], None]] = {
    "accept": lambda history, batch: history.accept(batch, is_tracked=True),
    "untracked": lambda history, batch: history.accept(batch, is_tracked=False),
    "at_once": lambda history, batch: history.accept(batch, is_tracked=False, end="applied"),
    "refuse": History.refuse,
}
ON_JOBS: Mapping[str, Callable[[History, int], None]] = {
    "end": lambda history, job: history.end_job(job, "failed" if job % 2 else "applied"),
    "carry": History.carry_over,
}
OTHERS: Mapping[str, Callable[[History, int], None]] = {
    "write": History.write,
    "gap": History.leave_gap,
    "read": lambda history, _: history.read(),
    "send": lambda history, _: history.send(),
    "deliver": lambda history, _: history.deliver(),
    "crash": lambda history, _: history.crash(),
    "commit": lambda history, _: history.commit(),
    "trim": lambda history, _: history.trim(),
    "commit jobs": lambda history, _: history.commit_jobs(),
}


def drain(history: History) -> None:
    history.read()
    while history.queue.count or history.in_flight:
        history.send()
        history.accept(0, is_tracked=True)
    history.commit()
    while history.followed:
        history.end_job(0, "applied")
    history.commit_jobs()


def in_jobs(history: History) -> list[int]:
    """Every offset that was accepted, as often as it was."""
    untracked = [one.job for one in history.outcomes if one.is_untracked]
    taken = [job for job in history.jobs if not job.carried_over] + untracked
    return [offset for job in taken for run in job.placed() or () for offset in run]


@settings(max_examples=400)
@given(steps=STEPS, start=st.integers(0, 10))
def test_at_every_moment_each_record_is_counted_once_and_nothing_is_lost(
    steps: list[tuple[str, int]], start: int
) -> None:
    """
    Whatever was repeated, trimmed, carried over or cut short, and wherever the ledger begins.
    """
    history = History()
    play(steps, history)

    statement = history.statement(min(start, history.committed))

    records, view = statement.records, range(statement.start, statement.end)
    offsets = {offset for offset, _ in history.lane if offset in view}
    taken = [offset for offset in in_jobs(history) if offset in offsets]
    refused = offsets.intersection(history.refused).difference(taken)
    superseded = {
        offset
        for offset in offsets.difference(taken, refused)
        if offset < history.committed and offset in history.superseded
    }
    assert list(statement.differences()) == []
    assert records.prepared == len(offsets)
    assert records.accepted == len(set(taken))
    assert records.repeated == len(taken) - len(set(taken))
    assert records.dead_lettered == len(refused)
    assert records.superseded == len(superseded)
    assert records.waiting == len(offsets.difference(taken, refused, superseded))
    for equation in statement.equations():
        assert equation.difference == 0


@given(steps=STEPS)
def test_when_all_is_done_nothing_waits_and_nothing_is_pending(
    steps: list[tuple[str, int]],
) -> None:
    history = History()
    play(steps, history)

    drain(history)

    statement = history.statement()
    assert statement.is_at_rest
    assert list(statement.differences()) == []


@settings(max_examples=300)
@given(steps=STEPS, number=st.integers(0, 20))
def test_a_job_that_is_gone_shows_in_exactly_the_records_that_nothing_else_explains(
    steps: list[tuple[str, int]], number: int
) -> None:
    history = History()
    play(steps, history)
    drain(history)
    originals = [job for job in history.jobs if not job.carried_over]
    if not originals:
        return
    gone = originals[number % len(originals)]

    history.jobs = [job for job in history.jobs if job.job_id != gone.job_id]

    last = {key: offset for offset, key in history.lane}
    explained = {*in_jobs(history), *history.refused}
    offsets = {offset for run in gone.placed() or () for offset in run}
    lost = {offset for offset in offsets & {*last.values()} if offset not in explained}
    statement = history.statement()
    assert set(statement.records.lost) == lost
    assert any(LANE in one for one in statement.differences()) or not lost


@given(steps=STEPS, number=st.integers(0, 20))
def test_an_outcome_that_is_gone_shows_as_a_job_that_nobody_follows(
    steps: list[tuple[str, int]], number: int
) -> None:
    history = History()
    play(steps, history)
    drain(history)
    tracked = [one for one in history.outcomes if not one.is_untracked]
    concerned = [one for one in tracked if one.job.last_offset >= history.first_offset]
    if not concerned:
        return
    gone = concerned[number % len(concerned)].job.job_id

    history.outcomes = [one for one in history.outcomes if one.job.job_id != gone]

    [difference] = history.statement().differences()
    assert LANE in difference
    assert gone in difference


def test_records_taken_twice_without_a_job_are_one_acceptance_and_one_repeat() -> None:
    """
    Found by exploring: a crash came between the first acceptance and its commit.
    """
    history = History()
    taken = [("write", 0), ("read", 0), ("send", 0), ("untracked", 0)]
    play([*taken, ("crash", 0), *taken[1:]], history)

    statement = history.statement()

    assert (statement.records.accepted, statement.records.repeated) == (1, 1)
    assert (statement.jobs.handed_over, statement.jobs.unknown) == (2, 2)
    assert list(statement.differences()) == []


def test_an_acceptance_without_a_job_that_was_written_twice_counts_once() -> None:
    """
    The broker was away, so its message was written again: by its id it is the same acceptance.
    """
    untracked = outcome_of(job_of("untracked-1", range(10)), "unknown")

    statement = stated(TEN_SETTLED, LANE_OF_TEN, outcomes=[untracked, untracked])

    assert (statement.records.accepted, statement.records.repeated) == (10, 0)
    assert (statement.jobs.handed_over, statement.jobs.unknown) == (10, 10)
    assert list(statement.differences()) == []


LANE_OF_TEN = [(offset, b"7|%d" % offset) for offset in range(10)]
TEN_SETTLED = LaneView(0, 10, 10)


def test_a_lost_record_is_named_with_its_lane_and_its_offset() -> None:
    statement = stated(
        TEN_SETTLED, LANE_OF_TEN, jobs=[job_of("job-0", [0, 1, 2, 3, 5, 6, 7, 8, 9])]
    )

    [difference] = statement.differences()
    assert difference.startswith("lane amazon.c: 1 of 10 records have no end")
    assert "(offset 4); if an audience of the lane is paused" in difference


def test_a_record_that_both_a_job_and_a_letter_name_counts_as_accepted() -> None:
    """
    It was refused once and, after a crash, accepted: or the other way round.
    """
    statement = stated(TEN_SETTLED, LANE_OF_TEN, jobs=[job_of("j", range(10))], refused=[3, 3])

    assert (statement.records.accepted, statement.records.dead_lettered) == (10, 0)
    assert list(statement.differences()) == []


def test_what_a_job_took_must_stand_in_the_lane() -> None:
    statement = stated(TEN_SETTLED, LANE_OF_TEN[:9], jobs=[job_of("j", range(10))])

    [difference] = statement.differences()
    assert "1 records have a job or a dead letter, but are not in the lane" in difference


def test_a_job_that_poll_could_not_read_ends_as_unknown() -> None:
    job = job_of("j", range(10))
    ledger = Ledger({LANE: TEN_SETTLED}, lane_topics={}, jobs_topic=JOBS_TOPIC, polled={0: 1})

    ledger.job(job, Place(0, 0))
    ledger.letter(Letter(LetterKind("poll", "malformed"), Origin(JOBS_TOPIC, 0, 0)))

    assert ledger.statement().lanes[0].jobs.unknown == 10


def test_an_outcome_counts_as_it_was_stored_and_its_sums_are_looked_at() -> None:
    job = job_of("j", range(10))
    wrong = replace(outcome_of(job, "applied", invalid=2), tally=tally(9, "applied", 2))

    right = stated(TEN_SETTLED, LANE_OF_TEN, jobs=[job], outcomes=[outcome_of(job, "failed", 2)])
    statement = stated(TEN_SETTLED, LANE_OF_TEN, jobs=[job], outcomes=[wrong])

    assert (right.jobs.invalid, right.jobs.failed, right.is_at_rest) == (2, 8, True)
    [difference] = statement.differences()
    assert "10 handed over ≠ 7 applied + 2 invalid" in difference
    assert "+1 unexplained" in difference


def test_dead_letters_are_counted_by_stage_and_reason() -> None:
    ledger = Ledger({}, lane_topics={TOPIC: LANE}, jobs_topic=JOBS_TOPIC, polled={})
    malformed = LetterKind("ingest", "malformed")

    for offset, kind in enumerate((malformed, REFUSED, malformed)):
        ledger.letter(Letter(kind, Origin(TOPIC, 0, offset)))

    assert ledger.statement().letters == {malformed: 2, REFUSED: 1}


def test_records_of_an_audience_that_is_kept_back_wait_though_they_are_settled() -> None:
    """
    From where the audience is paused on; what lies before, and other audiences, must have an end.
    """
    lane = [(n, b"%d|u-%d" % (7 if n % 2 else 8, n)) for n in range(10)]
    one = TEN_SETTLED._replace(paused=PausedSince({"7": 4}))
    unnamed = TEN_SETTLED._replace(paused=PausedSince(others=4))

    statement = stated(one, lane, jobs=[job_of("j", [0, 2, 4, 6, 5])], refused=[1])
    of_all = stated(unnamed, lane, jobs=[job_of("j", [0, 1, 2])])

    assert (statement.records.waiting, statement.records.lost) == (2, [3, 8])
    assert not statement.is_at_rest
    assert (of_all.records.waiting, of_all.records.lost) == (6, [3])


def test_a_members_change_that_is_kept_back_waits() -> None:
    changes = MemberChanges(settled=10, paused_since=4)
    for offset in (3, 4, 6):
        changes.change(offset, None)

    changes.job(job_of("job", [4]))

    assert [one.end for one in changes.told()] == ["superseded", "accepted", "waiting"]


def test_a_job_that_is_carried_over_says_nothing_new_of_a_members_change() -> None:
    job = job_of("job", [0, 2, 6])
    changes = MemberChanges(settled=10)
    for offset in (3, 6):
        changes.change(offset, None)

    changes.job(job)
    changes.job(job.without_offsets().carry_over(1))

    assert [one.end for one in changes.told()] == ["superseded", "accepted"]
