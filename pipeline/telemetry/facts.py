"""What we say about our work: one method a fact, in our own words, whoever may listen."""

from dataclasses import dataclass
from typing import Literal, Protocol

from pipeline.domain.change import Action
from pipeline.domain.reasons import IgnoredReason, RejectedReason, WithheldReason

Stage = Literal["ingest", "upload", "poll"]

Milestone = Literal[
    "ingest",  # durable in the topic of its lane
    "accepted",  # the partner took the request
    "applied",  # the partner's job ended well
]

FlushReason = Literal[
    "records",  # as many records as a request may carry
    "bytes",  # one more record would not have fitted
    "linger",  # its first record had waited long enough
    "drain",  # the process is stopping
    "probe",  # one record that asks whether a stopped lane may go on
]

LaneState = Literal[
    "running",
    "paused",  # by a person
    "throttled",  # the partner asked us to wait
    "blocked",  # a person has to repair something; probes go on
    "taking_over",  # taken over, and not yet sure that the former owner is silent
]

TokenOutcome = Literal[
    "renewed",
    "refused",  # the authorisation server said no: a person has to authorise us again
    "failed",  # no usable answer; tried again
]


@dataclass(frozen=True, slots=True)
class LaneLabel:
    """How a lane is named to operators."""

    destination: str
    """Its name in the configuration."""
    connection: str
    """The connection, or the advertiser where an audience has none; unique over destinations."""


class Telemetry(Protocol):
    """Everything operators can be told.

    Stated once a batch, with a count, never once a record. Nothing here names a person. Seconds
    and bytes are what they say; a `count` of zero is allowed and changes nothing.
    """

    def build_info(self, *, version: str) -> None:
        """This version of the program is running."""

    # Ingest

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

    def records_prepared(self, *, lane: LaneLabel, count: int) -> None:
        """Records are durable in the topic of their lane."""

    def partitions_assigned(self, *, stage: Stage, count: int) -> None:
        """The stage owns this many partitions now; zero when it owns none."""

    def commit_failed(self, *, stage: Stage) -> None:
        """Offsets, or the transaction that carried them, were not taken by the broker."""

    def consumer_lag(self, *, topic: str, partition: int, records: int) -> None:
        """So many records stand between the committed offset and the end of the partition."""

    def offsets_lost(self, *, topic: str, partition: int, records: int) -> None:
        """Records were deleted from the topic before we had settled them."""

    def partition_released(self, *, topic: str, partition: int) -> None:
        """The partition is another's now: its lag is no longer ours to report."""

    def dead_letters_written(self, *, stage: Stage, reason: RejectedReason, count: int) -> None:
        """Dead letters are durable in their topic."""

    # Upload

    def lane_state(self, *, lane: LaneLabel, state: LaneState) -> None:
        """The lane is in this state now, and in no other."""

    def lane_released(self, *, lane: LaneLabel) -> None:
        """The lane is another's now: its state and its cap are no longer ours to report.

        Nothing more may be said of either until the lane is taken over again.
        """

    def records_superseded(self, *, lane: LaneLabel, count: int) -> None:
        """A later change of the same member overtook these in their batch."""

    def records_expired(self, *, lane: LaneLabel, count: int) -> None:
        """These were too old to be worth sending and became dead letters."""

    def batch_sent(self, *, lane: LaneLabel, reason: FlushReason, records: int) -> None:
        """A batch of this size left for the partner; `reason` says why it was not larger."""

    def request_answered(
        self, *, destination: str, endpoint: str, code: str, seconds: float
    ) -> None:
        """A request ended after `seconds`.

        `code` is the HTTP status as text, or `timeout`, `reset`, `unreachable`, or `withdrawn`
        where the lane was lost before the body had left; `endpoint` is our name for what was
        asked (never a path with an identifier in it).
        """

    def records_accepted(self, *, lane: LaneLabel, action: Action, count: int) -> None:
        """The partner took a request that carried these."""

    def cap_used(self, *, lane: LaneLabel, window_records: int, limit: int) -> None:
        """In the window that ends now `window_records` were sent, of fewer than `limit` allowed."""

    def cap_waited(self, *, lane: LaneLabel, seconds: float) -> None:
        """A batch that was ready waited so long for the cap."""

    def buffered_bytes(self, size: int) -> None:
        """So much of the memory budget is taken now: fetched, batched and in flight."""

    def audiences_paused(self, *, lane: LaneLabel, count: int) -> None:
        """So many audiences of the lane are kept back, or not done yet with what was kept."""

    def tokens_refreshed(self, *, destination: str, outcome: TokenOutcome) -> None:
        """The authorisation server was asked for an access token."""

    # Poll

    def jobs_pending(self, *, lane: LaneLabel, count: int) -> None:
        """This process follows so many jobs of the lane; zero when it has given them up."""

    def status_polled(self, *, destination: str, code: str) -> None:
        """A job's status was asked for; `code` as in `request_answered`."""

    def job_ended(self, *, lane: LaneLabel, state: str, seconds: float) -> None:
        """A job ended `seconds` after its submission, or we stopped to follow it."""

    def job_wholly_invalid(self, *, lane: LaneLabel, audience_id: str) -> None:
        """A job applied none of its records: most likely the partner does not know the audience."""

    def records_applied(self, *, lane: LaneLabel, count: int) -> None:
        """Their job ended well."""

    def records_invalid(self, *, lane: LaneLabel, count: int) -> None:
        """Their job named these invalid; they became dead letters."""

    def records_failed(self, *, lane: LaneLabel, count: int) -> None:
        """Their whole job failed."""

    def records_unknown(self, *, lane: LaneLabel, count: int) -> None:
        """Nobody will ever say what became of these: no job id, or the job was given up."""

    def freshness(self, *, stage: Milestone, seconds: float, count: int) -> None:
        """So many changes reached this milestone `seconds` after the membership changed."""
