"""How a members topic is made: its partitions, and the settings that it cannot do without."""

from collections.abc import Mapping

from aiokafka import errors as kafka_errors

from pipeline.kafka.client_options import ClientOptions
from pipeline.kafka.cluster import ClusterTrouble, admin_client
from pipeline.kafka.topic_plans import TopicPlan
from pipeline.kafka.topics import Needed, Topics
from pipeline.stages.snapshot.members_trouble import MembersTrouble
from pipeline.stages.snapshot.ports import TopicUnreadable

PATIENCE_SECONDS = 10.0


class KafkaMembersCheck:
    """Asks the brokers; with a client of its own each time, as it is asked once a minute."""

    def __init__(self, client_options: ClientOptions, destination: str, plan: TopicPlan) -> None:
        self._client_options = client_options
        self._destination = destination
        self._plan = plan

    async def trouble(self) -> MembersTrouble | None:
        """What is wrong with the topic now.

        Raises:
            TopicUnreadable: the brokers do not say.
        """
        try:
            async with admin_client(self._client_options, PATIENCE_SECONDS) as admin:
                found = await Topics(admin, None).needed([self._plan])
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
        return MembersTrouble(
            destination=destination,
            topic=plan.name,
            cause="unmade",
            why=f"topic {plan.name} does not exist any more; the next start makes it anew",
            stops_ingest=True,
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
