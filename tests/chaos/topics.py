"""What stands in the topics when all is done, as plain values."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import orjson
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from pipeline.domain.job import Job, decode_job
from pipeline.domain.lane_record import LaneRecord as Decoded
from pipeline.domain.lane_record import decode_record
from pipeline.sandbox.amazon_ads.record_rules import record_digest

Value = TypeVar("Value")


class Change(NamedTuple):
    """An event as it was produced; no audience is one that nobody knows."""

    partition: int
    offset: int
    audience: int | None
    member: str
    version: int


class LaneRecord(NamedTuple):
    offset: int
    audience: int
    member: str
    version: int
    digest: int


class Letter(NamedTuple):
    stage: str
    reason: str
    key: str
    topic: str
    partition: int
    offset: int
    job: Job | None
    """Of an invalid record, the job that named it."""


class Outcome(NamedTuple):
    at_ms: int
    """When the broker had it."""
    job_id: str
    state: str
    connection: str
    ends: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Topics:
    """Everything, in the order of each partition. Lanes by connection."""

    upstream: Sequence[Change]
    lanes: Mapping[str, Sequence[LaneRecord]]
    jobs: Sequence[Job]
    outcomes: Sequence[Outcome]
    letters: Sequence[Letter]


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    namespace: str
    source: str
    lanes: Mapping[str, str]
    """Topic by connection."""
    audiences: Mapping[str, int]

    def of(self, kind: str) -> str:
        return f"{self.namespace}.{kind}"


async def read_topics(bootstrap_servers: str, names: Names) -> Topics:
    async def read(topic: str, decode: Callable[[Any], Value]) -> list[Value]:
        return [decode(record) for record in await _records(bootstrap_servers, topic)]

    return Topics(
        upstream=await read(names.source, lambda record: _change(record, names.audiences)),
        lanes={
            connection: await read(topic, _lane_record) for connection, topic in names.lanes.items()
        },
        jobs=await read(names.of("jobs"), lambda record: decode_job(record.value)),
        outcomes=await read(names.of("outcomes"), _outcome),
        letters=await read(names.of("dead-letters"), _letter),
    )


async def undone(bootstrap_servers: str, names: Names) -> Mapping[str, int]:
    """Records that a group has not committed yet, by partition; empty when all is done."""
    work = {
        "ingest": [names.source],
        "upload": list(names.lanes.values()),
        "poll": [names.of("jobs")],
    }
    left: dict[str, int] = {}
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    await admin.start()
    try:
        for group, topics in work.items():
            committed = await admin.list_consumer_group_offsets(names.of(group))
            for topic in topics:
                for tp, end in (await _ends(bootstrap_servers, topic)).items():
                    done = committed[tp].offset if tp in committed else 0
                    if done < end:
                        left[f"{topic}[{tp.partition}]"] = end - done
    finally:
        await admin.close()
    return left


async def _ends(bootstrap_servers: str, topic: str) -> dict[TopicPartition, int]:
    consumer = _consumer(bootstrap_servers)
    await consumer.start()
    try:
        return dict(await consumer.end_offsets(await _partitions(consumer, topic)))
    finally:
        await consumer.stop()


async def _records(bootstrap_servers: str, topic: str) -> list[ConsumerRecord[bytes, bytes]]:
    consumer = _consumer(bootstrap_servers)
    await consumer.start()
    try:
        partitions = await _partitions(consumer, topic)
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        read: list[ConsumerRecord[bytes, bytes]] = []
        for tp in partitions:
            while await consumer.position(tp) < ends[tp]:
                for records in (await consumer.getmany(tp, timeout_ms=200)).values():
                    read += records
        return read
    finally:
        await consumer.stop()


def _consumer(bootstrap_servers: str) -> AIOKafkaConsumer:
    return AIOKafkaConsumer(
        bootstrap_servers=bootstrap_servers,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
    )


async def _partitions(consumer: AIOKafkaConsumer, topic: str) -> list[TopicPartition]:
    await consumer._client.set_topics([topic])
    await consumer._client.force_metadata_update()
    found = consumer.partitions_for_topic(topic) or ()
    return [TopicPartition(topic, partition) for partition in sorted(found)]


def _change(record: Any, audiences: Mapping[str, int]) -> Change:
    event = orjson.loads(record.value)
    return Change(
        record.partition,
        record.offset,
        audiences.get(event["audience"]),
        event["member"]["id"],
        event["occurred_at"],
    )


def _lane_record(record: Any) -> LaneRecord:
    audience, _, member = record.key.decode().partition("|")
    read = decode_record(record.key, record.headers)
    assert isinstance(read, Decoded), read
    return LaneRecord(
        record.offset,
        int(audience),
        member,
        read.changed_at_ms,
        record_digest(orjson.loads(record.value)),
    )


def _outcome(record: Any) -> Outcome:
    stored = json.loads(record.value)
    ends = {name: stored[name] for name in ("records", "applied", "invalid", "failed", "unknown")}
    return Outcome(record.timestamp, stored["job_id"], stored["state"], stored["connection"], ends)


def _letter(record: Any) -> Letter:
    headers = {name: value.decode() for name, value in record.headers}
    return Letter(
        headers["stage"],
        headers["reason"],
        (record.key or b"").decode(),
        headers["topic"],
        int(headers["partition"]),
        int(headers["offset"]),
        decode_job(record.value) if headers["reason"] == "invalid" else None,
    )
