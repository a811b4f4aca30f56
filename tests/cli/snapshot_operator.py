"""Somebody at a command line, whose configuration has a destination that takes snapshots."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiokafka import TopicPartition

from pipeline.kafka.topic_plans import compacted_topic
from pipeline.kafka.topics import Topics
from pipeline.sandbox.broker import EmbeddedBroker
from pipeline.stages.snapshot.operator_requests import request_key
from tests.cli.test_commands import Ran, run
from tests.configuration.test_example_files import Example
from tests.conftest import Cluster
from tests.servers.kafka_clients import administering, create_topics, producing, reading

VIP = "60ccea95-1435-4180-97a5-58af4aa285ab"


def adobe(**keys: object) -> dict[str, object]:
    return {
        "kind": "adobe_external_audiences",
        "org_id": "ORG@AdobeOrg",
        "client_id": "client",
        "client_secret": "hush-client",
        "storage": {"kind": "landing_zone"},
        **keys,
    }


def audience(name: str, audience_id: str, destination: str = "adobe-prod") -> dict[str, object]:
    identity = {"namespace": "email_lc_sha256", "from": "email"}
    target = {
        "destination": destination,
        "external_audience_id": audience_id,
        "identity": identity,
    }
    return {"audience": name, "destinations": [target]}


@dataclass(frozen=True, slots=True)
class Operator:
    """Somebody at a command line, and the topic that the owner of snapshots writes."""

    cluster: Cluster
    topic: str
    config: Path

    async def types(self, line: str, answers: str = "") -> Ran:
        words = [*line.split(), "--config", str(self.config)]
        return await asyncio.to_thread(run, words, answers)

    async def make_topic(self) -> None:
        async with administering(self.cluster) as admin:
            await Topics(admin, None).create([compacted_topic(self.topic)])

    async def make_topics_of_lanes(self) -> None:
        namespace = self.topic.partition(".")[0]
        names = ("jobs", "outcomes", "dead-letters", "records.amazon-na.one")
        await create_topics(self.cluster, *(f"{namespace}.{name}" for name in names))

    async def write(self, *messages: tuple[bytes, bytes]) -> None:
        async with producing(self.cluster) as producer:
            for key, value in messages:
                await producer.send_and_wait(self.topic, value, key)

    async def asked(self) -> list[bytes]:
        """Every request that stands in the topic."""
        found: list[bytes] = []
        async with reading(self.cluster) as consumer:
            tp = TopicPartition(self.topic, 0)
            consumer.assign([tp])
            await consumer.seek_to_beginning(tp)
            for records in (await consumer.getmany(tp, timeout_ms=2000)).values():
                found += [one.value for one in records if one.key == request_key(VIP)]
        return found


@pytest.fixture
def operator(embedded_broker: EmbeddedBroker, namespace: str, tmp_path: Path) -> Operator:
    example = Example().put("kafka.bootstrap_servers", embedded_broker.bootstrap_servers)
    example.put("kafka.namespace", namespace).put("kafka.exactly_once", False)
    example.put("destinations.adobe-prod", adobe())
    example.put("audiences.1", audience("gold-customers", VIP))
    return Operator(embedded_broker, f"{namespace}.snapshots.adobe-prod", example.write(tmp_path))
