"""Makes the stages and their parts from settings, and holds the shared parts."""

import random
import time
import uuid
from collections.abc import Collection, Mapping, Sequence

import aiohttp
import structlog
from aiokafka import TopicPartition

from pipeline.app.clocks import boot_seconds, cap_seconds, wall_ms
from pipeline.app.ingest_gate import IngestGate
from pipeline.app.snapshot_parts import SnapshotParts
from pipeline.configuration.model import Settings
from pipeline.configuration.routing import audience_names, lanes
from pipeline.destinations.contract import Partners
from pipeline.domain.message import StageName
from pipeline.domain.names import Names
from pipeline.http.schema_registry import HttpSchemaRegistry, registry_at
from pipeline.kafka.chunk_trouble import ChunkTrouble
from pipeline.kafka.client_options import ClientOptions
from pipeline.kafka.group import ConsumerGroup
from pipeline.kafka.group_consumer import BUFFER_BYTES, GroupOptions
from pipeline.kafka.group_lag import GroupLag
from pipeline.kafka.lease import IDLE_SECONDS
from pipeline.kafka.message_writer import KafkaMessageWriter
from pipeline.kafka.outcome_reader import KafkaOutcomeReader
from pipeline.kafka.pause_requests import PauseRequestReader
from pipeline.kafka.plain_writer import PlainWriter
from pipeline.kafka.producer import SharedProducer
from pipeline.kafka.record_limits import RecordLimits
from pipeline.kafka.replay import KafkaReplay
from pipeline.kafka.transactional_writer import TransactionalWriter
from pipeline.kafka.trimmer import KafkaTrimmer
from pipeline.operations.clients import Clients
from pipeline.operations.cluster_setup import own_topics
from pipeline.operations.ingest_routes import ingest_routes
from pipeline.operations.lag_reports import LagReports, group_topics
from pipeline.operations.member_topics import member_troubles
from pipeline.sources.encodings.schemas import Schemas
from pipeline.sources.formats import FORMATS
from pipeline.sources.registry import compile_source
from pipeline.sources.settings import SourceSettings
from pipeline.stages.contract import Progress, Stage
from pipeline.stages.dead_letters import DeadLetters
from pipeline.stages.ingest.report import ChunkReport
from pipeline.stages.poll.job_topic import JobTopic
from pipeline.stages.poll.outcomes import Outcomes
from pipeline.stages.poll.pending import PendingJobs
from pipeline.stages.ports import ChunkWriter, Lease, Replay
from pipeline.stages.roster import IngestStage, PollStage
from pipeline.stages.snapshot.members_trouble import MembersTrouble
from pipeline.stages.snapshot.ports import FileStorage
from pipeline.stages.snapshot.stage import SnapshotStage
from pipeline.stages.upload.memory import Budget
from pipeline.stages.upload.served_lane import SharedByLanes
from pipeline.stages.upload.stage import UploadStage
from pipeline.telemetry.prometheus import PrometheusTelemetry

GUARANTEED_BATCHES = 2
CLIENT_SHARE = 8

log = structlog.get_logger(__name__)


class Parts:
    """One method for each part. Only this class and `assembly` know all classes of parts."""

    def __init__(
        self,
        settings: Settings,
        client_options: ClientOptions,
        telemetry: PrometheusTelemetry,
        producers: SharedProducer,
        clients: Clients,
        partners: Partners,
        http: aiohttp.ClientSession,
        limits: RecordLimits,
    ) -> None:
        self._settings = settings
        self._limits = limits
        self._client_options = client_options
        self._telemetry = telemetry
        self._producers = producers
        self._message_writer = KafkaMessageWriter(producers)
        self.chunk_trouble = ChunkTrouble(wall_ms)
        self._clients = clients
        self._partners = partners
        self._http = http
        self._names = Names(settings.kafka.namespace)
        self.controls = PauseRequestReader(client_options, self._names.controls)
        self.registries: dict[str, HttpSchemaRegistry] = {}
        """By source topic."""
        self.progresses: dict[str, Progress] = {}
        self.pending_jobs = PendingJobs(telemetry.poll)

    def ingest(self) -> IngestStage:
        names = audience_names(self._settings)
        for source in self._settings.sources:
            log.info(
                "source", topic=source.topic, format=source.format, key=FORMATS[source.format].keys
            )
        schemas = {source.topic: Schemas() for source in self._settings.sources}
        letters = self._letters("ingest")
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
            routes=ingest_routes(self._settings, self._partners),
            restating={source.topic for source in self._settings.sources if source.restates},
            letters=letters,
            record_limits=self._limits,
            chunk_events=self._settings.ingest.chunk_records,
            report=ChunkReport(telemetry=self._telemetry.ingest, letters=letters, wall_ms=wall_ms),
            wall_ms=wall_ms,
            new_writer=self._writer,
            new_progress=self._progress,
        )

    def upload(self) -> UploadStage:
        served = {lane.topic: self._clients.lane(lane) for lane in lanes(self._settings)}
        largest = max((one.limits.max_bytes for one in served.values()), default=0)
        budget = Budget(
            self._settings.upload.buffer_bytes - self._client_bytes(),
            guaranteed=GUARANTEED_BATCHES * largest,
            lanes=len(served),
        )
        return UploadStage(lanes=served, shared=self._shared_by_lanes(budget))

    def _shared_by_lanes(self, budget: Budget) -> SharedByLanes:
        return SharedByLanes(
            budget=budget,
            message_writer=self._message_writer,
            dead_letters=self._letters("upload"),
            telemetry=self._telemetry.upload,
            lane_telemetry=self._telemetry.lanes,
            jobs_topic=self._names.jobs,
            outcomes_topic=self._names.outcomes,
            trimmer=KafkaTrimmer(self._client_options),
            keep_delivered=self._settings.upload.keep_delivered_hours * 3600,
            pause_requests=self.controls,
            new_replay=self._replay,
            new_progress=self._progress,
            chance=random.random,
            new_id=lambda: uuid.uuid4().hex,
            wall_ms=wall_ms,
            cap_clock=cap_seconds,
        )

    def poll(self) -> PollStage:
        letters = self._letters("poll")
        return PollStage(
            questions=self._clients.questions(),
            outcomes=Outcomes(
                topic=self._names.outcomes,
                message_writer=self._message_writer,
                letters=letters,
                telemetry=self._telemetry.poll,
                wall_ms=wall_ms,
            ),
            job_topic=JobTopic(
                topic=self._names.jobs, message_writer=self._message_writer, letters=letters
            ),
            outcome_reader=KafkaOutcomeReader(self._client_options, self._names.outcomes),
            pending=self.pending_jobs,
            carry_over_after=self._settings.poll.carry_over_seconds,
            chance=random.random,
            wall_ms=wall_ms,
            new_progress=self._progress,
        )

    def snapshot(
        self, storages: Mapping[str, FileStorage], *, without: Collection[str]
    ) -> SnapshotStage:
        """Make the stage for all destinations that take snapshots, except those in `without`."""
        parts = SnapshotParts(
            self._settings,
            client_options=self._client_options,
            telemetry=self._telemetry.snapshot,
            producers=self._producers,
            clients=self._clients,
            partners=self._partners,
            storages=storages,
            new_progress=self._progress,
            wall_ms=wall_ms,
            steady=boot_seconds,
        )
        return parts.stage(without=without)

    def ingest_gate(self, troubles: Sequence[MembersTrouble]) -> IngestGate:
        return IngestGate(
            troubles,
            lambda: member_troubles(self._settings, self._client_options, creates=True),
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
            idle_seconds=min(IDLE_SECONDS, run.watchdog_seconds / 4),
            buffer_bytes=self._client_bytes(),
            written=[plan.name for plan in own_topics(self._settings)],
        )
        return ConsumerGroup(
            stage, self._client_options, options, self._telemetry.kafka, boot_seconds
        )

    def lag_reports(self, groups: Collection[ConsumerGroup]) -> LagReports:
        return LagReports(
            reader=GroupLag(
                self._client_options,
                group_topics(self._settings),
                read_committed=self._settings.kafka.exactly_once,
            ),
            owned=lambda: [tp for group in groups for tp in group.leases],
            telemetry=self._telemetry.kafka,
            brokers=self._settings.kafka.bootstrap_servers,
        )

    def _client_bytes(self) -> int:
        """Return the share of upload's memory that the Kafka client's buffer may use."""
        return min(BUFFER_BYTES, self._settings.upload.buffer_bytes // CLIENT_SHARE)

    def _writer(self, lease: Lease) -> ChunkWriter:
        if not self._settings.kafka.exactly_once:
            return PlainWriter(self._producers, self.chunk_trouble, self._limits)
        return TransactionalWriter(
            self._client_options,
            transactional_id=self._names.transactional_id(lease.topic, lease.partition),
            transaction_timeout=self._settings.kafka.transaction_timeout_ms / 1000,
            group=self._names.group("ingest"),
            source=TopicPartition(lease.topic, lease.partition),
            limits=self._limits,
            trouble=self.chunk_trouble,
        )

    def _registry(self, source: SourceSettings, schemas: Schemas) -> HttpSchemaRegistry:
        assert source.registry is not None
        telemetry, topic = self._telemetry.ingest, source.topic
        self.registries[topic] = registry_at(
            self._http,
            source.registry,
            schemas,
            is_protobuf=source.encoding == "protobuf",
            chance=random.random,
            told=lambda is_away: telemetry.registry_waited_for(source=topic, is_away=is_away),
        )
        return self.registries[topic]

    def _replay(self, topic: str) -> Replay:
        return KafkaReplay(
            self._client_options,
            topic,
            read_committed=self._settings.kafka.exactly_once,
            telemetry=self._telemetry.kafka,
        )

    def _letters(self, stage: StageName) -> DeadLetters:
        return DeadLetters(
            topic=self._names.dead_letters,
            stage=stage,
            # A dead letter of poll holds our own job and no event; it must keep the member's name.
            payload="original" if stage == "poll" else self._settings.dead_letters.payload,
            wall_ms=wall_ms,
            telemetry=self._telemetry.dead_letters,
            limits=self._limits,
        )

    def _progress(self, name: str) -> Progress:
        self.progresses[name] = Progress(name, time.monotonic)
        return self.progresses[name]
