"""Puts everything together, and takes it apart again."""

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version

from aiokafka import AIOKafkaProducer

from pipeline.app.ingest_gate import IngestGate
from pipeline.app.parts import Parts
from pipeline.app.snapshot_parts import opened_storages
from pipeline.configuration.model import Settings
from pipeline.destinations.contract import Partners
from pipeline.destinations.registry import PARTNERS
from pipeline.domain.message import StageName
from pipeline.http.connections import connections
from pipeline.http.schema_registry import HttpSchemaRegistry
from pipeline.kafka.cluster import started
from pipeline.kafka.group import ConsumerGroup
from pipeline.kafka.pause_requests import PauseRequestReader
from pipeline.kafka.producer import SharedProducer, make_producer
from pipeline.kafka.topics import known_limits
from pipeline.operations import cluster_setup
from pipeline.operations.clients import Clients, opened
from pipeline.operations.cluster_setup import own_topics
from pipeline.operations.known_labels import known_labels
from pipeline.operations.lag_reports import LagReports
from pipeline.stages.contract import Progress, Stage
from pipeline.stages.poll.pending import PendingJobs
from pipeline.stages.snapshot.members_trouble import MembersTrouble, unmade
from pipeline.stages.snapshot.ports import FileStorage
from pipeline.telemetry.prometheus import PrometheusTelemetry, prometheus_telemetry

NO_RECORDS_SECONDS = 10.0
"""For connections that carry none: how long the kernel keeps trying after a cut."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline:
    """What runs, and what can be asked about it."""

    settings: Settings
    groups: Mapping[StageName, ConsumerGroup]
    telemetry: PrometheusTelemetry
    clients: Clients
    progresses: Mapping[str, Progress]
    pending_jobs: PendingJobs
    registries: Mapping[str, HttpSchemaRegistry]
    """Schema registries by source topic."""
    lag_reports: LagReports
    """Of partitions that others own: to be followed beside the stages."""
    ingest_gate: IngestGate
    controls: PauseRequestReader | None
    """Where lanes are served: to be followed beside the stages."""


@asynccontextmanager
async def assemble(
    settings: Settings,
    stages: Collection[StageName],
    partners: Partners = PARTNERS,
    *,
    troubles: Sequence[MembersTrouble] = (),
) -> AsyncIterator[Pipeline]:
    """Everything that the stages need, started, and closed again in reverse.

    `troubles` as the cluster was prepared: what they are about is left out, and nothing else.
    """
    async with AsyncExitStack() as stack:
        telemetry = prometheus_telemetry(known_labels(settings))
        telemetry.process.build_info(version=version("audience-pipeline"))
        client_options = cluster_setup.client_options(settings.kafka)
        make = partial(make_producer, client_options, idempotent=settings.kafka.exactly_once)
        # The brokers have answered a moment ago; whoever is told to stop must not wait for them.
        patience = settings.kafka.answer_seconds()
        first = await started(make, AIOKafkaProducer.stop, client_options, patience)
        limits = await known_limits(client_options, own_topics(settings), patience)
        producers = SharedProducer(make, first)
        stack.push_async_callback(producers.close)
        http = await stack.enter_async_context(connections(NO_RECORDS_SECONDS))
        opening = opened(settings, telemetry.partner, partners=partners)
        clients = await stack.enter_async_context(opening)
        parts = Parts(
            settings, client_options, telemetry, producers, clients, partners, http, limits
        )
        storages: Mapping[str, FileStorage] = {}
        if "snapshot" in stages:
            opening_storages = opened_storages(settings, clients, partners)
            storages = await stack.enter_async_context(opening_storages)
        made: dict[StageName, Callable[[], Stage]] = {
            "ingest": parts.ingest,
            "upload": parts.upload,
            "poll": parts.poll,
            "snapshot": lambda: parts.snapshot(storages, without=unmade(troubles)),
        }
        wanted = [made[name]() for name in made if name in stages]
        groups = {stage.name: parts.group(stage) for stage in wanted if stage.topics}
        yield Pipeline(
            settings=settings,
            groups=groups,
            telemetry=telemetry,
            clients=clients,
            progresses=parts.progresses,
            pending_jobs=parts.pending_jobs,
            registries=parts.registries,
            ingest_gate=parts.ingest_gate(troubles),
            lag_reports=parts.lag_reports(groups.values()),
            controls=parts.controls if "upload" in stages else None,
        )
