"""Checks the partitions and needed settings of a members topic, and our permissions on it."""

from collections.abc import Mapping, Sequence

import structlog
from aiokafka import errors as kafka_errors

from pipeline.kafka.client_options import ClientOptions
from pipeline.kafka.cluster import ClusterTrouble, admin_client
from pipeline.kafka.topic_permissions import Operation, granting
from pipeline.kafka.topic_plans import TopicPlan
from pipeline.kafka.topics import Needed, Topics, TopicTrouble
from pipeline.stages.snapshot.members_trouble import MembersTrouble
from pipeline.stages.snapshot.ports import TopicUnreadable

PATIENCE_SECONDS = 10.0

log = structlog.get_logger(__name__)


class KafkaMembersCheck:
    """Asks the brokers about the topic, with a new client each time: once a minute.

    It creates a deleted topic again, because the ingest of all destinations waits for it.
    """

    def __init__(
        self,
        client_options: ClientOptions,
        destination: str,
        plan: TopicPlan,
        replication_factor: int | None,
    ) -> None:
        self._client_options = client_options
        self._replication_factor = replication_factor
        self._destination = destination
        self._plan = plan

    async def trouble(self) -> MembersTrouble | None:
        """Return what is wrong with the topic now; None for nothing.

        Raises:
            TopicUnreadable: the brokers do not say.
        """
        try:
            async with admin_client(self._client_options, PATIENCE_SECONDS) as admin:
                topics = Topics(admin, self._replication_factor)
                # First, because a topic that we may not see looks like a deleted one.
                if missing := await topics.forbidden([self._plan.name]):
                    return denied(self._destination, self._plan.name, missing)
                for name in await topics.create([self._plan]):
                    log.error("topic was deleted: made anew", topic=name)
                found = await topics.needed([self._plan])
        except TopicTrouble as trouble:
            return unmade(self._destination, self._plan, str(trouble))
        except (kafka_errors.KafkaError, ClusterTrouble) as error:
            raise TopicUnreadable(f"{self._plan.name}: {error}") from error
        return made_otherwise(self._destination, self._plan, found)


def made_otherwise(
    destination: str, plan: TopicPlan, found: Mapping[str, Needed]
) -> MembersTrouble | None:
    """Return the trouble of a topic that is not made as planned; None where it is.

    With too few partitions ingest cannot write, because some members belong in the missing ones.
    With too many it can.
    """
    if plan.name not in found:
        return unmade(
            destination, plan, f"topic {plan.name} was created again, but is not seen yet"
        )
    partitions, other_partitions, other_settings = found[plan.name]
    if other_partitions is not None:
        return MembersTrouble(
            destination=destination,
            topic=plan.name,
            cause="partitions",
            why=other_partitions,
            stops_ingest=partitions < plan.partitions,
        )
    if other_settings:
        return MembersTrouble(
            destination=destination,
            topic=plan.name,
            cause="settings",
            why="; ".join(other_settings),
        )
    return None


def unmade(destination: str, plan: TopicPlan, why: str) -> MembersTrouble:
    """Return the trouble of a topic that does not exist."""
    return MembersTrouble(
        destination=destination,
        topic=plan.name,
        cause="unmade",
        why=why,
        stops_ingest=True,
        stops_owner=True,
    )


def denied(
    destination: str, members: str, missing: Mapping[str, Sequence[Operation]]
) -> MembersTrouble:
    """Return the trouble of a destination whose members topic or owner's topic is denied to us.

    Ingest goes on if it may write: its records are right, and will be read later.
    """
    ours, owners = missing.get(members, ()), [one for one in missing if one != members]
    return MembersTrouble(
        destination=destination,
        topic=members if ours else owners[0],
        cause="denied",
        why="; ".join(_forbidden(topic, missing[topic]) for topic in missing),
        stops_ingest="Write" in ours,
        stops_owner=any("Read" in missing[topic] for topic in owners),
    )


def _forbidden(topic: str, operations: Sequence[Operation]) -> str:
    return (
        f"topic {topic} is forbidden to us ({' and '.join(operations)}); "
        f"{granting([topic], operations)}"
    )
