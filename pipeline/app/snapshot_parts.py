"""Makes the snapshot stage from settings: one owner for each destination that takes snapshots."""

import random
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from pipeline.configuration.model import Settings
from pipeline.configuration.routing import snapshot_audiences, snapshot_destinations
from pipeline.destinations.contract import Partners
from pipeline.destinations.snapshots import SnapshotAudience, Snapshots
from pipeline.domain.names import Names
from pipeline.kafka.client_options import ClientOptions
from pipeline.kafka.ingest_backlog import IngestBacklog
from pipeline.kafka.member_topic import KafkaMemberTopic
from pipeline.kafka.members_check import KafkaMembersCheck
from pipeline.kafka.owner_writer import PlainOwnerWriter, TransactionalOwnerWriter
from pipeline.kafka.producer import SharedProducer
from pipeline.kafka.topic_plans import members_topic
from pipeline.operations.clients import Clients
from pipeline.operations.partner_api import partner_api
from pipeline.operations.snapshots.storage import opened_storage
from pipeline.stages.contract import Progress
from pipeline.stages.ports import Lease
from pipeline.stages.snapshot.budget import Budget
from pipeline.stages.snapshot.changes_watch import ChangesWatch
from pipeline.stages.snapshot.journal import Journal
from pipeline.stages.snapshot.members_condition import MembersCondition
from pipeline.stages.snapshot.membership_pass import MembershipPass
from pipeline.stages.snapshot.ports import FileStorage, OwnerWriter, Pass, Written
from pipeline.stages.snapshot.shared import SharedByAudiences
from pipeline.stages.snapshot.stage import ServedDestination, SnapshotStage
from pipeline.telemetry.facts import SnapshotTelemetry


class SnapshotParts:
    """One method for each part of the snapshot stage."""

    def __init__(
        self,
        settings: Settings,
        *,
        client_options: ClientOptions,
        telemetry: SnapshotTelemetry,
        producers: SharedProducer,
        clients: Clients,
        partners: Partners,
        storages: Mapping[str, FileStorage],
        new_progress: Callable[[str], Progress],
        wall_ms: Callable[[], int],
        steady: Callable[[], float],
    ) -> None:
        """`storages`: by destination; the caller opens and closes them."""
        self._settings = settings
        self._client_options = client_options
        self._telemetry = telemetry
        self._producers = producers
        self._clients = clients
        self._partners = partners
        self._storages = storages
        self._new_progress = new_progress
        self._wall_ms = wall_ms
        self._steady = steady
        self._names = Names(settings.kafka.namespace)

    def stage(self, *, without: Collection[str]) -> SnapshotStage:
        return SnapshotStage(
            destinations={
                self._names.snapshots(name): self._served(name)
                for name in snapshot_destinations(self._settings)
                if name not in without
            },
            new_backlog=lambda: IngestBacklog(
                self._client_options,
                group=self._names.group("ingest"),
                sources=[source.topic for source in self._settings.sources],
            ),
        )

    def _served(self, name: str) -> ServedDestination:
        return ServedDestination(
            name=name,
            audiences=[
                audience
                for destination, audience in snapshot_audiences(self._settings, self._partners)
                if destination == name
            ],
            new_shared=lambda lease: self._shared(name, lease),
        )

    def _shared(self, name: str, lease: Lease) -> SharedByAudiences:
        snapshots = self._clients.snapshots(name)
        budget = Budget(snapshots.rules, self._steady)
        topic_name = self._names.members(name)
        topic = KafkaMemberTopic(self._client_options, topic_name)
        journal = Journal(lease.topic, self._writer(name, lease), budget, self._wall_ms)
        plan = members_topic(topic_name, topic.partitions)
        return SharedByAudiences(
            destination=name,
            rules=snapshots.rules,
            lease=lease,
            journal=journal,
            budget=budget,
            storage=self._storages[name],
            runs=self._clients.runs(name),
            watch=ChangesWatch(
                topic,
                quiet=snapshots.rules.quiet,
                is_alone=self._settings.kafka.exactly_once,
            ),
            members=MembersCondition(
                destination=name,
                topic_name=topic_name,
                topic=topic,
                check=KafkaMembersCheck(
                    self._client_options, name, plan, self._settings.kafka.replication_factor
                ),
                known=journal.known_members,
                telemetry=self._telemetry,
            ),
            new_pass=_Passes(topic, topic_name, snapshots),
            telemetry=self._telemetry,
            progress=self._new_progress(f"snapshot {name}"),
            wall_ms=self._wall_ms,
            chance=random.random,
        )

    def _writer(self, name: str, lease: Lease) -> OwnerWriter:
        kafka = self._settings.kafka
        if not kafka.exactly_once:
            return PlainOwnerWriter(self._producers, lease.topic)
        return TransactionalOwnerWriter(
            self._client_options,
            transactional_id=self._names.snapshot_transactional_id(name),
            transaction_timeout=kafka.transaction_timeout_ms / 1000,
            lease=lease,
        )


class _Passes:
    """Begins passes over the members of one destination."""

    def __init__(self, topic: KafkaMemberTopic, topic_name: str, snapshots: Snapshots) -> None:
        self._topic = topic
        self._topic_name = topic_name
        self._snapshots = snapshots

    def __call__(
        self,
        audience: SnapshotAudience,
        *,
        ends: Sequence[int],
        now_ms: int,
        uuid: str | None,
        write: Callable[[Sequence[Written]], Awaitable[object]],
    ) -> Pass:
        async def written(messages: Sequence[Written]) -> None:
            await write(messages)

        return MembershipPass(
            topic=self._topic,
            topic_name=self._topic_name,
            audience=audience,
            rules=self._snapshots.rules,
            row=self._snapshots.row,
            ends=ends,
            now_ms=now_ms,
            uuid=uuid,
            write=written,
        )


@asynccontextmanager
async def opened_storages(
    settings: Settings, clients: Clients, partners: Partners
) -> AsyncIterator[Mapping[str, FileStorage]]:
    """Yield the storage of each destination that takes snapshots; close all at the end."""
    async with AsyncExitStack() as stack:
        storages = {}
        for name in snapshot_destinations(settings):
            api = partner_api(settings, clients, name, partners)
            opening = opened_storage(api, clients.snapshots(name))
            storages[name] = await stack.enter_async_context(opening)
        yield storages
