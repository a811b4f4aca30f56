"""Our topics as they should be: partitions and settings, with the reasons."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


@dataclass(frozen=True, slots=True)
class TopicPlan:
    """One topic as it should be."""

    name: str
    partitions: int
    settings: Mapping[str, str] = field(default_factory=dict)
    needs: Collection[str] = ()
    """Settings without which what it holds would be wrong: no snapshot is made of it where they
    differ, nor where its partitions do."""


def lane_topic(name: str) -> TopicPlan:
    """A lane's topic has one owner, and keeps what it holds until that owner trims it.

    A partner may be away for longer than any retention, and a broker's default of
    retention.bytes applies to topics that do not set it.
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
    """Keeps the last message of each key for ever."""
    return TopicPlan(name, 1, {"cleanup.policy": "compact"})


def members_topic(name: str, partitions: int) -> TopicPlan:
    """Keeps the newest statement about each member, and for a while those before it.

    Snapshots are read up to a fixed end. Without the lag, a record that is replaced behind that
    end would vanish before it, and a late add would erase the newer remove of its member.
    """
    settings = {
        "cleanup.policy": "compact",
        "min.compaction.lag.ms": str(DAY_MS),
        "max.compaction.lag.ms": str(3 * DAY_MS),
        "delete.retention.ms": str(3 * DAY_MS),
    }
    return TopicPlan(name, partitions, settings, needs=(*settings, "message.timestamp.type"))


def common_settings(brokers: int) -> Mapping[str, str]:
    """Settings of every topic of ours: no acknowledged message may be lost with one broker."""
    return {
        "message.timestamp.type": "LogAppendTime",
        "unclean.leader.election.enable": "false",
        "min.insync.replicas": "2" if brokers >= 3 else "1",
    }
