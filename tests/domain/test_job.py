import json
from dataclasses import asdict, replace
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.job import (
    GIVEN_UP,
    End,
    InvalidRecord,
    Job,
    JobEnd,
    JobReport,
    OtherJobVersion,
    Tally,
    UnreadableJob,
    decode_job,
    decode_outcome,
    encode_outcome,
    encode_unknown,
    tally,
)
from pipeline.domain.offset_ranges import encode_ranges
from pipeline.operations.moments import moment

JOB = Job(
    job_id="job-1",
    destination="amazon-na",
    connection="5a523424",
    audience_id="413642381039213536",
    records=10,
    removes=2,
    first_offset=100,
    last_offset=120,
    submitted_at_ms=1_790_000_000_000,
    oldest_changed_at_ms=1_790_000_000_000,
)
NUMBERS = st.integers(0, 2**63 - 1)
TIMES = st.integers(-(10**15), 10**15)
NAMES = st.text(min_size=1, max_size=1_000)
JOBS = st.builds(
    Job,
    job_id=NAMES,
    destination=NAMES,
    connection=NAMES,
    audience_id=NAMES,
    records=NUMBERS,
    removes=NUMBERS,
    first_offset=NUMBERS,
    last_offset=NUMBERS,
    submitted_at_ms=TIMES,
    oldest_changed_at_ms=TIMES,
    polls=NUMBERS,
    carried_over=NUMBERS,
    offsets=st.text(),
)
ENDS: list[End] = [*get_args(JobEnd), "unknown"]
JOB_ENDS: list[JobEnd] = list(get_args(JobEnd))
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


def stored(**changes: object) -> bytes:
    return json.dumps({**asdict(JOB), **changes}).encode()


@given(job=JOBS)
def test_a_stored_job_comes_back_as_it_was(job: Job) -> None:
    assert decode_job(job.encode()) == job


def test_a_job_that_does_not_say_how_old_its_changes_are_is_refused() -> None:
    """
    Taken for zero, they would be as old as the epoch.
    """
    without = {name: value for name, value in asdict(JOB).items() if name != "oldest_changed_at_ms"}

    with pytest.raises(UnreadableJob, match="oldest_changed_at_ms is missing"):
        decode_job(json.dumps(without).encode())


def test_a_field_that_a_newer_program_added_does_no_harm() -> None:
    assert decode_job(stored(added_later=True)) == JOB


def test_an_unknown_format_version_is_refused_by_its_number() -> None:
    """
    It is no fault of the message: whoever wrote it can read it, so it is told from garbage.
    """
    with pytest.raises(OtherJobVersion, match="format version 3, this program reads 2"):
        decode_job(b'{"format":3}')


@pytest.mark.parametrize("version", [0, -1, 2**31 + 1, 10**30])
def test_what_is_no_version_of_ours_is_no_job_of_another(version: int) -> None:
    with pytest.raises(UnreadableJob) as refused:
        decode_job(stored(format=version))

    assert not isinstance(refused.value, OtherJobVersion)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("job_id", ""),
        ("job_id", "\ud800"),
        ("job_id", "x" * 1_001),
        ("connection", "a\udfffb"),
        ("offsets", "\ud800"),
        ("polls", -1),
        ("polls", 10**400),
        ("records", 2**63),
        ("submitted_at_ms", 10**15 + 1),
        ("missing_since_ms", -(10**400)),
    ],
)
def test_a_value_that_nothing_can_be_done_with_makes_it_no_job(name: str, value: object) -> None:
    """
    A key is made of its id, a path of the same, and intervals and ages of its numbers.
    """
    with pytest.raises(UnreadableJob, match=f"{name} has an impossible value"):
        decode_job(stored(**{name: value}))


@given(job=JOBS)
def test_whatever_is_a_job_can_be_keyed_shown_and_written_again(job: Job) -> None:
    read = decode_job(job.encode())

    assert read.job_id.encode()
    assert moment(read.submitted_at_ms)
    again = read.carry_over(0)
    assert again.carried_over >= 2**63 or decode_job(again.encode()) == again


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"",
        b"null",
        b"[]",
        b'"format"',
        b"{}",
        b'{"format":2}',
        b"\xff\xfe\xff",
        pytest.param(b"[" * 100_000, id="too deep"),
        pytest.param(b"9" * 5000, id="too long a number"),
        stored(format="2"),
        stored(format=True),
        stored(format=2.0),
    ],
)
def test_what_is_no_job_is_refused(value: bytes | None) -> None:
    with pytest.raises(UnreadableJob):
        decode_job(value)


@given(name=st.sampled_from(sorted(asdict(JOB))), value=JSON_VALUES)
def test_a_field_of_another_type_is_refused_and_never_guessed(name: str, value: object) -> None:
    """
    A job that cannot be followed must become a dead letter, not a crash each time it is read.
    """
    value_before = asdict(JOB)[name]
    if type(value) is type(value_before):
        return

    with pytest.raises(UnreadableJob):
        decode_job(stored(**{name: value}))


@given(value=st.binary() | JSON_VALUES.map(lambda value: json.dumps(value).encode()))
def test_no_message_stops_the_reader(value: bytes) -> None:
    with pytest.raises(UnreadableJob):
        decode_job(value)


def test_a_job_that_is_written_again_does_not_say_its_offsets_twice() -> None:
    assert replace(JOB, offsets="0:9,11").without_offsets().placed() is None


@given(offsets=st.sets(st.integers(0, 2**40), min_size=1, max_size=50))
def test_a_job_says_exactly_which_offsets_it_took(offsets: set[int]) -> None:
    job = replace(
        JOB,
        records=len(offsets),
        first_offset=min(offsets),
        last_offset=max(offsets),
        offsets=encode_ranges(offsets),
    )

    placed = decode_job(job.encode()).placed()

    assert placed is not None
    assert [offset for run in placed for offset in run] == sorted(offsets)


@pytest.mark.parametrize(
    "offsets",
    ["x", "0:", ":3", "0:0,20", "-1:9,10", "0:9,10", "0:9,12", "0:8,11", "0:9", "0:9,11,"],
)
def test_offsets_that_contradict_the_job_are_refused(offsets: str) -> None:
    """
    Ten records from 100 to 120 are `0:9,11` (100 to 108, and 120), for instance.
    """
    assert replace(JOB, offsets="0:9,11").placed() == [range(100, 109), range(120, 121)]

    with pytest.raises(UnreadableJob):
        replace(JOB, offsets=offsets).placed()


@given(state=st.text(), end=st.sampled_from(JOB_ENDS), invalid=st.integers(0, 20))
def test_a_stored_outcome_comes_back_as_it_was(state: str, end: JobEnd, invalid: int) -> None:
    named = (InvalidRecord(member="u", audience="7", error="no"),) * invalid
    report = JobReport(state=state, end=end, invalid=named)

    outcome = decode_outcome(encode_outcome(JOB, report, 9))

    assert outcome.job == JOB
    assert (outcome.state, outcome.end, outcome.finished_at_ms) == (state, end, 9)
    assert outcome.tally == tally(JOB.records, end, invalid)


@pytest.mark.parametrize("value", [None, b"{}", JOB.encode(), stored(state="FAILED", applied="1")])
def test_what_is_no_outcome_is_refused(value: bytes | None) -> None:
    with pytest.raises(UnreadableJob):
        decode_outcome(value)


def test_a_job_that_is_written_again_remembers_how_often() -> None:
    again = JOB.carry_over(polls=7).carry_over(polls=9)

    assert (again.polls, again.carried_over) == (9, 2)
    assert again.submitted_at_ms == JOB.submitted_at_ms


@given(records=st.integers(0, 10_000), end=st.sampled_from(ENDS), invalid=st.integers(0, 20_000))
def test_what_became_of_a_jobs_records_adds_up(records: int, end: End, invalid: int) -> None:
    """
    Even if the partner names more invalid records than it was sent.
    """
    ends = asdict(tally(records, end, invalid))

    assert sum(ends.values()) == records
    assert all(count >= 0 for count in ends.values())


@pytest.mark.parametrize(
    ("end", "expected"),
    [
        ("applied", Tally(applied=7, invalid=3)),
        ("partly_applied", Tally(applied=7, invalid=3)),
        ("failed", Tally(failed=7, invalid=3)),
        ("pending", Tally(unknown=10)),
        ("unknown", Tally(unknown=10)),
    ],
)
def test_an_end_says_what_became_of_the_records_that_it_does_not_name(
    end: End, expected: Tally
) -> None:
    assert tally(10, end, invalid=3) == expected


def test_an_outcome_holds_the_job_and_how_it_ended() -> None:
    report = JobReport(
        state="PARTIALLYSUCCEEDED",
        end="partly_applied",
        invalid=(InvalidRecord(member="u-1", audience="7", error="no match key"),),
        processed_percent=90.0,
        audience_size={"lower": 1000.0},
    )

    outcome = json.loads(encode_outcome(JOB, report, 1_790_000_009_000))

    assert outcome == {
        **asdict(JOB),
        "state": "PARTIALLYSUCCEEDED",
        "end": "partly_applied",
        "applied": 9,
        "invalid": 1,
        "failed": 0,
        "unknown": 0,
        "processed_percent": 90.0,
        "audience_size": {"lower": 1000.0},
        "finished_at_ms": 1_790_000_009_000,
    }


def test_an_outcome_without_a_report_says_that_nothing_is_known() -> None:
    outcome = json.loads(encode_unknown(JOB, GIVEN_UP, 1))

    assert outcome["unknown"] == JOB.records
    assert (outcome["state"], outcome["end"]) == (GIVEN_UP, "unknown")


def test_an_invalid_record_shows_nobody() -> None:
    shown = repr(InvalidRecord(member="ana", audience="7", error="ana is unknown"))

    assert shown == "<InvalidRecord of audience 7>"
