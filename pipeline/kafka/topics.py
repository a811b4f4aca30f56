"""Creates our missing topics at start, and checks those that exist."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple, TypeVar

from aiokafka import errors as kafka_errors
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from pipeline.kafka.client_options import ClientOptions
from pipeline.kafka.cluster import admin_client
from pipeline.kafka.made_topics import telling_of, until_told
from pipeline.kafka.record_limits import (
    LARGEST_BATCH,
    USUAL_LARGEST_BATCH,
    RecordLimits,
    largest_record,
)
from pipeline.kafka.topic_permissions import NAMED, Operation, forbidden, granting
from pipeline.kafka.topic_plans import TopicPlan, common_settings

PORTION = 100
"""Most topics of one request."""


class TopicTrouble(Exception):
    """A topic is missing or wrong; the message names it and says what to do."""


class Needed(NamedTuple):
    """The state of a topic with needed settings; each line names the command that mends it."""

    partitions: int
    other_partitions: str | None
    other_settings: Sequence[str]


class Read(NamedTuple):
    """Settings of topics, as the brokers tell of them."""

    values: Mapping[str, Mapping[str, str]]
    """By topic; what a broker does not know is absent."""
    refused: Mapping[str, str]
    """Topics of which they tell no settings, each with the name of their error."""


class Compared(NamedTuple):
    """What there is, beside what there should be: lines, each with the mending command."""

    differences: Sequence[str]
    unread: Sequence[str]
    """About settings that could not be read: they may be right or not."""


class Topics:
    """Creates and inspects topics through a started admin client."""

    def __init__(self, admin: AIOKafkaAdminClient, replication_factor: int | None) -> None:
        self._admin = admin
        self._replication_factor = replication_factor

    async def partitions(self) -> Mapping[str, int]:
        """Return every topic of the cluster with its number of partitions."""
        described = await self._admin.describe_topics()
        return {topic["topic"]: len(topic["partitions"]) for topic in described}

    async def forbidden(self, topics: Sequence[str]) -> Mapping[str, Sequence[Operation]]:
        """Return what we may not do with these topics; see `topic_permissions`."""
        return await forbidden(self._admin, topics)

    async def create(self, plans: Sequence[TopicPlan]) -> Sequence[str]:
        """Create missing topics, wait until the brokers tell of them, and return their names.

        Raises:
            TopicTrouble: creation is forbidden or failed; names the command that creates the topic.
        """
        existing = await self.partitions()
        missing = [plan for plan in plans if plan.name not in existing]
        if not missing:
            return []
        brokers = [one["node_id"] for one in (await self._admin.describe_cluster())["brokers"]]
        factor = self._replication_factor or min(3, len(brokers))
        settings = common_settings(len(brokers))
        for some in _portions(missing):
            new = [
                NewTopic(
                    plan.name, plan.partitions, factor, topic_configs={**settings, **plan.settings}
                )
                for plan in some
            ]
            response = await self._admin.create_topics(new)
            _raise_refusal(response.topic_errors, some, factor, settings)
        names = [plan.name for plan in missing]
        await until_told(telling_of(self._admin, names), brokers)
        return names

    async def compared(self, plans: Sequence[TopicPlan]) -> Compared:
        """Return how existing topics differ from their plans, with the commands that mend them.

        Settings that a topic cannot do without are left to `needed`.
        """
        existing = await self.partitions()
        present = [plan for plan in plans if plan.name in existing]
        brokers = len((await self._admin.describe_cluster())["brokers"])
        settings = common_settings(brokers)
        keys = {LARGEST_BATCH, *settings, *(key for plan in present for key in plan.settings)}
        actual, refused = await self.settings([plan.name for plan in present], keys)
        found = [
            _other_partitions(plan, existing[plan.name])
            for plan in present
            if existing[plan.name] != plan.partitions and not plan.needs
        ]
        for plan in present:
            planned = {**settings, **plan.settings}
            desired = {key: planned[key] for key in planned if key not in plan.needs}
            found += _other_settings(plan.name, desired, actual.get(plan.name, {}))
            found += _small(plan.name, actual.get(plan.name, {}))
        return Compared(found, _unread(refused))

    async def needed(self, plans: Sequence[TopicPlan]) -> Mapping[str, Needed]:
        """Return, for each existing topic, its differences in needed settings and partitions."""
        existing = await self.partitions()
        present = [plan for plan in plans if plan.name in existing]
        settings = common_settings(brokers=1)
        actual, _ = await self.settings(
            [plan.name for plan in present], {key for plan in present for key in plan.needs}
        )
        found = {}
        for plan in present:
            planned = {**settings, **plan.settings}
            desired = {key: planned[key] for key in plan.needs}
            partitions = existing[plan.name]
            is_other = partitions != plan.partitions
            found[plan.name] = Needed(
                partitions,
                _other_partitions(plan, partitions) if is_other else None,
                _other_settings(plan.name, desired, actual.get(plan.name, {})),
            )
        return found

    async def settings(self, topics: Sequence[str], keys: Collection[str]) -> Read:
        """Return the values of these settings, by topic; unknown settings are absent."""
        values: dict[str, Mapping[str, str]] = {}
        refused: dict[str, str] = {}
        for some in _portions(topics):
            # Ask for all keys: the embedded broker closes the connection if a request names some.
            responses = await self._admin.describe_configs(
                [ConfigResource(ConfigResourceType.TOPIC, topic) for topic in some]
            )
            for code, _, _, topic, entries in chain.from_iterable(
                response.resources for response in responses
            ):
                error = kafka_errors.for_code(code)
                if error is kafka_errors.NoError:
                    values[topic] = {entry[0]: entry[1] for entry in entries if entry[0] in keys}
                elif error is not kafka_errors.UnknownTopicOrPartitionError:
                    refused[topic] = error.__name__
        return Read(values, refused)


async def known_limits(
    client_options: ClientOptions, plans: Sequence[TopicPlan], patience: float
) -> RecordLimits:
    """Return the present limits of the topics; a topic without an answer has the usual one.

    Raises:
        ClusterTrouble: no broker answered within `patience` seconds.
    """
    async with admin_client(client_options, patience) as admin:
        topics = Topics(admin, None)
        existing = await topics.partitions()
        names = [plan.name for plan in plans if plan.name in existing]
        values, _ = await topics.settings(names, [LARGEST_BATCH])
    limits = {topic: settings.get(LARGEST_BATCH, "") for topic, settings in values.items()}
    return RecordLimits({topic: int(limit) for topic, limit in limits.items() if limit.isdecimal()})


Item = TypeVar("Item")


def _portions(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    """Yield portions: a request for a thousand topics takes longer than a client waits."""
    for start in range(0, len(items), PORTION):
        yield items[start : start + PORTION]


def _raise_refusal(
    answers: Iterable[Sequence[Any]],
    plans: Sequence[TopicPlan],
    factor: int,
    settings: Mapping[str, str],
) -> None:
    for name, code, *_ in answers:
        error = kafka_errors.for_code(code)
        if error not in (kafka_errors.NoError, kafka_errors.TopicAlreadyExistsError):
            plan = next(plan for plan in plans if plan.name == name)
            raise TopicTrouble(
                f"topic {name} cannot be created ({error.__name__}); create it with: "
                f"{command(plan, factor, settings)}"
            )


def _other_partitions(plan: TopicPlan, actual: int) -> str:
    return (
        f"topic {plan.name} has {actual} partitions instead of {plan.partitions}; "
        f"{_mending(plan, actual)}"
    )


def _other_settings(
    topic: str, desired: Mapping[str, str], actual: Mapping[str, str]
) -> Sequence[str]:
    """Return a line for each setting that differs; the brokers may not know all settings."""
    return [
        f"topic {topic} has {key}={actual[key]} instead of {value}; {_altering(topic, key, value)}"
        for key, value in desired.items()
        if actual.get(key) not in (None, value)
    ]


def _unread(refused: Mapping[str, str]) -> Sequence[str]:
    """A line for each error that the brokers gave instead of settings."""
    lines = []
    for error in sorted(set(refused.values())):
        topics = [topic for topic in refused if refused[topic] == error]
        more = f" and {len(topics) - NAMED} more" if len(topics) > NAMED else ""
        is_forbidden = error == kafka_errors.TopicAuthorizationFailedError.__name__
        remedy = granting(topics, ["DescribeConfigs"]) if is_forbidden else "try again"
        lines.append(
            f"topics: the settings of {', '.join(topics[:NAMED])}{more} could not be read "
            f"({error}), so nobody knows whether they are as needed; {remedy}"
        )
    return lines


def _small(topic: str, actual: Mapping[str, str]) -> Sequence[str]:
    """Return a line if the topic's limit for records is lower than the usual one."""
    limit = actual.get(LARGEST_BATCH, "")
    if not limit.isdecimal() or int(limit) >= USUAL_LARGEST_BATCH:
        return []
    line = (
        f"topic {topic} has {LARGEST_BATCH}={limit}: records of more than "
        f"{largest_record(int(limit))} bytes do not fit and become dead letters; "
        f"{_altering(topic, LARGEST_BATCH, str(USUAL_LARGEST_BATCH))}"
    )
    return [line]


def _altering(topic: str, key: str, value: str) -> str:
    return (
        f"mend it with: kafka-configs.sh --alter --entity-type topics --entity-name {topic} "
        f"--add-config {key}={value}"
    )


def _mending(plan: TopicPlan, actual: int) -> str:
    if plan.needs:
        return (
            "members would be looked for in wrong partitions; if nothing in it is needed, delete "
            f"it with kafka-topics.sh --delete --topic {plan.name}; the next start creates it again"
        )
    if actual < plan.partitions:
        return (
            f"mend it with: kafka-topics.sh --alter --topic {plan.name} "
            f"--partitions {plan.partitions}"
        )
    return (
        f"partitions cannot be removed: once nothing in it is needed, delete it with "
        f"kafka-topics.sh --delete --topic {plan.name}; the next start creates it again"
        + ("; until then this lane is not served" if plan.partitions == 1 else "")
    )


def command(plan: TopicPlan, factor: int, settings: Mapping[str, str]) -> str:
    """Return the shell command that creates a topic as planned."""
    configs = " ".join(
        f"--config {key}={value}" for key, value in {**settings, **plan.settings}.items()
    )
    return (
        f"kafka-topics.sh --create --topic {plan.name} --partitions {plan.partitions} "
        f"--replication-factor {factor} {configs}"
    )
