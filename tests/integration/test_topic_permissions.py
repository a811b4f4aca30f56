"""What the brokers let us do is learned from them, with nothing written and no topic made."""

import asyncio
from collections.abc import Sequence

import pytest

from pipeline.kafka.topic_permissions import forbidden
from pipeline.kafka.topics import Topics
from tests.conftest import Cluster
from tests.servers.kafka_clients import administering, create_topics
from tests.servers.topic_acls import DESCRIBE, READ, WRITE, denied


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
