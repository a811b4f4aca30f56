"""Every fact that can be stated, stated once."""

from typing import Protocol

from pipeline.telemetry.facts import (
    DeadLetterTelemetry,
    IngestTelemetry,
    KafkaTelemetry,
    LaneLabel,
    LaneTelemetry,
    PartnerTelemetry,
    PollTelemetry,
    ProcessTelemetry,
    SnapshotTelemetry,
    UploadTelemetry,
)

LANE = LaneLabel("amazon-na", "connection-1")
TOPIC = "audience.records.amazon-na.connection-1"


class AllTelemetry(Protocol):
    """The facts of every room, each at its door."""

    @property
    def process(self) -> ProcessTelemetry: ...
    @property
    def dead_letters(self) -> DeadLetterTelemetry: ...
    @property
    def ingest(self) -> IngestTelemetry: ...
    @property
    def lanes(self) -> LaneTelemetry: ...
    @property
    def upload(self) -> UploadTelemetry: ...
    @property
    def poll(self) -> PollTelemetry: ...
    @property
    def snapshot(self) -> SnapshotTelemetry: ...
    @property
    def kafka(self) -> KafkaTelemetry: ...
    @property
    def partner(self) -> PartnerTelemetry: ...


def state_every_fact(telemetry: AllTelemetry) -> None:
    """Call each method of each room once, so that each of its series exists."""
    telemetry.process.build_info(version="1.2.3")
    telemetry.dead_letters.dead_letters_written(stage="ingest", reason="malformed", count=2)
    _state_ingest(telemetry.ingest)
    _state_lanes(telemetry.lanes)
    _state_upload(telemetry.upload)
    _state_poll(telemetry.poll)
    _state_snapshot(telemetry.snapshot)
    _state_kafka(telemetry.kafka)
    _state_partner(telemetry.partner)


def _state_ingest(telemetry: IngestTelemetry) -> None:
    telemetry.events_consumed(source="cdp.membership", count=100)
    telemetry.events_ignored(source="cdp.membership", reason="tombstone", count=1)
    telemetry.changes_read(source="cdp.membership", action="add", count=99)
    telemetry.changes_rejected(source="cdp.membership", reason="malformed", count=2)
    telemetry.changes_withheld(destination="amazon-na", reason="consent_denied", count=3)
    telemetry.registry_waited_for(source="cdp.membership", is_away=True)
    telemetry.records_prepared(lane=LANE, count=94)
    telemetry.freshness(stage="ingest", seconds=3, count=94)


def _state_lanes(telemetry: LaneTelemetry) -> None:
    telemetry.lane_state(lane=LANE, state="running")
    telemetry.cap_used(lane=LANE, window_records=89, limit=15_000_000)
    telemetry.cap_waited(lane=LANE, seconds=0.5)
    telemetry.buffered_bytes(65_536)
    telemetry.audiences_paused(lane=LANE, count=2)
    telemetry.lane_released(lane=LaneLabel("amazon-na", "of another process"))


def _state_upload(telemetry: UploadTelemetry) -> None:
    telemetry.records_superseded(lane=LANE, count=4)
    telemetry.batch_sent(lane=LANE, reason="linger", records=89)
    telemetry.records_accepted(lane=LANE, action="add", count=89)
    telemetry.records_applied(lane=LANE, count=5)
    telemetry.records_unknown(lane=LANE, count=1)
    telemetry.freshness(stage="accepted", seconds=12, count=89)


def _state_poll(telemetry: PollTelemetry) -> None:
    telemetry.jobs_pending(lane=LANE, count=7)
    telemetry.jobs_of_other_versions(2)
    telemetry.job_ended(lane=LANE, state="SUCCEEDED", seconds=45)
    telemetry.job_wholly_invalid(lane=LANE, audience_id="347891")
    telemetry.records_applied(lane=LANE, count=80)
    telemetry.records_invalid(lane=LANE, count=4)
    telemetry.records_failed(lane=LANE, count=3)
    telemetry.records_unknown(lane=LANE, count=1)
    telemetry.freshness(stage="applied", seconds=60, count=80)


def _state_snapshot(telemetry: SnapshotTelemetry) -> None:
    telemetry.ownership(destination="adobe-prod", owned=True)
    telemetry.snapshot_state(destination="adobe-prod", audience="aud-1", state="running")
    telemetry.snapshot_stored(
        destination="adobe-prod", audience="aud-1", members=900, rows=1100, size=70_000
    )
    telemetry.run_ended(destination="adobe-prod", end="applied")
    telemetry.budget(destination="adobe-prod", used=71, limit=90)
    telemetry.newest_snapshot(destination="adobe-prod", audience="aud-1", at_s=1_800_000_000)
    telemetry.expiry(destination="adobe-prod", audience="aud-1", at_s=1_802_592_000)
    telemetry.freshness(destination="adobe-prod", action="remove", seconds=7200, count=40)
    telemetry.changes_overdue(destination="adobe-prod", audience="aud-1", seconds=900)
    telemetry.pass_overdue(destination="adobe-prod", seconds=60)
    telemetry.transaction_open(destination="adobe-prod", seconds=1300)
    telemetry.members_unfit(destination="adobe-prod", is_unfit=True)
    telemetry.beyond_horizon(destination="adobe-prod", audience="aud-1", count=3)


def _state_kafka(telemetry: KafkaTelemetry) -> None:
    telemetry.partitions_assigned(stage="ingest", count=6)
    telemetry.commit_failed(stage="ingest")
    telemetry.consumer_lag(topic=TOPIC, partition=0, records=94)
    telemetry.brokers_away(is_away=True)
    telemetry.offsets_lost(topic=TOPIC, partition=0, records=5)
    telemetry.fetch_failed(topic=TOPIC, partition=0, reason="CorruptRecordError")
    telemetry.partition_released(topic="of another process", partition=0)


def _state_partner(telemetry: PartnerTelemetry) -> None:
    telemetry.request_answered(destination="amazon-na", endpoint="records", code="202", seconds=0.3)
    telemetry.tokens_refreshed(destination="amazon-na", outcome="renewed")
    telemetry.status_polled(destination="amazon-na", code="200")
