"""What we say about our work: one method a fact, and one small protocol for each room that speaks.

Facts are stated once a batch, with a count, never once a record. Nothing here names a person.
Seconds and bytes are what they say; a `count` of zero is allowed and changes nothing.
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
    """How a lane is named to operators."""

    destination: str
    """Its name in the configuration."""
    connection: str
    """The connection, or the advertiser where an audience has none; unique over destinations."""


class ProcessTelemetry(Protocol):
    """What the process says of itself."""

    def build_info(self, *, version: str) -> None:
        """This version of the program is running."""


class DeadLetterTelemetry(Protocol):
    """What every stage says of what it could not carry."""

    def dead_letters_written(self, *, stage: StageName, reason: RejectedReason, count: int) -> None:
        """Dead letters are durable in their topic."""


class IngestTelemetry(Protocol):
    """What ingest says."""

    def events_consumed(self, *, source: str, count: int) -> None:
        """Events were read from the upstream topic `source`, and their offset is committed."""

    def events_ignored(self, *, source: str, reason: IgnoredReason, count: int) -> None:
        """Events stated no membership and were passed over."""

    def changes_read(self, *, source: str, action: Action, count: int) -> None:
        """Events stated this many membership changes."""

    def changes_rejected(self, *, source: str, reason: RejectedReason, count: int) -> None:
        """Events or changes of them could not be sent and became dead letters."""

    def changes_withheld(self, *, destination: str, reason: WithheldReason, count: int) -> None:
        """Consent forbade these changes to be sent to `destination`; no dead letter."""

    def registry_waited_for(self, *, source: str, is_away: bool) -> None:
        """A schema of this source was asked for, and the registry does not answer, or does."""

    def records_prepared(self, *, lane: LaneLabel, count: int) -> None:
        """Records are durable in the topic of their lane."""

    def freshness(self, *, stage: Milestone, seconds: float, count: int) -> None:
        """So many changes reached this milestone `seconds` after the membership changed."""


class LaneTelemetry(Protocol):
    """What the owner of a lane says of the lane itself."""

    def lane_state(self, *, lane: LaneLabel, state: LaneState) -> None:
        """The lane is in this state now, and in no other."""

    def lane_released(self, *, lane: LaneLabel) -> None:
        """The lane is another's now: its state and its cap are no longer ours to report.

        Nothing more may be said of either until the lane is taken over again.
        """

    def cap_used(self, *, lane: LaneLabel, window_records: int, limit: int) -> None:
        """In the window that ends now `window_records` were sent, of fewer than `limit` allowed."""

    def cap_waited(self, *, lane: LaneLabel, seconds: float) -> None:
        """A batch that was ready waited so long for the cap."""

    def buffered_bytes(self, size: int) -> None:
        """So much of the memory budget of all lanes is taken now: fetched, batched, in flight."""

    def audiences_paused(self, *, lane: LaneLabel, count: int) -> None:
        """So many audiences of the lane are paused, or still send what was kept meanwhile."""


class UploadTelemetry(Protocol):
    """What upload says of records."""

    def records_superseded(self, *, lane: LaneLabel, count: int) -> None:
        """A later change of the same member overtook these in their batch."""

    def batch_sent(self, *, lane: LaneLabel, reason: FlushReason, records: int) -> None:
        """A batch of this size is due, and is sent from now on; `reason`: why it was not larger.

        Said once for a batch, before it is paid for, and not for each of its attempts.
        """

    def records_accepted(self, *, lane: LaneLabel, action: Action, count: int) -> None:
        """The partner took a request that carried these."""

    def records_applied(self, *, lane: LaneLabel, count: int) -> None:
        """The partner's answer said that these are carried out: it has no jobs."""

    def records_unknown(self, *, lane: LaneLabel, count: int) -> None:
        """The partner took these and named no job, so nobody can say what became of them."""

    def freshness(self, *, stage: Milestone, seconds: float, count: int) -> None:
        """So many changes reached this milestone `seconds` after the membership changed."""


class PollTelemetry(Protocol):
    """What poll says."""

    def jobs_pending(self, *, lane: LaneLabel, count: int) -> None:
        """This process follows so many jobs of the lane; zero when it has given them up."""

    def jobs_of_other_versions(self, count: int) -> None:
        """This process keeps so many job messages that another version of it wrote."""

    def job_ended(self, *, lane: LaneLabel, state: str, seconds: float) -> None:
        """A job ended `seconds` after its submission, or we stopped following it."""

    def job_wholly_invalid(self, *, lane: LaneLabel, audience_id: str) -> None:
        """A job applied none of its records: most likely the partner does not know the audience."""

    def records_applied(self, *, lane: LaneLabel, count: int) -> None:
        """Their job ended well."""

    def records_invalid(self, *, lane: LaneLabel, count: int) -> None:
        """Their job named these invalid; they became dead letters."""

    def records_failed(self, *, lane: LaneLabel, count: int) -> None:
        """Their whole job failed."""

    def records_unknown(self, *, lane: LaneLabel, count: int) -> None:
        """Their job was given up, so nobody can say what became of these."""

    def freshness(self, *, stage: Milestone, seconds: float, count: int) -> None:
        """So many changes reached this milestone `seconds` after the membership changed.

        Of a job it is the age of the oldest change in it, not the age of the job.
        """


class SnapshotTelemetry(Protocol):
    """What making snapshots says; an `audience` is the partner's id of it.

    Only who owns the snapshots of a destination says anything of it but `ownership`.
    """

    def ownership(self, *, destination: str, owned: bool) -> None:
        """Whether this process makes the snapshots of the destination.

        Where it no longer does, all levels of the destination are another's to report.
        """

    def snapshot_state(self, *, destination: str, audience: str, state: SnapshotState) -> None:
        """The audience's next or last snapshot is in this state now, and in no other."""

    def snapshot_stored(
        self, *, destination: str, audience: str, members: int, rows: int, size: int
    ) -> None:
        """A file of `size` bytes is complete in the storage, with so many members and rows."""

    def run_ended(self, *, destination: str, end: RunEnd) -> None:
        """The partner's ingestion of a file ended, or we stopped following it."""

    def budget(self, *, destination: str, used: int, limit: int) -> None:
        """In the last 24 hours and five minutes so many runs were started, of `limit` allowed."""

    def newest_snapshot(self, *, destination: str, audience: str, at_s: float) -> None:
        """The newest membership that the partner took well is of this time, since the epoch."""

    def expiry(self, *, destination: str, audience: str, at_s: float) -> None:
        """Without another run the partner lets all members leave then, since the epoch."""

    def freshness(self, *, destination: str, action: Action, seconds: float, count: int) -> None:
        """So many changes were taken by the partner `seconds` after the membership changed."""

    def changes_overdue(self, *, destination: str, audience: str, seconds: float) -> None:
        """What waits for the next run is so much later than the configuration allows; else zero."""

    def pass_overdue(self, *, destination: str, seconds: float) -> None:
        """The latest pass over the memberships is so late; zero where none is late.

        One that is very late may read a membership of which compaction took a part.
        """

    def transaction_open(self, *, destination: str, seconds: float) -> None:
        """So long the oldest open transaction has hidden memberships that stand behind it."""

    def members_unfit(self, *, destination: str, is_unfit: bool) -> None:
        """Whether something is wrong with the members topic: no snapshot is made until then."""

    def beyond_horizon(self, *, destination: str, audience: str, count: int) -> None:
        """Changes were older than what is forgotten of their member, so they were not taken."""


class KafkaTelemetry(Protocol):
    """What the consumer groups and the readers of topics say."""

    def partitions_assigned(self, *, stage: StageName, count: int) -> None:
        """The stage owns this many partitions now; zero when it owns none."""

    def commit_failed(self, *, stage: StageName) -> None:
        """Offsets, or the transaction that carried them, were not taken by the broker."""

    def consumer_lag(self, *, topic: str, partition: int, records: int) -> None:
        """So many records stand between the committed offset and the end of the partition.

        The owner says it, and for lanes every other process too: the largest is right.
        """

    def brokers_away(self, *, is_away: bool) -> None:
        """Whether the brokers left the latest look at the lag of all groups without an answer."""

    def partition_released(self, *, topic: str, partition: int) -> None:
        """The partition is another's now: its lag is no longer ours to report."""

    def offsets_lost(self, *, topic: str, partition: int, records: int) -> None:
        """Records were deleted from the topic before we had settled them."""

    def fetch_failed(self, *, topic: str, partition: int, reason: str) -> None:
        """The partition could not be read; `reason` is the name of the Kafka error."""


class PartnerTelemetry(Protocol):
    """What the clients of partners say."""

    def request_answered(
        self, *, destination: str, endpoint: str, code: str, seconds: float
    ) -> None:
        """A request ended after `seconds`.

        `code` is the HTTP status as text, or `timeout`, `reset`, `unreachable`, or `withdrawn`
        where the lane was lost before the body had left; `endpoint` is our name for what was
        asked (never a path with an identifier in it).
        """

    def tokens_refreshed(self, *, destination: str, outcome: TokenOutcome) -> None:
        """The authorisation server was asked for an access token."""

    def status_polled(self, *, destination: str, code: str) -> None:
        """A job's status was asked for; `code` as in `request_answered`."""
