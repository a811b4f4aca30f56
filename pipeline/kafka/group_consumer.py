"""The consumer of one member of a group, and how that member takes part."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor

from pipeline.kafka.assignor import WholeTopicAssignor
from pipeline.kafka.client_options import ClientOptions
from pipeline.kafka.cluster import ClusterTrouble
from pipeline.kafka.lease import IDLE_SECONDS
from pipeline.kafka.offset_resolver import START
from pipeline.stages.contract import Stage, Unit

NEVER_MS = 2**31 - 1  # for max_poll_interval_ms: full lanes don't poll, and others watch progress
BUFFER_BYTES = 16 * 1024 * 1024
MANY = {"fetch_min_bytes": 64 * 1024, "fetch_max_wait_ms": 500}
"""Each answer costs what all lanes of a process do, so many small ones are worth a short wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupOptions:
    """How one stage takes part in its group. Times in seconds."""

    group: str
    startup_timeout: float | None
    """How long the brokers may be away when the process starts; None for as long as it takes."""
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
    idle_seconds: float = IDLE_SECONDS
    """A worker that waits for records hears this often that nothing came; the watchdog must wait
    for longer."""
    buffer_bytes: int = BUFFER_BYTES
    """What the client may keep for workers that do not ask for it."""
    written: Sequence[str] = ()
    """Topics that the work of the group fills: a record in one says that it is no first start."""


def make_consumer(
    client_options: ClientOptions, options: GroupOptions, unit: Unit = "partition"
) -> AIOKafkaConsumer:
    """A consumer that commits and resets nothing by itself."""
    is_whole = unit == "topic"
    return AIOKafkaConsumer(
        group_id=options.group,
        group_instance_id=options.instance_id,
        enable_auto_commit=False,
        auto_offset_reset="none",
        isolation_level="read_committed" if options.read_committed else "read_uncommitted",
        # The library asks for classes, but calls nothing of them that an object does not have.
        partition_assignment_strategy=(
            WholeTopicAssignor() if is_whole else RoundRobinPartitionAssignor,
        ),
        session_timeout_ms=int(options.session_timeout * 1000),
        heartbeat_interval_ms=int(options.heartbeat_interval * 1000),
        rebalance_timeout_ms=int(options.rebalance_timeout * 1000),
        max_poll_interval_ms=NEVER_MS,
        metadata_max_age_ms=30_000,
        # One answer of one broker; more than one waits only until somebody takes it.
        fetch_max_bytes=options.buffer_bytes // 2,
        **(MANY if is_whole else {}),
        **client_options.arguments(),
    )


def refused(stage: Stage, group: str) -> ClusterTrouble:
    """What to say when the broker does not take us into a group for the assignor of the others."""
    kind = WholeTopicAssignor.name if stage.unit == "topic" else RoundRobinPartitionAssignor.name
    return ClusterTrouble(
        f"kafka.namespace: group {group} still has members of another version, which share out "
        f"its topics otherwise than this one does ({kind}), so the broker does not take it in; "
        f"stop every process that runs {stage.name}, wait until the group is empty (no longer "
        "than kafka.session_timeout_ms), and start the new version"
    )
