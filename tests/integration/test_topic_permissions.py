"""What the brokers let us do is learned from them, with nothing written and no topic made."""

import asyncio
from collections.abc import Sequence
from contextlib import aclosing

import pytest

from pipeline.configuration.model import Settings
from pipeline.domain.names import Names
from pipeline.kafka.topic_permissions import forbidden
from pipeline.kafka.topics import Topics
from pipeline.operations.check import online
from pipeline.operations.cluster_setup import prepare
from tests.conftest import Cluster
from tests.integration.test_member_layout import make_topics, settings_of
from tests.servers.kafka_clients import administering, create_topics
from tests.servers.topic_acls import DESCRIBE, DESCRIBE_CONFIGS, READ, WRITE, denied


@pytest.mark.kafka
@pytest.mark.parametrize(
    ("operations", "said"),
    [
        ([WRITE], ["Write"]),
        ([READ, WRITE], ["Read", "Write"]),
        ([DESCRIBE], ["Read", "Write", "Describe"]),
    ],
)
async def test_what_is_forbidden_is_named(
    apache_kafka: Cluster, namespace: str, operations: Sequence[int], said: Sequence[str]
) -> None:
    """
    Of a topic that nobody may tell us of, everything is: it can be neither read nor written.
    """
    one, other = f"{namespace}.one", f"{namespace}.other"
    await create_topics(apache_kafka, one, other)

    async with (
        denied(apache_kafka, one, *operations),
        administering(apache_kafka) as admin,
    ):
        found = await forbidden(admin, [one, other])

    assert found == {one: said}


async def test_of_topics_that_are_free_or_missing_nothing_is_forbidden_and_none_is_made(
    cluster: Cluster, namespace: str
) -> None:
    """
    Nor with a broker that does not tell of permissions.
    """
    await create_topics(cluster, namespace)

    async with administering(cluster) as admin:
        found = await forbidden(admin, [namespace, f"{namespace}.missing"])
        await asyncio.sleep(0.2)
        existing = await Topics(admin, None).partitions()

    assert found == {}
    assert f"{namespace}.missing" not in existing


@pytest.mark.kafka
async def test_settings_that_nobody_tells_us_are_not_said_to_be_right(
    apache_kafka: Cluster, namespace: str
) -> None:
    """
    The check says so with what grants them, and a start goes on with the same line, once.
    """
    settings = settings_of(apache_kafka, namespace, exactly_once=True)
    await make_topics(apache_kafka, settings.sources[0].topic)
    await prepare(settings, creates=True)
    jobs = Names(namespace).jobs

    async with denied(apache_kafka, jobs, DESCRIBE_CONFIGS, exists=False), asyncio.timeout(30):
        while not (said := await checked(settings))[:-1]:
            await asyncio.sleep(0.1)
        started = await prepare(settings, creates=True)

    [line] = started.unread
    assert said == [f"warning: {line}", f"kafka: reached {apache_kafka.bootstrap_servers}"]
    assert line.startswith(f"topics: the settings of {jobs} could not be read")
    assert f"--topic {jobs} --allow-principal User:NAME --operation DescribeConfigs" in line
    assert (started.differences, started.troubles) == ([], [])


async def checked(settings: Settings) -> Sequence[str]:
    """What the online check says until it is done with the topics."""
    said: list[str] = []
    async with aclosing(online(settings)) as findings:
        while not said or not said[-1].startswith("kafka: reached"):
            said.append((await anext(findings)).text)
    return said
