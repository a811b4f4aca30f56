"""A members topic that an ACL keeps us from: one destination's trouble, named with its remedy."""

import asyncio
from collections.abc import Sequence

import pytest

from pipeline.configuration.model import Settings
from pipeline.domain.member_record import PARTITIONS
from pipeline.domain.names import Names
from pipeline.kafka.members_check import KafkaMembersCheck
from pipeline.kafka.topic_plans import members_topic
from pipeline.operations.cluster_setup import prepare
from pipeline.stages.snapshot.members_trouble import MembersTrouble, without_owner
from tests.conftest import Cluster
from tests.integration.test_member_layout import layouts, make_topics, settings_in, settings_of
from tests.integration.world import connection
from tests.servers.topic_acls import DESCRIBE, READ, WRITE, denied

pytestmark = pytest.mark.kafka


@pytest.fixture
async def settings(apache_kafka: Cluster, namespace: str) -> Settings:
    """
    Of one destination that takes snapshots, of which nothing was made yet.
    """
    found = settings_of(apache_kafka, namespace, exactly_once=True)
    await make_topics(apache_kafka, found.sources[0].topic)
    return found


@pytest.fixture
def members(settings: Settings) -> str:
    return Names(settings.kafka.namespace).members("files")


@pytest.fixture
def owners(settings: Settings) -> str:
    return Names(settings.kafka.namespace).snapshots("files")


async def started(settings: Settings) -> Sequence[MembersTrouble]:
    """What a start finds wrong; that it returns at all is what the others need of it."""
    return (await prepare(settings, creates=True)).troubles


@pytest.mark.parametrize(
    ("operations", "lacks", "stops_ingest"),
    [
        ([DESCRIBE], "(Read and Write and Describe)", True),
        ([WRITE], "(Write)", True),
        ([READ], "(Read)", False),
    ],
)
async def test_a_start_names_what_is_forbidden_and_goes_on(
    apache_kafka: Cluster,
    settings: Settings,
    members: str,
    operations: Sequence[int],
    lacks: str,
    *,
    stops_ingest: bool,
) -> None:
    """
    Ingest waits where it could not write, and nowhere else. Nothing stays once it is allowed.
    """
    assert await started(settings) == []

    async with denied(apache_kafka, members, *operations):
        [found] = await started(settings)
        [seen] = (await prepare(settings, creates=False)).troubles

    assert (found.destination, found.cause, found.topic) == ("files", "denied", members)
    assert found.stops_ingest == stops_ingest
    assert f"topic {members} is forbidden to us {lacks}; grant it with: kafka-acls.sh" in found.why
    assert without_owner([found]) == [], "its owner sees when it is allowed"
    assert seen == found
    assert await started(settings) == []


async def test_to_a_topic_that_nobody_may_read_and_that_is_not_laid_out_nothing_is_written(
    apache_kafka: Cluster, settings: Settings, members: str, owners: str
) -> None:
    """
    What ingest wrote before its layout would make it a topic of somebody else for ever.
    """
    plan = settings_in(settings)
    await make_topics(apache_kafka, members, partitions=PARTITIONS, settings=plan)
    await make_topics(apache_kafka, owners)

    async with denied(apache_kafka, members, READ):
        [found] = await started(settings)

    assert (found.cause, found.stops_ingest) == ("denied", True)
    assert await started(settings) == []
    assert await layouts(apache_kafka, members), "laid out as soon as it may be"


@pytest.mark.parametrize("operation", [READ, WRITE])
async def test_a_topic_that_the_start_makes_and_may_not_use_is_named(
    apache_kafka: Cluster, settings: Settings, members: str, operation: int
) -> None:
    """
    Of a topic that does not exist the brokers forbid nothing, whatever they forbid later.
    """
    async with denied(apache_kafka, members, operation, exists=False):
        [found] = await started(settings)

    assert (found.cause, found.topic, found.stops_ingest) == ("denied", members, True)


async def test_where_the_topic_of_the_owner_cannot_be_read_nobody_asks_for_it(
    apache_kafka: Cluster, settings: Settings, owners: str
) -> None:
    """
    Its group would end with the first error of the brokers, and the process with it.
    """
    assert await started(settings) == []

    async with denied(apache_kafka, owners, READ):
        [found] = await started(settings)

    assert (found.cause, found.topic, found.stops_ingest) == ("denied", owners, True)
    assert without_owner([found]) == ["files"]


async def test_an_owner_that_runs_names_what_is_forbidden_until_it_is_allowed(
    apache_kafka: Cluster, settings: Settings, members: str
) -> None:
    """
    And takes no topic that nobody tells it of for one that was deleted.
    """
    assert await started(settings) == []
    plan = members_topic(members, PARTITIONS)
    check = KafkaMembersCheck(connection(apache_kafka), "files", plan, None)

    async with denied(apache_kafka, members, DESCRIBE):
        found = await check.trouble()
    async with asyncio.timeout(30):
        while await check.trouble() is not None:
            await asyncio.sleep(0.1)

    assert found is not None
    assert found.cause == "denied"
    assert "--operation Describe" in found.why
