"""The one YAML file as a whole; every key, its kind and its default is in this package."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, PlainValidator, SerializeAsAny

from pipeline.configuration.kafka import KafkaSettings
from pipeline.configuration.partners import read_destination
from pipeline.configuration.targets import AudienceSettings
from pipeline.destinations.contract import DestinationSettings
from pipeline.settings.values import (
    Count,
    Decimal,
    DestinationName,
    Positive,
    Section,
    Text,
    Whole,
)
from pipeline.sources.settings import SourceSettings

REBALANCE_MARGIN_MS = 1_000


class IngestSettings(Section):
    chunk_records: Whole = Field(default=500, ge=1, le=100_000)
    """Events worked through between two turns of the event loop."""


class UploadSettings(Section):
    buffer_bytes: Count = 134_217_728
    """All that is fetched, batched or in flight in a process, bodies included, bytes."""
    drain_seconds: Decimal = Field(default=2, ge=0)
    """How long a rebalance waits for requests in flight before they are cut off."""
    keep_delivered_hours: Decimal = Field(default=72, ge=0)
    """How long sent records stay in their topic, for a replay."""
    probe_seconds: Positive = 60
    """How often a blocked lane tries one record."""


class PollSettings(Section):
    carry_over_seconds: Positive = 900
    """A job still pending after this is written again, so that it holds up no other."""
    partitions: Whole = Field(default=6, ge=1, le=1_000)
    """Of the topics of jobs and of outcomes, when we create them."""


class DeadLetterSettings(Section):
    payload: Literal["original", "reference"] = "original"
    """original keeps the event, personal data included; reference only where it was."""
    partitions: Whole = Field(default=6, ge=1, le=1_000)
    """Of the topic of dead letters, when we create it."""


class RunSettings(Section):
    grace_seconds: Positive = 25
    """From the signal to stop to the end; shorter than the platform's kill delay."""
    watchdog_seconds: Positive = 300
    """A process that has work and gets nowhere for so long ends itself."""


class AdminSettings(Section):
    host: Text = "0.0.0.0"  # noqa: S104 -- scraped and probed from outside the container
    port: Whole = Field(default=9464, ge=0, le=65_535)
    """/metrics, /healthz, /readyz and /status; 0: any free port."""


class LoggingSettings(Section):
    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["json", "console"] = "json"


Destination = Annotated[SerializeAsAny[DestinationSettings], PlainValidator(read_destination)]


class Settings(Section):
    """The whole configuration; `load` checks what single values cannot show."""

    kafka: KafkaSettings = KafkaSettings()
    sources: tuple[SourceSettings, ...] = ()
    """Topics that upstream writes membership changes to."""
    destinations: Mapping[DestinationName, Destination] = Field(min_length=1)
    """Partners by a name of our own, which lanes, topics and metrics carry."""
    audiences: tuple[AudienceSettings, ...] = ()
    ingest: IngestSettings = IngestSettings()
    upload: UploadSettings = UploadSettings()
    poll: PollSettings = PollSettings()
    dead_letters: DeadLetterSettings = DeadLetterSettings()
    run: RunSettings = RunSettings()
    admin: AdminSettings = AdminSettings()
    logging: LoggingSettings = LoggingSettings()

    def rebalance_timeout_ms(self) -> int:
        """The configured one, or one that outlasts the former owner's proof and its drain."""
        if self.kafka.rebalance_timeout_ms is not None:
            return self.kafka.rebalance_timeout_ms
        heartbeats = 2 * self.kafka.heartbeat_interval_ms
        return self.drained_session_ms() + heartbeats + REBALANCE_MARGIN_MS

    def drained_session_ms(self) -> int:
        """A session and a drain, one after the other."""
        return self.kafka.session_timeout_ms + round(self.upload.drain_seconds * 1_000)
