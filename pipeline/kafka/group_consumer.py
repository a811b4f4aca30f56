"""The options of a member of a group, and its consumer."""

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
"""Each answer costs time for all lanes of a process, so we wait shortly to join small ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupOptions:
    """The options of one stage in its group. Times in seconds."""

    group: str
    startup_timeout: float | None
    """How long to wait for the brokers when the process starts; None: for ever."""
    session_timeout: float
    heartbeat_interval: float
    rebalance_timeout: float
    drain: float
    """How long a rebalance waits for requests in flight; it stops every lane of the group."""
    grace: float
    """The same wait at the end of the process, when nobody else waits."""
    instance_id: str | None
    commits: bool
    """False where offsets are committed elsewhere, in transactions."""
    read_committed: bool
    starts: Mapping[str, START]
    idle_seconds: float = IDLE_SECONDS
    """A `fetch` without records returns after this time; the watchdog must wait longer."""
    buffer_bytes: int = BUFFER_BYTES
    """Most bytes that the client keeps for workers that do not ask for them."""
    written: Sequence[str] = ()
    """Topics that the group's work fills: a record in one shows that this is no first start."""


def make_consumer(
    client_options: ClientOptions, options: GroupOptions, unit: Unit = "partition"
) -> AIOKafkaConsumer:
    """Make a consumer that does not commit or reset offsets by itself."""
    is_whole = unit == "topic"
    return AIOKafkaConsumer(
        group_id=options.group,
        group_instance_id=options.instance_id,
        enable_auto_commit=False,
        auto_offset_reset="none",
        isolation_level="read_committed" if options.read_committed else "read_uncommitted",
        # The library expects classes, but calls only methods that an object has, too.
        partition_assignment_strategy=(
            WholeTopicAssignor() if is_whole else RoundRobinPartitionAssignor,
        ),
        session_timeout_ms=int(options.session_timeout * 1000),
        heartbeat_interval_ms=int(options.heartbeat_interval * 1000),
        rebalance_timeout_ms=int(options.rebalance_timeout * 1000),
        max_poll_interval_ms=NEVER_MS,
        metadata_max_age_ms=30_000,
        # One answer of one broker. The rest is room for a second answer that waits.
        fetch_max_bytes=options.buffer_bytes // 2,
        **(MANY if is_whole else {}),
        **client_options.arguments(),
    )


def refused(stage: Stage, group: str) -> ClusterTrouble:
    """Return the error for a group that does not admit us: its members have another assignor."""
    kind = WholeTopicAssignor.name if stage.unit == "topic" else RoundRobinPartitionAssignor.name
    return ClusterTrouble(
        f"kafka.namespace: group {group} still has members of another version, which assign its "
        f"topics in another way than this version ({kind}), so the broker does not admit it; "
        f"stop every process that runs {stage.name}, wait until the group is empty (no longer "
        "than kafka.session_timeout_ms), and start the new version"
    )
