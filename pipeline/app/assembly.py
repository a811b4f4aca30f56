"""Puts everything together: the only module that knows every class."""

import random
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version

import aiohttp
import structlog
from aiokafka import AIOKafkaProducer, TopicPartition
from prometheus_client import CollectorRegistry

from pipeline.configuration.model import Settings
from pipeline.configuration.routing import audience_names, lanes
from pipeline.domain.message import StageName
from pipeline.domain.names import Names
from pipeline.http.schema_registry import HttpSchemaRegistry, registry_at
from pipeline.kafka.client_options import ClientOptions
from pipeline.kafka.cluster import started
from pipeline.kafka.group import ConsumerGroup
from pipeline.kafka.group_consumer import GroupOptions
from pipeline.kafka.message_writer import KafkaMessageWriter
from pipeline.kafka.outcome_reader import KafkaOutcomeReader
from pipeline.kafka.pause_requests import PauseRequestReader
from pipeline.kafka.producer import SharedProducer
from pipeline.kafka.replay import KafkaReplay
from pipeline.kafka.transactional_writer import PlainWriter, TransactionalWriter, make_producer
from pipeline.kafka.trimmer import KafkaTrimmer
from pipeline.operations import cluster_setup
from pipeline.operations.clients import Partners
from pipeline.operations.ingest_routes import ingest_routes
from pipeline.sources.encodings.schemas import Schemas
from pipeline.sources.keying import KEYS
from pipeline.sources.registry import compile_source
from pipeline.sources.settings import SourceSettings
from pipeline.stages.contract import DeadLetters, Progress, Stage
from pipeline.stages.ingest.worker import IngestDesk
from pipeline.stages.poll.plan import PollDesk
from pipeline.stages.ports import ChunkWriter, Lease, Replay
from pipeline.stages.roster import IngestStage, PollStage, UploadStage
from pipeline.stages.upload.memory import Budget
from pipeline.stages.upload.plan import Desk
from pipeline.telemetry.facts import LaneLabel
from pipeline.telemetry.metrics import PrometheusTelemetry

GUARANTEED_BATCHES = 2

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline:
    """What runs, and what can be asked about it."""

    settings: Settings
    groups: Mapping[StageName, ConsumerGroup]
    telemetry: PrometheusTelemetry
    partners: Partners
    progresses: Mapping[str, Progress]
    pending_jobs: Mapping[LaneLabel, int]
    controls: PauseRequestReader | None
    """Where lanes are served: to be followed beside the stages."""


@asynccontextmanager
async def assemble(settings: Settings, stages: Collection[StageName]) -> AsyncIterator[Pipeline]:
    """Everything that the stages need, started, and closed again in reverse."""
    async with AsyncExitStack() as stack:
        telemetry = PrometheusTelemetry(CollectorRegistry())
        telemetry.build_info(version=version("audience-pipeline"))
        client_options = cluster_setup.client_options(settings.kafka)
        make = partial(make_producer, client_options, idempotent=settings.kafka.exactly_once)
        patience = settings.kafka.startup_timeout_seconds
        first = await started(make, AIOKafkaProducer.stop, client_options, patience)
        producers = SharedProducer(make, first)
        stack.push_async_callback(producers.close)
        # Bounded by requests_per_second and max_in_flight, not by sockets.
        connector = aiohttp.TCPConnector(limit=0)
        http = await stack.enter_async_context(aiohttp.ClientSession(connector=connector))
        partners = Partners(settings, http, telemetry)
        parts = _Parts(settings, client_options, telemetry, producers, partners, http)
        made: dict[StageName, Callable[[], Stage]] = {
            "ingest": parts.ingest,
            "upload": parts.upload,
            "poll": parts.poll,
        }
        yield Pipeline(
            settings=settings,
            groups={name: parts.group(made[name]()) for name in made if name in stages},
            telemetry=telemetry,
            partners=partners,
            progresses=parts.progresses,
            pending_jobs=parts.pending_jobs,
            controls=parts.controls if "upload" in stages else None,
        )


class _Parts:
    """Makes stages from settings; holds what they share."""

    def __init__(
        self,
        settings: Settings,
        client_options: ClientOptions,
        telemetry: PrometheusTelemetry,
        producers: SharedProducer,
        partners: Partners,
        http: aiohttp.ClientSession,
    ) -> None:
        self._settings = settings
        self._client_options = client_options
        self._telemetry = telemetry
        self._producers = producers
        self._message_writer = KafkaMessageWriter(producers)
        self._partners = partners
        self._http = http
        self._names = Names(settings.kafka.namespace)
        self.controls = PauseRequestReader(client_options, self._names.controls)
        self.progresses: dict[str, Progress] = {}
        self.pending_jobs: Counter[LaneLabel] = Counter()

    def ingest(self) -> IngestStage:
        names = audience_names(self._settings)
        for source in self._settings.sources:
            log.info("source", topic=source.topic, format=source.format, key=KEYS[source.format])
        schemas = {source.topic: Schemas() for source in self._settings.sources}
        return IngestStage(
            reads={
                source.topic: compile_source(source, audiences=names, schemas=schemas[source.topic])
                for source in self._settings.sources
            },
            registries={
                source.topic: self._registry(source, schemas[source.topic])
                for source in self._settings.sources
                if source.registry is not None
            },
            desk=IngestDesk(
                routes=ingest_routes(self._settings),
                letters=self._letters("ingest"),
                telemetry=self._telemetry,
                wall_ms=_wall_ms,
                chunk_records=self._settings.ingest.chunk_records,
            ),
            new_writer=self._writer,
            new_progress=self._progress,
        )

    def upload(self) -> UploadStage:
        served = {lane.topic: self._partners.lane(lane) for lane in lanes(self._settings)}
        largest = max((one.plan.limits.max_bytes for one in served.values()), default=0)
        return UploadStage(
            lanes=served,
            budget=Budget(
                self._settings.upload.buffer_bytes,
                guaranteed=GUARANTEED_BATCHES * largest,
                lanes=len(served),
            ),
            desk=Desk(
                message_writer=self._message_writer,
                letters=self._letters("upload"),
                telemetry=self._telemetry,
                jobs_topic=self._names.jobs,
                outcomes_topic=self._names.outcomes,
                trimmer=KafkaTrimmer(self._client_options),
                keep_delivered=self._settings.upload.keep_delivered_hours * 3600,
                controls=self.controls,
                new_replay=self._replay,
                chance=random.random,
                new_id=lambda: uuid.uuid4().hex,
                wall_ms=_wall_ms,
            ),
            new_progress=self._progress,
        )

    def poll(self) -> PollStage:
        return PollStage(
            desk=PollDesk(
                plans=self._partners.poll_plans(),
                message_writer=self._message_writer,
                letters=self._letters("poll"),
                outcome_reader=KafkaOutcomeReader(self._client_options, self._names.outcomes),
                telemetry=self._telemetry,
                jobs_topic=self._names.jobs,
                outcomes_topic=self._names.outcomes,
                chance=random.random,
                wall_ms=_wall_ms,
                pending=self.pending_jobs,
            ),
            new_progress=self._progress,
        )

    def group(self, stage: Stage) -> ConsumerGroup:
        kafka, run = self._settings.kafka, self._settings.run
        is_ingest = stage.name == "ingest"
        options = GroupOptions(
            group=self._names.group(stage.name),
            startup_timeout=kafka.startup_timeout_seconds,
            session_timeout=kafka.session_timeout_ms / 1000,
            heartbeat_interval=kafka.heartbeat_interval_ms / 1000,
            rebalance_timeout=self._settings.rebalance_timeout_ms() / 1000,
            drain=self._settings.upload.drain_seconds,
            grace=run.grace_seconds,
            instance_id=kafka.instance_id,
            commits=not (is_ingest and kafka.exactly_once),
            read_committed=kafka.exactly_once,
            starts={source.topic: source.start for source in self._settings.sources},
        )
        return ConsumerGroup(stage, self._client_options, options, self._telemetry, boot_seconds)

    def _writer(self, lease: Lease) -> ChunkWriter:
        if not self._settings.kafka.exactly_once:
            return PlainWriter(self._producers)
        return TransactionalWriter(
            self._client_options,
            transactional_id=self._names.transactional_id(lease.topic, lease.partition),
            transaction_timeout=self._settings.kafka.transaction_timeout_ms / 1000,
            group=self._names.group("ingest"),
            source=TopicPartition(lease.topic, lease.partition),
        )

    def _registry(self, source: SourceSettings, schemas: Schemas) -> HttpSchemaRegistry:
        assert source.registry is not None
        return registry_at(
            self._http,
            source.registry,
            schemas,
            is_protobuf=source.encoding == "protobuf",
            chance=random.random,
        )

    def _replay(self, topic: str) -> Replay:
        return KafkaReplay(
            self._client_options,
            topic,
            read_committed=self._settings.kafka.exactly_once,
            telemetry=self._telemetry,
        )

    def _letters(self, stage: StageName) -> DeadLetters:
        return DeadLetters(
            topic=self._names.dead_letters,
            stage=stage,
            # A letter of poll holds our own job and no event; it names a member and must keep it.
            payload="original" if stage == "poll" else self._settings.dead_letters.payload,
            wall_ms=_wall_ms,
            telemetry=self._telemetry,
        )

    def _progress(self, name: str) -> Progress:
        self.progresses[name] = Progress(name, time.monotonic)
        return self.progresses[name]


def boot_seconds() -> float:
    """A clock that goes on while the machine is suspended: other machines' clocks do, too."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000
