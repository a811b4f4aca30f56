"""Nothing that stands in a topic of ours stops who reads it: a stage, a command or a start."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.domain.names import Names
from pipeline.kafka.offset_resolver import read_metadata
from pipeline.kafka.outcome_reader import _job_id
from pipeline.kafka.pause_requests import LatestPauseRequests
from pipeline.kafka.read_back import stored
from pipeline.kafka.topic_reader import PlacedRecord
from pipeline.operations.job_list import FoundJobs, JobFilter
from pipeline.operations.ledger import ledger_reading, member_reading
from pipeline.operations.ledger.accounting import Ledger
from pipeline.operations.ledger.lane_records import LaneView
from pipeline.operations.ledger.member_changes import MemberChanges
from pipeline.operations.letter_list import letter_of
from pipeline.operations.stored_format import said_version
from pipeline.stages.upload.batching import Limits
from pipeline.stages.upload.intake import read_record
from tests.explore.random_messages import RandomMessages
from tests.explore.random_values import some_bytes

NAMES = Names("audience")
LANE = "amazon-na.connection-0"
TOPIC = NAMES.lane_prefix + LANE
LIMITS = Limits(max_records=10, max_bytes=1_000_000, overhead_bytes=100, linger=1.0)


@dataclass(frozen=True, slots=True)
class Standing:
    """
    A message as a reader gets it.
    """

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]
    partition: int = 0
    offset: int = 0
    timestamp: int = 1_790_000_000_000


Take = Callable[[PlacedRecord], object]


def of_ledger() -> Sequence[Take]:
    views = {LANE: LaneView(0, 5, 10)}
    ledger = Ledger(views, lane_topics={TOPIC: LANE}, jobs_topic=NAMES.jobs, polled={0: 1})
    entry = ledger_reading._Entry(ledger)
    return [entry.job, entry.outcome, entry.letter, entry.record_of(LANE)]


def of_member() -> Sequence[Take]:
    entry = member_reading._Entry(MemberChanges(0, None), TOPIC, LANE, b"7|u-1")
    return [entry.record, entry.job, entry.outcome, entry.letter]


def of_lists() -> Sequence[Take]:
    found = FoundJobs(NAMES.outcomes)

    def jobs(record: PlacedRecord) -> None:
        found.take(stored(record))
        found.newest(JobFilter(since_ms=0, limit=10))

    return [jobs, lambda record: letter_of(stored(record), with_payload=True)]


def of_stages() -> Sequence[Take]:
    pauses = LatestPauseRequests()
    return [
        lambda record: pauses.take(record.offset, record.key, record.value),
        lambda record: _job_id(record.key, record.value),
        lambda record: read_record(record, limits=LIMITS, misfit=lambda *_: None, now=0.0),
    ]


def of_start() -> Sequence[Take]:
    return [
        lambda record: said_version(record.value),
        lambda record: read_metadata((record.value or b"").decode(errors="replace")),
    ]


READERS = {
    "the ledger": of_ledger,
    "a member's ledger": of_member,
    "lists": of_lists,
    "stages": of_stages,
    "the start": of_start,
}


@pytest.mark.parametrize("readers", READERS)
@given(seed=st.integers(0, 2**32), count=st.integers(1, 8))
@example(seed=1, count=200)
def test_what_the_fuzz_of_the_running_pipeline_writes_is_read(
    readers: str, seed: int, count: int
) -> None:
    """
    Each reader is given messages of every topic: a wrong topic is one more way to be wrong.
    """
    random = Random(seed)
    messages = RandomMessages(random, NAMES, destination="amazon-na", connections=["connection-0"])
    takes = READERS[readers]()

    for offset in range(count):
        made = messages.next()
        headers = [*made.headers, ("offset", some_bytes(random, 3))][-len(made.headers) or None :]
        for take in takes:
            take(Standing(made.topic, made.key, made.value, headers, offset=offset % 10))


NUMBERS = st.integers() | st.sampled_from(["7", "\u0667", "9" * 30, "-1", "", "1.5", "\xb2"])


@given(
    said=st.dictionaries(
        st.sampled_from(
            ["format", "stage", "reason", "detail", "topic", "partition", "offset", "at"]
        ),
        NUMBERS.map(str),
    )
)
@example(said={"at": "9" * 15, "partition": "1", "offset": "2"})
def test_headers_of_a_dead_letter_may_say_anything(said: dict[str, str]) -> None:
    headers = [(name, value.encode()) for name, value in said.items()]
    letter = Standing(NAMES.dead_letters, b"k", b"v", headers)

    for take in (*of_ledger(), *of_member(), *of_lists()):
        take(letter)


@given(offsets=st.text(max_size=30), first=st.integers(0, 2**63), records=st.integers(0, 20))
def test_a_job_that_says_odd_offsets_is_read_or_counted_as_unreadable(
    offsets: str, first: int, records: int
) -> None:
    job = {
        "job_id": "j", "destination": "amazon-na", "connection": "connection-0",
        "audience_id": "7", "records": records, "removes": 0, "first_offset": first,
        "last_offset": first, "submitted_at_ms": 0, "oldest_changed_at_ms": 0, "polls": 0,
        "carried_over": 0, "is_known": False, "missing_polls": 0, "missing_since_ms": 0,
        "offsets": offsets, "format": 2,
    }  # fmt: skip
    message = Standing(NAMES.jobs, b"j", json.dumps(job).encode(), ())

    for take in (*of_ledger(), *of_member(), *of_lists()):
        take(message)
