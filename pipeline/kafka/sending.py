"""Hands records and messages to a producer: the one way in which anything of ours is written."""

import asyncio
import time
from collections.abc import Mapping, Sequence

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka import errors as kafka_errors

from pipeline.domain.message import Message
from pipeline.kafka.internals import know_topics
from pipeline.kafka.record_limits import RecordLimits
from pipeline.stages.ports import OutgoingRecord

RECORD_BYTES = 64
"""Of a record in a batch beside key, value and headers, and of each of its headers, at most."""
_PERMANENT = (
    kafka_errors.TopicAuthorizationFailedError,
    kafka_errors.ClusterAuthorizationFailedError,
    kafka_errors.MessageSizeTooLargeError,
)
log = structlog.get_logger(__name__)

Sent = asyncio.Future[object]


async def hand_over(
    producer: AIOKafkaProducer,
    outgoing: Mapping[str, Sequence[OutgoingRecord]],
    letters: Sequence[Message],
    limits: RecordLimits,
) -> list[Sent]:
    """Give everything to the producer, each topic in its order."""
    # All at once: asked for one by one, a thousand lanes take longer than a transaction may.
    await know_topics(producer, {*outgoing, *(letter.topic for letter in letters)})
    sent = [await send(producer, letter) for letter in letters]
    for topic, records in outgoing.items():
        sent += await _send_in_order(producer, topic, records, limits.batch_bytes(topic))
    return sent


async def send(producer: AIOKafkaProducer, message: Message) -> Sent:
    """Hand a message over; what comes of it is heard, whether anybody waits for it or not."""
    future: Sent = await producer.send(
        message.topic, message.value, message.key, headers=list(message.headers)
    )
    return _heard(future)


async def durable(sent: Sequence[Sent]) -> None:
    for future in sent:
        await future


def raise_permanent(error: BaseException, topic: str) -> None:
    """Raise what no waiting and no other producer mends."""
    if isinstance(error, _PERMANENT):
        log.error("cannot write", topic=topic, error=type(error).__name__)
        raise error


async def _send_in_order(
    producer: AIOKafkaProducer, topic: str, records: Sequence[OutgoingRecord], batch_bytes: int
) -> list[Sent]:
    """Rendered batches cost a sixth of single sends."""
    sent: list[Sent] = []
    now_ms = int(time.time() * 1000)
    batch, room = producer.create_batch(), batch_bytes
    for record in records:
        size = _size(record)
        if size > room and batch.record_count():
            sent.append(_heard(await producer.send_batch(batch, topic, partition=0)))
            batch, room = producer.create_batch(), batch_bytes
        key, value, headers = record
        batch.append(timestamp=now_ms, key=key, value=value, headers=headers)
        room -= size
    sent.append(_heard(await producer.send_batch(batch, topic, partition=0)))
    return sent


def _size(record: OutgoingRecord) -> int:
    size = RECORD_BYTES + len(record.key) + len(record.value)
    for name, value in record.headers:
        size += RECORD_BYTES + len(name) + len(value)
    return size


def _heard(future: Sent) -> Sent:
    """The first failure is raised; those after it would be logged as errors nobody looked at."""
    future.add_done_callback(lambda done: done.cancelled() or done.exception())
    return future
