"""Turns settings into connections to the cluster, and makes sure that its topics exist."""

import ssl
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

import structlog

from pipeline.configuration.kafka import KafkaSettings
from pipeline.configuration.model import Settings
from pipeline.configuration.routing import lanes, snapshot_destinations
from pipeline.domain.names import Names
from pipeline.kafka.client_options import ClientOptions
from pipeline.kafka.cluster import ClusterTrouble, admin_client, check_transactions
from pipeline.kafka.read_back import Stored, read_back
from pipeline.kafka.topic_plans import TopicPlan, compacted_topic, kept_topic, lane_topic
from pipeline.kafka.topic_reader import TopicReader, reading
from pipeline.kafka.topics import Topics
from pipeline.operations.lane_topics import left_behind
from pipeline.operations.left_audiences import members_left
from pipeline.operations.member_topics import member_troubles, snapshot_topics
from pipeline.operations.stored_format import OtherFormat, check_stored_format
from pipeline.settings.problems import suggestion
from pipeline.stages.snapshot.members_trouble import MembersTrouble

JOB_DAYS, OUTCOME_DAYS, LETTER_DAYS = 14, 90, 30

log = structlog.get_logger(__name__)


def client_options(kafka: KafkaSettings) -> ClientOptions:
    """The options of every Kafka client of this process."""
    secret = kafka.sasl.secret()
    is_bearer = kafka.sasl.mechanism == "OAUTHBEARER"
    return ClientOptions(
        bootstrap_servers=kafka.bootstrap_servers,
        client_id=kafka.client_id,
        security_protocol=kafka.security_protocol,
        ssl_context=(lambda: _ssl_context(kafka)) if "SSL" in kafka.security_protocol else None,
        sasl_mechanism=kafka.sasl.mechanism or "PLAIN",
        username=kafka.sasl.username,
        password=secret.read if secret is not None and not is_bearer else None,
        token=secret.read if secret is not None and is_bearer else None,
    )


def _ssl_context(kafka: KafkaSettings) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=kafka.ssl.ca_file)
    context.check_hostname = kafka.ssl.check_hostname
    if kafka.ssl.cert_file is not None:
        key = kafka.ssl.key_secret()
        password = key.read if key is not None else None
        context.load_cert_chain(kafka.ssl.cert_file, kafka.ssl.key_file, password)
    return context


def reader(kafka: KafkaSettings) -> AbstractAsyncContextManager[TopicReader]:
    """A reader of topics with the isolation level of this configuration's stages."""
    return reading(
        client_options(kafka),
        committed_only=kafka.exactly_once,
        patience=kafka.answer_seconds(),
    )


async def read_since(
    kafka: KafkaSettings, topics: Sequence[str], since_ms: int, take: Callable[[Stored], None]
) -> None:
    """Pass every message written to these topics at or after this time to `take`.

    Raises:
        ClusterTrouble: the cluster cannot be reached, or one of the topics does not exist.
    """
    async with reader(kafka) as open_reader:
        await read_back(open_reader, topics, since_ms, take)


def own_topics(settings: Settings) -> Sequence[TopicPlan]:
    """Every topic of ours, with the settings that it should have."""
    names = Names(settings.kafka.namespace)
    members = [snapshot_topics(names, name) for name in snapshot_destinations(settings)]
    return [*_shared_topics(settings), *(plan for plans in members for plan in plans)]


def _shared_topics(settings: Settings) -> Sequence[TopicPlan]:
    """The topics of ours that all destinations share, and those of lanes."""
    names = Names(settings.kafka.namespace)
    return [
        *(lane_topic(lane.topic) for lane in lanes(settings)),
        kept_topic(names.jobs, settings.poll.partitions, JOB_DAYS),
        kept_topic(names.outcomes, settings.poll.partitions, OUTCOME_DAYS),
        kept_topic(names.dead_letters, settings.dead_letters.partitions, LETTER_DAYS),
        compacted_topic(names.controls),
    ]


@dataclass(frozen=True, slots=True)
class Prepared:
    """Faults of the cluster with which a run can start."""

    differences: Sequence[str]
    """Lines, each with the remedy."""
    unread: Sequence[str]
    """Lines, each with the remedy: about settings of topics that the brokers do not tell us."""
    troubles: Sequence[MembersTrouble]
    """Faults that stop one destination; the others are served."""


async def prepare(settings: Settings, *, creates: bool) -> Prepared:
    """Check that the cluster has what a run needs; returns the faults with which it can start.

    With `creates`, create missing topics, and wait for the brokers as long as a start may.

    Raises:
        ClusterTrouble, TopicTrouble: something is missing; the message has the remedy.
    """
    kafka = settings.kafka
    plans, shared = own_topics(settings), _shared_topics(settings)
    patience = kafka.startup_timeout_seconds if creates else kafka.answer_seconds()
    async with admin_client(client_options(kafka), patience) as admin:
        topics = Topics(admin, kafka.replication_factor)
        existing = await topics.partitions()
        for source in settings.sources:
            if source.topic not in existing:
                raise ClusterTrouble(
                    f"sources: topic {source.topic!r} does not exist at {kafka.bootstrap_servers}; "
                    f"create it, or correct the name ({suggestion(source.topic, sorted(existing))})"
                )
        unknown = await _format_not_known(settings)
        if creates:
            for name in await topics.create(shared):
                log.info("topic created", topic=name)
        else:
            missing = [plan.name for plan in plans if plan.name not in existing]
            if missing:
                log.info("topics that run would create", topics=missing)
        compared = await topics.compared(plans)
        left = [
            *await left_behind(settings, admin, client_options(kafka), existing),
            *await members_left(settings, client_options(kafka), existing),
        ]
    troubles = await member_troubles(settings, client_options(kafka), creates=creates)
    if kafka.exactly_once:
        await check_transactions(client_options(kafka), f"{kafka.namespace}.ingest.check")
    return Prepared([*unknown, *compared.differences, *left], compared.unread, troubles)


async def _format_not_known(settings: Settings) -> Sequence[str]:
    """A warning if the version that wrote the namespace cannot be read now; a start goes on.

    Raises:
        OtherFormat: another version wrote the namespace.
    """
    kafka = settings.kafka
    try:
        await check_stored_format(
            client_options(kafka), kafka.namespace, patience=kafka.answer_seconds()
        )
    except OtherFormat:
        raise
    except ClusterTrouble as trouble:
        return [f"kafka.namespace: could not check which version wrote it: {trouble}"]
    return []
