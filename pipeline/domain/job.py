"""A partner's job: what we handed over, how it is followed, and how it ended."""

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
    "applied",  # it took every record that it does not name as invalid
    "partly_applied",  # it took them for at least one of its targets
    "failed",  # it took none
]
End = Literal[
    JobEnd,
    "unknown",  # nobody can say: no job was named, or the partner no longer knows it
]
UNTRACKED = "ACCEPTED_UNTRACKED"
"""The state of an acceptance without a job: that is all there ever is of it."""
AT_ONCE = "APPLIED_AT_ONCE"
"""The state where the partner's answer was the end: it has no jobs."""
NOT_FOUND = "NOT_FOUND"
"""The state of a job that the partner does not know, or never did."""
GIVEN_UP = "GIVEN_UP"
"""The state of a job that was still pending after `give_up_after_seconds`."""


class UnreadableJob(ValueError):
    """A stored job or outcome that this version can't read; it is refused, never guessed."""


class OtherJobVersion(UnreadableJob):
    """Another version of this program wrote it, and reads it: it is no fault of the message."""


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
    """When the oldest of its changes happened, as upstream said it."""
    polls: int = 0
    carried_over: int = 0
    """How often it was written again to the end of the topic because it was still pending."""
    is_known: bool = False
    """The partner has reported it once, so that it cannot be one that never was."""
    missing_polls: int = 0
    """How often the partner has said since `missing_since_ms` that it does not know the job."""
    missing_since_ms: int = 0
    offsets: str = ""
    """Which offsets of the lane it took (`domain/offset_ranges.py`); empty where that is not said.

    Only a job's first message says it: who follows jobs must not keep it for thousands of them.
    """
    format: int = JOB_FORMAT

    def encode(self) -> bytes:
        return json.dumps(asdict(self), separators=(",", ":")).encode()

    def carry_over(self, polls: int) -> "Job":
        """The job as it is written again to the end of its topic."""
        return replace(self, polls=polls, carried_over=self.carried_over + 1)

    def without_offsets(self) -> "Job":
        """The job as it is followed."""
        return replace(self, offsets="")

    def placed(self) -> Sequence[range] | None:
        """The offsets that it took from its lane, as ranges; None where its message names none.

        Raises:
            UnreadableJob: what it says of its offsets contradicts itself.
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
    """One record that the partner's job did not take, in the partner's words."""

    member: str
    audience: str
    error: str

    def __repr__(self) -> str:
        return f"<InvalidRecord of audience {self.audience}>"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobReport:
    """What the partner says of a job now."""

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
    """The partner said nothing of a job's state: no answer, or one that is none."""

    detail: str
    wait: float | None = None
    """Seconds that the partner asked us to wait, if it did."""
    is_missing: bool = False
    """The partner itself said that it does not know the job."""
    is_throttled: bool = False
    """The partner said that it is asked too often."""
    cause: BlockCause | None = None
    """What a person must mend, where that is why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What became of a job's records; they add up to what was accepted."""

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
        """Whether the partner named no job, so that this is all there is of it."""
        return self.state in (UNTRACKED, AT_ONCE)


def tally(records: int, end: End, invalid: int) -> Tally:
    """Split a job's records by how they ended.

    Invalid ones are those that the job named. Of the rest, a job that ended well applied all
    (partly_applied: for at least one target), a failed one none, and of a job without an end
    nothing is known.
    """
    named = min(invalid, records)
    rest = records - named
    if end == "failed":
        return Tally(invalid=named, failed=rest)
    if end in ("applied", "partly_applied"):
        return Tally(invalid=named, applied=rest)
    return Tally(unknown=records)


def encode_outcome(job: Job, report: JobReport, finished_at_ms: int) -> bytes:
    """A job and how it ended in the partner's word, as written to the outcomes topic."""
    return _encode_outcome(
        job,
        {"state": report.state, "end": report.end},
        tally(job.records, report.end, len(report.invalid)),
        {"processed_percent": report.processed_percent, "audience_size": report.audience_size},
        finished_at_ms,
    )


def encode_applied_at_once(job: Job, finished_at_ms: int) -> bytes:
    """Records that the partner's answer itself said to be carried out."""
    said = {"state": AT_ONCE, "end": "applied"}
    ends = tally(job.records, "applied", 0)
    return _encode_outcome(job, said, ends, {}, finished_at_ms)


def encode_unknown(job: Job, state: str, finished_at_ms: int) -> bytes:
    """A job whose end nobody knows; `state` is one of ours: it says why."""
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
    """Read a stored job.

    Raises:
        OtherJobVersion: of a format version that this program doesn't know.
        UnreadableJob: not a job.
    """
    return _job(_object(value))


def decode_outcome(value: bytes | None) -> Outcome:
    """Read a stored outcome.

    Raises:
        OtherJobVersion: of a format version that this program doesn't know.
        UnreadableJob: not an outcome.
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
            raise UnreadableJob(f"not a job: {one.name} is a value that none can have")
    return Job(**{one.name: stored[one.name] for one in fields(Job)})


def _is_possible(name: str, value: object) -> bool:
    """Whether arithmetic, a calendar, a key and a path can work with it: others may write here."""
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
