"""Our topics: made at start where they are missing, and checked where they exist."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from aiokafka import errors as kafka_errors
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


@dataclass(frozen=True, slots=True)
class TopicPlan:
    """One topic as it should be."""

    name: str
    partitions: int
    settings: Mapping[str, str] = field(default_factory=dict)


class TopicTrouble(Exception):
    """A topic is missing or not as it must be; the message says which and what to do."""


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


def common_settings(brokers: int) -> Mapping[str, str]:
    """Settings of every topic of ours: no acknowledged message may be lost with one broker."""
    return {
        "message.timestamp.type": "LogAppendTime",
        "unclean.leader.election.enable": "false",
        "min.insync.replicas": "2" if brokers >= 3 else "1",
    }


class Topics:
    """Creates and inspects topics through an admin client that is started."""

    def __init__(self, admin: AIOKafkaAdminClient, replication_factor: int | None) -> None:
        self._admin = admin
        self._replication_factor = replication_factor

    async def partitions(self) -> Mapping[str, int]:
        """Every topic of the cluster with its number of partitions."""
        described = await self._admin.describe_topics()
        return {topic["topic"]: len(topic["partitions"]) for topic in described}

    async def create(self, plans: Sequence[TopicPlan]) -> Sequence[str]:
        """Create those that are missing; returns their names.

        Raises:
            TopicTrouble: creation is forbidden or failed; names the command that would do it.
        """
        existing = await self.partitions()
        missing = [plan for plan in plans if plan.name not in existing]
        if not missing:
            return []
        brokers = len((await self._admin.describe_cluster())["brokers"])
        factor = self._replication_factor or min(3, brokers)
        settings = common_settings(brokers)
        response = await self._admin.create_topics(
            [
                NewTopic(
                    plan.name, plan.partitions, factor, topic_configs={**settings, **plan.settings}
                )
                for plan in missing
            ]
        )
        for name, code, *_ in response.topic_errors:
            error = kafka_errors.for_code(code)
            if error not in (kafka_errors.NoError, kafka_errors.TopicAlreadyExistsError):
                plan = next(plan for plan in missing if plan.name == name)
                raise TopicTrouble(
                    f"topic {name} cannot be created ({error.__name__}); create it with: "
                    f"{command(plan, factor, settings)}"
                )
        return [plan.name for plan in missing]

    async def differences(self, plans: Sequence[TopicPlan]) -> Sequence[str]:
        """What existing topics have otherwise than they should, each with the mending command."""
        existing = await self.partitions()
        present = [plan for plan in plans if plan.name in existing]
        brokers = len((await self._admin.describe_cluster())["brokers"])
        settings = common_settings(brokers)
        found = [
            f"topic {plan.name} has {existing[plan.name]} partitions instead of {plan.partitions}; "
            f"{_mending(plan, existing[plan.name])}"
            for plan in present
            if existing[plan.name] != plan.partitions
        ]
        responses = await self._admin.describe_configs(
            [ConfigResource(ConfigResourceType.TOPIC, plan.name) for plan in present]
        )
        actual = {
            resource[3]: {entry[0]: entry[1] for entry in resource[4]}
            for response in responses
            for resource in response.resources
        }
        for plan in present:
            for key, wanted in {**settings, **plan.settings}.items():
                value = actual.get(plan.name, {}).get(key)
                if value is not None and value != wanted:
                    found.append(
                        f"topic {plan.name} has {key}={value} instead of {wanted}; mend it with: "
                        f"kafka-configs.sh --alter --entity-type topics --entity-name {plan.name} "
                        f"--add-config {key}={wanted}"
                    )
        return found


def _mending(plan: TopicPlan, actual: int) -> str:
    if actual < plan.partitions:
        return (
            f"mend it with: kafka-topics.sh --alter --topic {plan.name} "
            f"--partitions {plan.partitions}"
        )
    return (
        f"partitions cannot be taken away: once nothing in it is needed, delete it with "
        f"kafka-topics.sh --delete --topic {plan.name}; the next start makes it anew"
        + ("; until then this lane is not served" if plan.partitions == 1 else "")
    )


def command(plan: TopicPlan, factor: int, settings: Mapping[str, str]) -> str:
    """The shell command that would create a topic as planned."""
    configs = " ".join(
        f"--config {key}={value}" for key, value in {**settings, **plan.settings}.items()
    )
    return (
        f"kafka-topics.sh --create --topic {plan.name} --partitions {plan.partitions} "
        f"--replication-factor {factor} {configs}"
    )
