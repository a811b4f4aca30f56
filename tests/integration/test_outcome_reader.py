"""What has ended is found again, beside the jobs it belongs to."""

import asyncio
import contextlib
import time

import pytest
from aiokafka import TopicPartition

from pipeline.domain.message import Message
from pipeline.kafka.outcome_reader import KafkaOutcomeReader
from pipeline.kafka.topic_plans import kept_topic
from pipeline.kafka.topics import Topics
from tests.conftest import Cluster
from tests.integration.world import connection, message_writer
from tests.servers.apache_kafka import ApacheKafka
from tests.servers.kafka_clients import administering, reading, take

PARTITIONS = 4
JOBS = [f"job-{number}" for number in range(40)]


@pytest.mark.kafka
async def test_jobs_and_outcomes_of_one_key_share_a_partition_and_are_found_from_a_time_on(
    apache_kafka: Cluster, namespace: str
) -> None:
    await _make(apache_kafka, namespace)
    await _write(apache_kafka, f"{namespace}.jobs", JOBS)
    await _write(apache_kafka, f"{namespace}.outcomes", JOBS[:20])
    [*_, last] = await _times(apache_kafka, f"{namespace}.outcomes", 20)
    await _write(apache_kafka, f"{namespace}.outcomes", JOBS[20:], after=last)
    outcome_reader = KafkaOutcomeReader(connection(apache_kafka), f"{namespace}.outcomes")

    jobs = await _partitions(apache_kafka, f"{namespace}.jobs")
    everything = {p: await outcome_reader.ended(p, 0) for p in range(PARTITIONS)}
    later = frozenset[str]().union(
        *[await outcome_reader.ended(p, last + 1) for p in range(PARTITIONS)]
    )

    assert everything == jobs
    assert all(everything.values())
    assert later == set(JOBS[20:])


@pytest.mark.kafka
async def test_nothing_is_found_where_nothing_was_written_since(
    apache_kafka: Cluster, namespace: str
) -> None:
    await _make(apache_kafka, namespace)
    outcome_reader = KafkaOutcomeReader(connection(apache_kafka), f"{namespace}.outcomes")

    empty = await outcome_reader.ended(0, 0)
    await _write(apache_kafka, f"{namespace}.outcomes", JOBS)
    in_an_hour = await outcome_reader.ended(0, int((time.time() + 3600) * 1000))

    assert empty == in_an_hour == frozenset()


@pytest.mark.kafka
async def test_outcomes_that_come_are_heard_of_through_a_restart_of_the_broker(
    own_apache_kafka: ApacheKafka, namespace: str
) -> None:
    await _make(own_apache_kafka, namespace)
    topic = f"{namespace}.outcomes"
    await _write(own_apache_kafka, topic, JOBS[:10])
    outcome_reader = KafkaOutcomeReader(connection(own_apache_kafka), topic)
    heard: list[str] = []

    async with contextlib.aclosing(outcome_reader.follow(0)) as coming:
        assert await anext(coming) == ()
        await _write(own_apache_kafka, topic, JOBS[10:20])
        heard += await anext(coming)
        await asyncio.to_thread(own_apache_kafka.stop)
        await asyncio.to_thread(own_apache_kafka.start)
        await _write(own_apache_kafka, topic, JOBS[20:])
        requested = set(JOBS[10:]) & await outcome_reader.ended(0, 0)
        async with asyncio.timeout(30):
            while not requested <= set(heard):
                heard += await anext(coming)

    assert requested == set(heard)


async def test_the_embedded_broker_knows_no_times_and_more_is_found(
    embedded_broker: Cluster, namespace: str
) -> None:
    await _make(embedded_broker, namespace)
    await _write(embedded_broker, f"{namespace}.outcomes", JOBS, idempotent=False)
    outcome_reader = KafkaOutcomeReader(connection(embedded_broker), f"{namespace}.outcomes")

    found = [
        await outcome_reader.ended(p, int((time.time() + 3600) * 1000)) for p in range(PARTITIONS)
    ]

    assert frozenset[str]().union(*found) == set(JOBS)


async def _make(cluster: Cluster, namespace: str) -> None:
    plans = [kept_topic(f"{namespace}.{name}", PARTITIONS, 14) for name in ("jobs", "outcomes")]
    async with administering(cluster) as admin:
        await Topics(admin, None).create(plans)


async def _write(
    cluster: Cluster, topic: str, keys: list[str], *, after: int = 0, idempotent: bool = True
) -> None:
    async with message_writer(cluster, idempotent=idempotent) as outcomes:
        while time.time_ns() // 1_000_000 <= after:
            pass
        await outcomes.write([Message(topic, key.encode(), b"{}", ()) for key in keys])


async def _times(cluster: Cluster, topic: str, count: int) -> list[int]:
    async with reading(cluster) as consumer:
        consumer.assign([TopicPartition(topic, number) for number in range(PARTITIONS)])
        return sorted(record.timestamp for record in await take(consumer, count))


async def _partitions(cluster: Cluster, topic: str) -> dict[int, frozenset[str]]:
    async with reading(cluster) as consumer:
        consumer.assign([TopicPartition(topic, number) for number in range(PARTITIONS)])
        records = await take(consumer, len(JOBS))
    return {
        number: frozenset(
            (record.key or b"").decode() for record in records if record.partition == number
        )
        for number in range(PARTITIONS)
    }
