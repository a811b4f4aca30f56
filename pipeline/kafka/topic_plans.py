"""The planned partitions and settings of our topics, with the reasons."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


@dataclass(frozen=True, slots=True)
class TopicPlan:
    """The plan of one topic."""

    name: str
    partitions: int
    settings: Mapping[str, str] = field(default_factory=dict)
    needs: Collection[str] = ()
    """Settings that the topic cannot do without: if they or its partitions differ, no snapshot is
    made of it."""


def lane_topic(name: str) -> TopicPlan:
    """Plan a lane's topic: one partition for its one owner, and no retention but its trims.

    A partner may be away for longer than any retention. A topic that does not set retention.bytes
    gets the broker's default.
    """
    return TopicPlan(
        name,
        1,
        {
            "retention.ms": "-1",
            "retention.bytes": "-1",
            "cleanup.policy": "delete",
            "segment.ms": str(HOUR_MS),
        },
    )


def kept_topic(name: str, partitions: int, days: int) -> TopicPlan:
    return TopicPlan(
        name,
        partitions,
        {
            "retention.ms": str(days * DAY_MS),
            "retention.bytes": "-1",
            "cleanup.policy": "delete",
        },
    )


def compacted_topic(name: str) -> TopicPlan:
    """Plan a topic that keeps the last message of each key for ever."""
    return TopicPlan(name, 1, {"cleanup.policy": "compact"})


def members_topic(name: str, partitions: int) -> TopicPlan:
    """Plan a topic that keeps the last record of each member, and older ones for a while.

    A pass reads up to a fixed end. Without the compaction lag, a record before that end would
    vanish when a newer one comes behind it, and a late add would erase the newer remove.
    """
    settings = {
        "cleanup.policy": "compact",
        "min.compaction.lag.ms": str(DAY_MS),
        "max.compaction.lag.ms": str(3 * DAY_MS),
        "delete.retention.ms": str(3 * DAY_MS),
    }
    return TopicPlan(name, partitions, settings, needs=(*settings, "message.timestamp.type"))


def common_settings(brokers: int) -> Mapping[str, str]:
    """Return the settings of all our topics: the loss of one broker must lose no message."""
    return {
        "message.timestamp.type": "LogAppendTime",
        "unclean.leader.election.enable": "false",
        "min.insync.replicas": "2" if brokers >= 3 else "1",
    }
