"""The consumer of one member of a group, and how that member takes part."""

from collections.abc import Mapping
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor

from pipeline.kafka.client_options import ClientOptions
from pipeline.kafka.offset_resolver import START

NEVER_MS = 2**31 - 1  # for max_poll_interval_ms: full lanes don't poll, and others watch progress


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupOptions:
    """How one stage takes part in its group. Times in seconds."""

    group: str
    startup_timeout: float
    """How long the brokers may be away when the process starts."""
    session_timeout: float
    heartbeat_interval: float
    rebalance_timeout: float
    drain: float
    """How long a rebalance may wait for requests in flight: it stops every lane of the group."""
    grace: float
    """The same at the end of the process, when nobody else waits."""
    instance_id: str | None
    commits: bool
    """False where offsets are committed elsewhere, in transactions."""
    read_committed: bool
    starts: Mapping[str, START]


def make_consumer(client_options: ClientOptions, options: GroupOptions) -> AIOKafkaConsumer:
    """A consumer that commits and resets nothing by itself."""
    return AIOKafkaConsumer(
        group_id=options.group,
        group_instance_id=options.instance_id,
        enable_auto_commit=False,
        auto_offset_reset="none",
        isolation_level="read_committed" if options.read_committed else "read_uncommitted",
        # Spreads topics and not partition numbers: range would give one member all lanes.
        partition_assignment_strategy=(RoundRobinPartitionAssignor,),
        session_timeout_ms=int(options.session_timeout * 1000),
        heartbeat_interval_ms=int(options.heartbeat_interval * 1000),
        rebalance_timeout_ms=int(options.rebalance_timeout * 1000),
        max_poll_interval_ms=NEVER_MS,
        metadata_max_age_ms=30_000,
        **client_options.arguments(),
    )
