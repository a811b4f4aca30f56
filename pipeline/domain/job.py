"""A partner's job: what we sent, how we follow it, and how it ended."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Literal, get_args

from pipeline.domain.offset_ranges import UnreadableRanges, decode_ranges
from pipeline.domain.send_result import BlockCause

JOB_FORMAT = 2
_LARGEST_VERSION = 2**31
_LARGEST_NUMBER = 2**63 - 1
_LARGEST_TIME_MS = 10**15
_LONGEST_NAME = 1_000

JobEnd = Literal[
    "pending",  # the partner still works on it
    "applied",  # the partner took every record that it does not name as invalid
    "partly_applied",  # the partner took them for at least one of its targets
    "failed",  # the partner took none
]
End = Literal[
    JobEnd,
    "unknown",  # nobody can say: no job was named, or the partner no longer knows it
]
UNTRACKED = "ACCEPTED_UNTRACKED"
"""The state of an acceptance without a job: nothing more is ever known of it."""
AT_ONCE = "APPLIED_AT_ONCE"
"""The state where the partner's answer was the end: this partner has no jobs."""
NOT_FOUND = "NOT_FOUND"
"""The state of a job that the partner does not know, or never did."""
GIVEN_UP = "GIVEN_UP"
"""The state of a job that was still pending after `give_up_after_seconds`."""


class UnreadableJob(ValueError):
    """This version cannot read the stored job or outcome; it never guesses one."""


class OtherJobVersion(UnreadableJob):
    """Another version of this program wrote the message, and can read it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One accepted request. Times in milliseconds since the epoch."""

    job_id: str
    destination: str
    connection: str
    audience_id: str
    records: int
    removes: int
    first_offset: int
    last_offset: int
    submitted_at_ms: int
    oldest_changed_at_ms: int
    """When the oldest of its changes happened, by upstream."""
    polls: int = 0
    carried_over: int = 0
    """How often the pending job was written again to the end of its topic."""
    is_known: bool = False
    """The partner has reported the job once, so it does exist."""
    missing_polls: int = 0
    """How often the partner has said since `missing_since_ms` that it does not know the job."""
    missing_since_ms: int = 0
    offsets: str = ""
    """The offsets of its records in the lane (`domain/offset_ranges.py`); empty if not stored.

    Only a job's first message has them: a process that follows thousands of jobs keeps none.
    """
    format: int = JOB_FORMAT

    def encode(self) -> bytes:
        return json.dumps(asdict(self), separators=(",", ":")).encode()

    def carry_over(self, polls: int) -> "Job":
        """Return the job as it is written again to the end of its topic."""
        return replace(self, polls=polls, carried_over=self.carried_over + 1)

    def without_offsets(self) -> "Job":
        """Return the job as it is followed: without its offsets."""
        return replace(self, offsets="")

    def placed(self) -> Sequence[range] | None:
        """Return the offsets of its records in the lane, as ranges; None if its message has none.

        Raises:
            UnreadableJob: the offsets do not fit the other fields.
        """
        if not self.offsets:
            return None
        try:
            runs = decode_ranges(self.first_offset, self.offsets)
        except UnreadableRanges as error:
            raise UnreadableJob(f"not a job: offsets: {error}") from None
        if sum(map(len, runs)) != self.records or runs[-1].stop != self.last_offset + 1:
            raise UnreadableJob("not a job: offsets are not as many as its records")
        return runs


@dataclass(frozen=True, slots=True, kw_only=True)
class InvalidRecord:
    """One record that the partner's job named invalid, in the partner's words."""

    member: str
    audience: str
    error: str

    def __repr__(self) -> str:
        return f"<InvalidRecord of audience {self.audience}>"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobReport:
    """The partner's present report on a job."""

    state: str
    """In the partner's own words."""
    end: JobEnd
    """What the state means to us."""
    invalid: tuple[InvalidRecord, ...] = ()
    processed_percent: float | None = None
    audience_size: dict[str, float] = field(default_factory=dict)

    @property
    def is_terminal(self) -> bool:
        return self.end != "pending"


@dataclass(frozen=True, slots=True)
class NotYet:
    """The partner did not tell a job's state: no answer, or an unusable one."""

    detail: str
    wait: float | None = None
    """Seconds that the partner asked us to wait, if it did."""
    is_missing: bool = False
    """The partner itself said that it does not know the job."""
    is_throttled: bool = False
    """The partner said that we ask too often."""
    cause: BlockCause | None = None
    """What a person must mend, if that is the reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What became of a job's records; the four counts add up to the accepted records."""

    applied: int = 0
    invalid: int = 0
    failed: int = 0
    unknown: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a job ended, as it is stored. Time in milliseconds since the epoch."""

    job: Job
    state: str
    """In the partner's own words, or one of the four above."""
    end: End
    tally: Tally
    finished_at_ms: int

    @property
    def is_untracked(self) -> bool:
        """Whether the partner named no job, so that there is only this outcome."""
        return self.state in (UNTRACKED, AT_ONCE)


def tally(records: int, end: End, invalid: int) -> Tally:
    """Split a job's records by how they ended.

    The job names the invalid ones. A job that ended well applied all others (partly_applied: for at
    least one target), and a failed job applied none. Without an end nothing is known.
    """
    named = min(invalid, records)
    rest = records - named
    if end == "failed":
        return Tally(invalid=named, failed=rest)
    if end in ("applied", "partly_applied"):
        return Tally(invalid=named, applied=rest)
    return Tally(unknown=records)


def encode_outcome(job: Job, report: JobReport, finished_at_ms: int) -> bytes:
    """Encode a job and its end in the partner's word, for the outcomes topic."""
    return _encode_outcome(
        job,
        {"state": report.state, "end": report.end},
        tally(job.records, report.end, len(report.invalid)),
        {"processed_percent": report.processed_percent, "audience_size": report.audience_size},
        finished_at_ms,
    )


def encode_applied_at_once(job: Job, finished_at_ms: int) -> bytes:
    """Encode the outcome of records that the partner's answer itself said to be applied."""
    said = {"state": AT_ONCE, "end": "applied"}
    ends = tally(job.records, "applied", 0)
    return _encode_outcome(job, said, ends, {}, finished_at_ms)


def encode_unknown(job: Job, state: str, finished_at_ms: int) -> bytes:
    """Encode the outcome of a job whose end nobody knows; `state`: our word for the reason."""
    said = {"state": state, "end": "unknown"}
    ends = tally(job.records, "unknown", 0)
    return _encode_outcome(job, said, ends, {}, finished_at_ms)


def _encode_outcome(
    job: Job,
    said: Mapping[str, str],
    ends: Tally,
    figures: Mapping[str, object],
    finished_at_ms: int,
) -> bytes:
    stored = {**asdict(job), **said, **asdict(ends), **figures, "finished_at_ms": finished_at_ms}
    return json.dumps(stored, separators=(",", ":")).encode()


def decode_job(value: bytes | None) -> Job:
    """Decode a stored job.

    Raises:
        OtherJobVersion: it has a format version that this program does not know.
        UnreadableJob: it is not a job.
    """
    return _job(_object(value))


def decode_outcome(value: bytes | None) -> Outcome:
    """Decode a stored outcome.

    Raises:
        OtherJobVersion: it has a format version that this program does not know.
        UnreadableJob: it is not an outcome.
    """
    stored = _object(value)
    job = _job(stored)
    ends: dict[str, Any] = {one.name: stored.get(one.name) for one in fields(Tally)}
    state = stored.get("state")
    end: Any = stored.get("end")
    finished: Any = stored.get("finished_at_ms")
    if (
        not isinstance(state, str)
        or end not in get_args(End)
        or any(type(number) is not int for number in (*ends.values(), finished))
    ):
        raise UnreadableJob("not an outcome: its state, end, counts or time are missing")
    return Outcome(job=job, state=state, end=end, tally=Tally(**ends), finished_at_ms=finished)


def _job(stored: Mapping[str, Any]) -> Job:
    version = stored.get("format")
    if type(version) is int and version != JOB_FORMAT and 0 < version <= _LARGEST_VERSION:
        raise OtherJobVersion(f"format version {version}, this program reads {JOB_FORMAT}")
    for one in fields(Job):
        value = stored.get(one.name)
        if type(value) is not one.type:
            raise UnreadableJob(f"not a job: {one.name} is missing or of another type")
        if not _is_possible(one.name, value):
            raise UnreadableJob(f"not a job: {one.name} has an impossible value")
    return Job(**{one.name: stored[one.name] for one in fields(Job)})


def _is_possible(name: str, value: object) -> bool:
    """Whether a value is in the range that our code can handle: others may write to the topic."""
    if name == "format":
        return value == JOB_FORMAT
    if isinstance(value, int):
        if name.endswith("_ms"):
            return abs(value) <= _LARGEST_TIME_MS
        return 0 <= value <= _LARGEST_NUMBER
    text = str(value)
    is_id = name != "offsets"
    if is_id and not 0 < len(text) <= _LONGEST_NAME:
        return False
    return text.isascii() or text == text.encode(errors="replace").decode()


def _object(value: bytes | None) -> dict[str, Any]:
    try:
        stored: object = json.loads(value or b"")
    except (ValueError, RecursionError):
        raise UnreadableJob("not a job: not JSON") from None
    if not isinstance(stored, dict):
        raise UnreadableJob("not a job: not a JSON object")
    return stored
