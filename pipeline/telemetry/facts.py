"""The facts that we report about our work: one method for each fact, one protocol for each room.

A fact is reported once for a batch, with a count, never for each record. No fact names a person.
A `count` of zero is allowed and changes nothing.
"""

from dataclasses import dataclass
from typing import Literal, Protocol

from pipeline.domain.change import Action
from pipeline.domain.message import StageName
from pipeline.domain.reasons import IgnoredReason, RejectedReason, WithheldReason

Milestone = Literal[
    "ingest",  # durable in the topic of its lane
    "accepted",  # the partner took the request
    "applied",  # the partner's job ended well
]

FlushReason = Literal[
    "records",  # as many records as a request may carry
    "bytes",  # one more record would not have fitted
    "linger",  # its first record had waited long enough
    "probe",  # one record that asks whether a blocked lane may go on
]

LaneState = Literal[
    "running",
    "throttled",  # the partner asked us to wait
    "blocked",  # a person has to repair something; probes go on
    "taking_over",  # taken over; requests of the former owner may still be in flight
]

TokenOutcome = Literal[
    "renewed",
    "refused",  # the authorisation server said no: a person has to authorise us again
    "failed",  # no usable answer; tried again
]

SnapshotState = Literal[
    "reading",  # the memberships are read and written into a file
    "uploaded",  # the file is in the storage
    "intended",  # a run is charged to the budget; whether it was started is not known yet
    "burnt",  # nobody can say whether the run was started; its charge stays
    "running",  # the partner ingests the file
    "ended",  # nothing to do until the next snapshot is due
    "held",  # a guard keeps the snapshot back until a person approves it
    "blocked",  # a person has to repair something of this audience
]

RunEnd = Literal[
    "applied",  # every stage of the run ended well
    "partly_applied",
    "failed",
    "unknown",  # the partner no longer knows the run
    "burnt",  # as of the state above
]


@dataclass(frozen=True, slots=True)
class LaneLabel:
    """The names of a lane for operators."""

    destination: str
    """The destination's name in the configuration."""
    connection: str
    """The connection, or the advertiser where an audience has none; unique over destinations."""


class ProcessTelemetry(Protocol):
    """Facts about the process."""

    def build_info(self, *, version: str) -> None:
        """This version of the program is running."""


class DeadLetterTelemetry(Protocol):
    """Facts about dead letters, for every stage."""

    def dead_letters_written(self, *, stage: StageName, reason: RejectedReason, count: int) -> None:
        """Dead letters are durable in their topic."""


class IngestTelemetry(Protocol):
    """Facts about ingest."""

    def events_consumed(self, *, source: str, count: int) -> None:
        """Events were read from the upstream topic `source`, and their offset is committed."""

    def events_ignored(self, *, source: str, reason: IgnoredReason, count: int) -> None:
        """Events stated no membership and were skipped."""

    def changes_read(self, *, source: str, action: Action, count: int) -> None:
        """Events stated this many membership changes."""

    def changes_rejected(self, *, source: str, reason: RejectedReason, count: int) -> None:
        """Events, or changes in them, could not be sent and became dead letters."""

    def changes_withheld(self, *, destination: str, reason: WithheldReason, count: int) -> None:
        """Consent forbade these changes to be sent to `destination`; no dead letter."""

    def registry_waited_for(self, *, source: str, is_away: bool) -> None:
        """We asked for a schema of this source; `is_away`: the registry does not answer."""

    def records_prepared(self, *, lane: LaneLabel, count: int) -> None:
        """Records are durable in the topic of their lane."""

    def freshness(self, *, stage: Milestone, seconds: float, count: int) -> None:
        """`count` changes reached this milestone `seconds` after the membership changed."""


class LaneTelemetry(Protocol):
    """Facts about a lane, reported by its owner."""

    def lane_state(self, *, lane: LaneLabel, state: LaneState) -> None:
        """The lane is in this state now, and in no other."""

    def lane_released(self, *, lane: LaneLabel) -> None:
        """We own the lane no more, so we report neither its state nor its cap.

        Report nothing more about them until the lane is taken over again.
        """

    def cap_used(self, *, lane: LaneLabel, window_records: int, limit: int) -> None:
        """`window_records` were sent in the window that ends now; fewer than `limit` may be."""

    def cap_waited(self, *, lane: LaneLabel, seconds: float) -> None:
        """A ready batch waited so many seconds for the cap."""

    def buffered_bytes(self, size: int) -> None:
        """`size` bytes of all lanes' memory budget are used now: fetched, batched, in flight."""

    def audiences_paused(self, *, lane: LaneLabel, count: int) -> None:
        """`count` audiences of the lane are paused, or still send records from their pause."""


class UploadTelemetry(Protocol):
    """Facts about records in upload."""

    def records_superseded(self, *, lane: LaneLabel, count: int) -> None:
        """A later change of the same member replaced these records in their batch."""

    def batch_sent(self, *, lane: LaneLabel, reason: FlushReason, records: int) -> None:
        """A batch of this size is due and will be sent; `reason`: why it was not larger.

        Reported once for a batch, before it is paid for, and not for each attempt.
        """

    def records_accepted(self, *, lane: LaneLabel, action: Action, count: int) -> None:
        """The partner took a request with these records."""

    def records_applied(self, *, lane: LaneLabel, count: int) -> None:
        """The partner's answer said that these records are applied: it has no jobs."""

    def records_unknown(self, *, lane: LaneLabel, count: int) -> None:
        """The partner took these records without a job, so nobody knows what became of them."""

    def freshness(self, *, stage: Milestone, seconds: float, count: int) -> None:
        """`count` changes reached this milestone `seconds` after the membership changed."""


class PollTelemetry(Protocol):
    """Facts about poll."""

    def jobs_pending(self, *, lane: LaneLabel, count: int) -> None:
        """This process follows `count` jobs of the lane; zero when it follows them no more."""

    def jobs_of_other_versions(self, count: int) -> None:
        """This process keeps `count` job messages that another version of it wrote."""

    def job_ended(self, *, lane: LaneLabel, state: str, seconds: float) -> None:
        """A job ended `seconds` after its submission, or we stopped following it."""

    def job_wholly_invalid(self, *, lane: LaneLabel, audience_id: str) -> None:
        """A job applied none of its records; probably the partner does not know the audience."""

    def records_applied(self, *, lane: LaneLabel, count: int) -> None:
        """The job of these records ended well."""

    def records_invalid(self, *, lane: LaneLabel, count: int) -> None:
        """Their job named these records invalid; they became dead letters."""

    def records_failed(self, *, lane: LaneLabel, count: int) -> None:
        """The whole job of these records failed."""

    def records_unknown(self, *, lane: LaneLabel, count: int) -> None:
        """We gave up their job, so nobody knows what became of these records."""

    def freshness(self, *, stage: Milestone, seconds: float, count: int) -> None:
        """`count` changes reached this milestone `seconds` after the membership changed.

        For a job, `seconds` is the age of its oldest change, not of the job.
        """


class SnapshotTelemetry(Protocol):
    """Facts about snapshots; `audience` is the partner's id of an audience.

    Only the owner of a destination's snapshots reports about it; every process reports `ownership`.
    """

    def ownership(self, *, destination: str, owned: bool) -> None:
        """Whether this process makes the snapshots of the destination.

        If it does not any more, another process reports all levels of the destination.
        """

    def snapshot_state(self, *, destination: str, audience: str, state: SnapshotState) -> None:
        """The audience's next or last snapshot is in this state now, and in no other."""

    def snapshot_stored(
        self, *, destination: str, audience: str, members: int, rows: int, size: int
    ) -> None:
        """A file of `size` bytes, with `members` and `rows`, is complete in the storage."""

    def run_ended(self, *, destination: str, end: RunEnd) -> None:
        """The partner's ingestion of a file ended, or we stopped following it."""

    def budget(self, *, destination: str, used: int, limit: int) -> None:
        """In the last 24 hours and five minutes `used` runs were started; `limit` are allowed."""

    def newest_snapshot(self, *, destination: str, audience: str, at_s: float) -> None:
        """The newest snapshot that the partner ingested is of this time, since the epoch."""

    def expiry(self, *, destination: str, audience: str, at_s: float) -> None:
        """Without another run the partner removes all members at this time, since the epoch."""

    def freshness(self, *, destination: str, action: Action, seconds: float, count: int) -> None:
        """The partner ingested `count` changes `seconds` after the membership changed."""

    def changes_overdue(self, *, destination: str, audience: str, seconds: float) -> None:
        """Changes wait for a run `seconds` longer than the configuration allows, or zero."""

    def pass_overdue(self, *, destination: str, seconds: float) -> None:
        """The most overdue pass over the members is late by `seconds`; zero if none is late.

        If a pass is very late, compaction may have deleted records that it needs.
        """

    def transaction_open(self, *, destination: str, seconds: float) -> None:
        """The oldest open transaction has hidden the records behind it for `seconds`."""

    def members_unfit(self, *, destination: str, is_unfit: bool) -> None:
        """Whether something is wrong with the members topic; if so, no snapshot is made."""

    def beyond_horizon(self, *, destination: str, audience: str, count: int) -> None:
        """Adds were older than the forgotten removes of their member, so they did not count."""


class KafkaTelemetry(Protocol):
    """Facts about consumer groups and readers of topics."""

    def partitions_assigned(self, *, stage: StageName, count: int) -> None:
        """The stage owns this many partitions now; zero when it owns none."""

    def commit_failed(self, *, stage: StageName) -> None:
        """The broker did not accept offsets, or the transaction that carried them."""

    def consumer_lag(self, *, topic: str, partition: int, records: int) -> None:
        """`records` records are between the committed offset and the end of the partition.

        The owner reports this, and for lanes every other process too: the largest value is right.
        """

    def brokers_away(self, *, is_away: bool) -> None:
        """Whether the brokers did not answer the last look at the lag of all groups."""

    def partition_released(self, *, topic: str, partition: int) -> None:
        """We own the partition no more, so we do not report its lag."""

    def offsets_lost(self, *, topic: str, partition: int, records: int) -> None:
        """Records were deleted from the topic before we had settled them."""

    def fetch_failed(self, *, topic: str, partition: int, reason: str) -> None:
        """The partition could not be read; `reason` is the name of the Kafka error."""


class PartnerTelemetry(Protocol):
    """Facts about the clients of partners."""

    def request_answered(
        self, *, destination: str, endpoint: str, code: str, seconds: float
    ) -> None:
        """A request ended after `seconds`.

        `code` is the HTTP status as text, or `timeout`, `reset`, `unreachable`, or `withdrawn`
        (the lane was lost before the whole body was sent). `endpoint` is our name for the request,
        never a path with an identifier in it.
        """

    def tokens_refreshed(self, *, destination: str, outcome: TokenOutcome) -> None:
        """The authorisation server was asked for an access token."""

    def status_polled(self, *, destination: str, code: str) -> None:
        """A job's status was asked for; `code` as in `request_answered`."""
