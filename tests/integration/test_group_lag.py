"""How far a group is behind, as brokers say it to somebody who is not in the group."""

import pytest
from aiokafka import TopicPartition
from aiokafka.structs import OffsetAndMetadata

from pipeline.kafka.client_options import ClientOptions
from pipeline.kafka.group_lag import GroupLag, LagUnknown
from tests.conftest import Cluster
from tests.integration.world import connection, fill
from tests.servers.kafka_clients import create_topics, reading


def group_lag(options: ClientOptions, group: str, *topics: str) -> GroupLag:
    return GroupLag(options, {group: topics}, read_committed=True)


async def commit(cluster: Cluster, group: str, tp: TopicPartition, offset: int) -> None:
    async with reading(cluster, group) as consumer:
        consumer.assign([tp])
        await consumer.commit({tp: OffsetAndMetadata(offset, "")})


@pytest.mark.kafka
async def test_the_lag_is_what_stands_behind_the_committed_offset_of_each_partition(
    apache_kafka: Cluster, namespace: str
) -> None:
    first, second = TopicPartition(namespace, 0), TopicPartition(namespace, 1)
    await create_topics(apache_kafka, namespace, partitions=2)
    await fill(apache_kafka, namespace, 10, 0)
    await fill(apache_kafka, namespace, 4, 1)
    await commit(apache_kafka, "group-" + namespace, first, 7)
    lag = group_lag(connection(apache_kafka), "group-" + namespace, namespace)

    try:
        everything = await lag.lags(apart_from=[])
        rest = await lag.lags(apart_from=[first])
    finally:
        await lag.close()

    # Nobody has ever committed the second, so all of it waits.
    assert everything == {first: 3, second: 4}
    assert rest == {second: 4}


async def test_a_group_that_nobody_has_joined_is_behind_by_what_its_topics_hold(
    cluster: Cluster, namespace: str
) -> None:
    await create_topics(cluster, namespace)
    lag = group_lag(connection(cluster), "group-" + namespace, namespace)

    try:
        empty = await lag.lags(apart_from=[])
        await fill(cluster, namespace, 3)
        waiting = await lag.lags(apart_from=[])
    finally:
        await lag.close()

    tp = TopicPartition(namespace, 0)
    assert empty == {tp: 0}
    # The embedded broker counts the last batch as one record.
    assert 1 <= waiting[tp] <= 3


async def test_without_a_cluster_the_lag_is_unknown_and_nothing_stays_open(namespace: str) -> None:
    nobody = ClientOptions(bootstrap_servers="127.0.0.1:1", client_id="test")
    lag = group_lag(nobody, namespace, namespace)

    for _ in range(2):
        with pytest.raises(LagUnknown):
            await lag.lags(apart_from=[])
    await lag.close()
