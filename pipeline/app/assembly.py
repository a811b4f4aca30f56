"""Starts all parts of a process, and closes them again."""

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version

from pipeline.app.ingest_gate import IngestGate
from pipeline.app.parts import Parts
from pipeline.app.snapshot_parts import opened_storages
from pipeline.configuration.model import Settings
from pipeline.destinations.contract import Partners
from pipeline.destinations.registry import PARTNERS
from pipeline.domain.message import StageName
from pipeline.http.connections import connections
from pipeline.http.schema_registry import HttpSchemaRegistry
from pipeline.kafka.chunk_trouble import ChunkTrouble
from pipeline.kafka.cluster import once_they_stay
from pipeline.kafka.group import ConsumerGroup
from pipeline.kafka.pause_requests import PauseRequestReader
from pipeline.kafka.topics import known_limits
from pipeline.operations.clients import Clients, opened
from pipeline.operations.cluster_setup import client_options, own_topics
from pipeline.operations.known_labels import known_labels
from pipeline.operations.lag_reports import LagReports
from pipeline.operations.producing import shared_producer
from pipeline.stages.contract import Progress, Stage
from pipeline.stages.poll.pending import PendingJobs
from pipeline.stages.snapshot.members_trouble import MembersTrouble, without_owner
from pipeline.stages.snapshot.ports import FileStorage
from pipeline.telemetry.prometheus import PrometheusTelemetry, prometheus_telemetry

NO_RECORDS_SECONDS = 10.0
"""How long the kernel keeps trying after a network cut, on connections without records."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline:
    """The running parts, and the parts that report about them."""

    settings: Settings
    groups: Mapping[StageName, ConsumerGroup]
    telemetry: PrometheusTelemetry
    clients: Clients
    progresses: Mapping[str, Progress]
    pending_jobs: PendingJobs
    registries: Mapping[str, HttpSchemaRegistry]
    """Schema registries by source topic."""
    lag_reports: LagReports
    """Reports for partitions of other processes; to be run beside the stages."""
    ingest_gate: IngestGate
    chunk_trouble: ChunkTrouble
    """What keeps an ingest that runs from writing."""
    controls: PauseRequestReader | None
    """To be run beside the stages; None where no lanes are served."""


@asynccontextmanager
async def assemble(
    settings: Settings,
    stages: Collection[StageName],
    partners: Partners = PARTNERS,
    *,
    troubles: Sequence[MembersTrouble] = (),
) -> AsyncIterator[Pipeline]:
    """Start everything that the stages need, without the destinations that nobody can own.

    `troubles`: what the start has found about members topics.
    """
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        telemetry = prometheus_telemetry(known_labels(settings))
        telemetry.process.build_info(version=version("audience-pipeline"))
        options = client_options(settings.kafka)
        patience = settings.kafka.answer_seconds()  # the brokers answered a moment ago
        producers = await enter(shared_producer(settings.kafka, patience))
        look = partial(known_limits, options, own_topics(settings), patience)
        limits = await once_they_stay(look, patience)
        http = await enter(connections(NO_RECORDS_SECONDS))
        clients = await enter(opened(settings, telemetry.partner, partners=partners))
        parts = Parts(settings, options, telemetry, producers, clients, partners, http, limits)
        storages = await enter(_storages(settings, stages, clients, partners))
        without = without_owner(troubles)
        groups = _groups(stages, parts, partial(parts.snapshot, storages, without=without))
        yield Pipeline(
            settings=settings,
            groups=groups,
            telemetry=telemetry,
            clients=clients,
            progresses=parts.progresses,
            pending_jobs=parts.pending_jobs,
            registries=parts.registries,
            ingest_gate=parts.ingest_gate(troubles),
            chunk_trouble=parts.chunk_trouble,
            lag_reports=parts.lag_reports(groups.values()),
            controls=parts.controls if "upload" in stages else None,
        )


@asynccontextmanager
async def _storages(
    settings: Settings, stages: Collection[StageName], clients: Clients, partners: Partners
) -> AsyncIterator[Mapping[str, FileStorage]]:
    """Yield the storage of each destination that takes files; none without the snapshot stage."""
    if "snapshot" not in stages:
        yield {}
        return
    async with opened_storages(settings, clients, partners) as storages:
        yield storages


def _groups(
    stages: Collection[StageName], parts: Parts, snapshot: Callable[[], Stage]
) -> Mapping[StageName, ConsumerGroup]:
    """Make the consumer group of each stage, in the order in which records pass the stages."""
    make: Mapping[StageName, Callable[[], Stage]] = {
        "ingest": parts.ingest,
        "upload": parts.upload,
        "poll": parts.poll,
        "snapshot": snapshot,
    }
    wanted = [make[name]() for name in make if name in stages]
    return {stage.name: parts.group(stage) for stage in wanted if stage.topics}
