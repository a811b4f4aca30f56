"""How a members topic is made: its partitions, and the settings that it cannot do without."""

from collections.abc import Mapping

import structlog
from aiokafka import errors as kafka_errors

from pipeline.kafka.client_options import ClientOptions
from pipeline.kafka.cluster import ClusterTrouble, admin_client
from pipeline.kafka.topic_plans import TopicPlan
from pipeline.kafka.topics import Needed, Topics, TopicTrouble
from pipeline.stages.snapshot.members_trouble import MembersTrouble
from pipeline.stages.snapshot.ports import TopicUnreadable

PATIENCE_SECONDS = 10.0

log = structlog.get_logger(__name__)


class KafkaMembersCheck:
    """Asks the brokers; with a client of its own each time, as it is asked once a minute.

    A topic that was deleted is made anew: the ingest of all destinations waits for it.
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
        """What is wrong with the topic now.

        Raises:
            TopicUnreadable: the brokers do not say.
        """
        try:
            async with admin_client(self._client_options, PATIENCE_SECONDS) as admin:
                topics = Topics(admin, self._replication_factor)
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
    """The trouble of a topic that is not made as planned; None where it is.

    Where partitions are missing ingest cannot write: members have their place in them. Too many
    are in nobody's way, but nobody may have written to them either.
    """
    if plan.name not in found:
        return unmade(destination, plan, f"topic {plan.name} was made anew, and is not seen yet")
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
    """The trouble of a topic that is not there."""
    return MembersTrouble(
        destination=destination, topic=plan.name, cause="unmade", why=why, stops_ingest=True
    )
