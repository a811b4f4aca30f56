"""The model of the whole YAML file; this package has every key with its type and default."""

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
    """Events that are processed between two turns of the event loop."""


class UploadSettings(Section):
    buffer_bytes: Count = 134_217_728
    """Bytes of memory for everything fetched, batched or in flight in a process."""
    drain_seconds: Decimal = Field(default=2, ge=0)
    """How long a rebalance waits for requests in flight before they are cut off."""
    keep_delivered_hours: Decimal = Field(default=72, ge=0)
    """How long sent records stay in their topic, for a replay."""
    probe_seconds: Positive = 60
    """How often a blocked lane tries one record."""


class PollSettings(Section):
    carry_over_seconds: Positive = 900
    """A job that is still pending after this is written again, so that it does not delay others."""
    partitions: Whole = Field(default=6, ge=1, le=1_000)
    """Partitions of the topics of jobs and of outcomes, if we create them."""


class DeadLetterSettings(Section):
    payload: Literal["original", "reference"] = "original"
    """`original` keeps the event with its personal data; `reference` keeps only its position."""
    partitions: Whole = Field(default=6, ge=1, le=1_000)
    """Partitions of the topic of dead letters, if we create it."""


class RunSettings(Section):
    grace_seconds: Positive = 25
    """Seconds from the stop signal to the end; less than the platform's kill delay."""
    watchdog_seconds: Positive = 300
    """A process with work but without progress for so long ends itself."""


class AdminSettings(Section):
    host: Text = "0.0.0.0"  # noqa: S104 -- scraped and probed from outside the container
    port: Whole = Field(default=9464, ge=0, le=65_535)
    """The port of /metrics, /healthz, /readyz and /status; 0: any free port."""


class LoggingSettings(Section):
    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["json", "console"] = "json"


Destination = Annotated[SerializeAsAny[DestinationSettings], PlainValidator(read_destination)]


class Settings(Section):
    """The whole configuration; `load` also checks the sections against each other."""

    kafka: KafkaSettings = KafkaSettings()
    sources: tuple[SourceSettings, ...] = ()
    """The topics to which upstream writes membership changes."""
    destinations: Mapping[DestinationName, Destination] = Field(min_length=1)
    """Partners by a name of the user's choice; lanes, topics and metrics use this name."""
    audiences: tuple[AudienceSettings, ...] = ()
    ingest: IngestSettings = IngestSettings()
    upload: UploadSettings = UploadSettings()
    poll: PollSettings = PollSettings()
    dead_letters: DeadLetterSettings = DeadLetterSettings()
    run: RunSettings = RunSettings()
    admin: AdminSettings = AdminSettings()
    logging: LoggingSettings = LoggingSettings()

    def rebalance_timeout_ms(self) -> int:
        """The configured timeout; by default one longer than the former owner's proof and drain."""
        if self.kafka.rebalance_timeout_ms is not None:
            return self.kafka.rebalance_timeout_ms
        heartbeats = 2 * self.kafka.heartbeat_interval_ms
        return self.drained_session_ms() + heartbeats + REBALANCE_MARGIN_MS

    def drained_session_ms(self) -> int:
        """The session timeout plus the drain time."""
        return self.kafka.session_timeout_ms + round(self.upload.drain_seconds * 1_000)
