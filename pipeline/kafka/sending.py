"""Hands records and messages to a producer; logs and sorts the errors of chunks."""

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import partial
from typing import Any

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka import errors as kafka_errors

from pipeline.domain.message import Message
from pipeline.kafka.internals import know_topics
from pipeline.kafka.record_limits import WANTED_BATCH, RecordLimits
from pipeline.stages.ports import OutgoingRecord, Partition

RECORD_BYTES = 64
"""Most bytes of a record in a batch beside key, value and headers, and of each header."""
_PERMANENT = (
    kafka_errors.TopicAuthorizationFailedError,
    kafka_errors.ClusterAuthorizationFailedError,
    kafka_errors.MessageSizeTooLargeError,
)
log = structlog.get_logger(__name__)

Sent = asyncio.Future[object]


async def hand_over(
    producer: AIOKafkaProducer,
    outgoing: Mapping[Partition, Sequence[OutgoingRecord]],
    letters: Sequence[Message],
    limits: RecordLimits,
) -> list[Sent]:
    """Give all records and letters to the producer, each partition in its order."""
    # One question for all topics: a thousand questions take longer than a transaction may.
    await know_topics(producer.client, topics_of(outgoing, letters))
    sent = [await send(producer, letter) for letter in letters]
    for partition, records in outgoing.items():
        room = limits.batch_bytes(partition.topic)
        sent += await _send_in_order(producer, partition, records, room)
    return sent


def topics_of(outgoing: Iterable[Partition], letters: Iterable[Message]) -> AbstractSet[str]:
    """Everything that a chunk is written to."""
    return {*(partition.topic for partition in outgoing), *(letter.topic for letter in letters)}


async def send(producer: AIOKafkaProducer, message: Message) -> Sent:
    """Hand over a message; return a future that never logs an unread error."""
    future: Sent = await producer.send(
        message.topic, message.value, message.key, headers=list(message.headers)
    )
    return heard(future)


async def durable(sent: Sequence[Sent]) -> None:
    for future in sent:
        await future


def raise_permanent(error: BaseException, topic: str) -> None:
    """Raise an error that neither waiting nor another producer mends."""
    if isinstance(error, _PERMANENT):
        log.error("cannot write", topic=topic, error=type(error).__name__)
        raise error


async def _send_in_order(
    producer: AIOKafkaProducer,
    partition: Partition,
    records: Sequence[OutgoingRecord],
    batch_bytes: int,
) -> list[Sent]:
    """Send records in rendered batches, which cost a sixth of single sends."""
    sent: list[Sent] = []
    send_batch = partial(producer.send_batch, topic=partition.topic, partition=partition.number)
    now_ms = int(time.time() * 1000)
    # The client cuts batches by itself; we count sizes only if the topic allows less.
    is_small, room = batch_bytes < WANTED_BATCH, batch_bytes
    batch = producer.create_batch()
    for record in records:
        size = _size(record) if is_small else 0
        key, value, headers = record
        is_full = size > room and batch.record_count() > 0
        if is_full or not batch.append(timestamp=now_ms, key=key, value=value, headers=headers):
            sent.append(heard(await send_batch(batch)))
            batch, room = producer.create_batch(), batch_bytes
            batch.append(timestamp=now_ms, key=key, value=value, headers=headers)
        room -= size
    sent.append(heard(await send_batch(batch)))
    return sent


def _size(record: OutgoingRecord) -> int:
    size = RECORD_BYTES + len(record.key) + len(record.value)
    for name, value in record.headers:
        size += RECORD_BYTES + len(name) + len(value)
    return size


def heard(future: asyncio.Future[Any]) -> asyncio.Future[Any]:
    """Mark errors of a future as read: only the first is raised, and the loop would log others."""
    future.add_done_callback(lambda done: done.cancelled() or done.exception())
    return future
