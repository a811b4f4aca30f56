"""Writing: producers, and the writer of ingest with and without transactions."""

import asyncio
import contextlib
import time
from collections.abc import Mapping, Sequence

import structlog
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka import errors as kafka_errors

from pipeline.domain.message import Message
from pipeline.kafka.client_options import ClientOptions
from pipeline.kafka.closing import CLOSE_SECONDS, FAILED, close, is_fenced
from pipeline.kafka.producer import SharedProducer
from pipeline.stages.ports import Carried, OutgoingRecord

BATCH_BYTES = 900_000
"""Of one produce request for one lane, under the brokers' usual limit of a megabyte."""
TRY_AGAIN_SECONDS = 0.5
OPEN_SECONDS = 30.0
FENCED_SECONDS = 5.0
"""How long one that was shut out keeps still; the group tells it meanwhile who is right."""
_PERMANENT = (
    kafka_errors.TopicAuthorizationFailedError,
    kafka_errors.ClusterAuthorizationFailedError,
    kafka_errors.MessageSizeTooLargeError,
)
_TOO_LARGE = (kafka_errors.MessageSizeTooLargeError, kafka_errors.RecordListTooLargeError)
log = structlog.get_logger(__name__)


def make_producer(
    client_options: ClientOptions,
    *,
    idempotent: bool,
    transactional_id: str | None = None,
    transaction_timeout: float = 15.0,
) -> AIOKafkaProducer:
    """A producer whose every message is on all in-sync replicas before it counts."""
    return AIOKafkaProducer(
        acks="all",
        enable_idempotence=idempotent,
        transactional_id=transactional_id,
        transaction_timeout_ms=int(transaction_timeout * 1000),
        max_batch_size=BATCH_BYTES,
        max_request_size=2 * BATCH_BYTES,
        **client_options.arguments(),
    )


class PlainWriter:
    """For brokers without transactions: at least once, in the order of the source partition."""

    def __init__(self, producers: SharedProducer) -> None:
        self._producers = producers

    async def open(self) -> None:
        return None

    async def close(self) -> None:
        return None

    async def carry(
        self,
        outgoing: Mapping[str, Sequence[OutgoingRecord]],
        letters: Sequence[Message],
        next_offset: int,  # noqa: ARG002 - the lease commits it
    ) -> Carried:
        producer = self._producers.current
        try:
            async with self._producers.handing_over:
                sent = await _hand_over(producer, outgoing, letters)
            await _durable(sent)
        except kafka_errors.KafkaError as error:
            await self._producers.replace_if_broken(producer, [error])
            return await _not_durable(error)
        return "durable"


class TransactionalWriter:
    """Records, dead letters and the source offset become visible together, or not at all.

    One transactional id for each source partition: opening it shuts out whoever had it before,
    which the client cannot do by group generation. After any failure the producer is replaced,
    because a new one's first word ends whatever its predecessor left open, one way or the other.
    It is replaced with the *next* call, so that the lease is asked in between: a process that was
    frozen would otherwise shut out its successor.
    """

    def __init__(
        self,
        client_options: ClientOptions,
        *,
        transactional_id: str,
        transaction_timeout: float,
        group: str,
        source: TopicPartition,
    ) -> None:
        self._client_options = client_options
        self._transactional_id = transactional_id
        self._timeout = transaction_timeout
        self._group = group
        self._source = source
        self._producer: AIOKafkaProducer | None = None

    async def open(self) -> None:
        while True:
            await self.close()
            try:
                async with asyncio.timeout(OPEN_SECONDS):
                    await self._start()
            except (kafka_errors.KafkaError, TimeoutError) as error:
                raise_permanent(error, self._source.topic)
                log.warning("no transactional producer yet", error=type(error).__name__)
                await asyncio.sleep(TRY_AGAIN_SECONDS)
            else:
                return

    async def close(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            await close(producer)

    async def carry(
        self,
        outgoing: Mapping[str, Sequence[OutgoingRecord]],
        letters: Sequence[Message],
        next_offset: int,
    ) -> Carried:
        if self._producer is None:
            # Only now is the last transaction decided, so the committed offset is read again.
            await self.open()
            return "failed"
        try:
            async with asyncio.timeout(self._timeout):
                await self._transact(self._producer, outgoing, letters, next_offset)
        except FAILED as error:
            return await self._failed(error)
        return "durable"

    async def _failed(self, error: BaseException) -> Carried:
        was_fenced = is_fenced(self._producer, error)
        await self.close()
        if not was_fenced:
            return await _not_durable(error)
        # Somebody else has the partition, or a former owner woke up and took the id again.
        log.warning("fenced", topic=self._source.topic, partition=self._source.partition)
        await asyncio.sleep(FENCED_SECONDS)
        return "failed"

    async def _start(self) -> None:
        self._producer = make_producer(
            self._client_options,
            idempotent=True,
            transactional_id=self._transactional_id,
            transaction_timeout=self._timeout,
        )
        # The id is taken with the start, and the former owner shut out by that.
        await self._producer.start()

    async def _transact(
        self,
        producer: AIOKafkaProducer,
        outgoing: Mapping[str, Sequence[OutgoingRecord]],
        letters: Sequence[Message],
        next_offset: int,
    ) -> None:
        await producer.begin_transaction()
        try:
            await _durable(await _hand_over(producer, outgoing, letters))
            await producer.send_offsets_to_transaction({self._source: next_offset}, self._group)
        except asyncio.CancelledError:
            # Left open, it would hold up all readers of the lanes until its timeout.
            with contextlib.suppress(*FAILED):
                async with asyncio.timeout(CLOSE_SECONDS):
                    await producer.abort_transaction()
            raise
        await producer.commit_transaction()


async def _not_durable(error: BaseException) -> Carried:
    """Why; what no other try mends is raised."""
    if not isinstance(error, _TOO_LARGE):
        raise_permanent(error, "a lane's topic")
    log.warning("chunk not durable, carrying again", error=type(error).__name__)
    if isinstance(error, _TOO_LARGE):
        return "too_large"
    await asyncio.sleep(TRY_AGAIN_SECONDS)
    return "timed_out" if isinstance(error, TimeoutError) else "failed"


async def _hand_over(
    producer: AIOKafkaProducer,
    outgoing: Mapping[str, Sequence[OutgoingRecord]],
    letters: Sequence[Message],
) -> list[asyncio.Future[object]]:
    """Give everything to the producer, each topic in its order."""
    sent = [await send(producer, letter) for letter in letters]
    for topic, records in outgoing.items():
        sent += await _send_in_order(producer, topic, records)
    return sent


async def _durable(sent: Sequence[asyncio.Future[object]]) -> None:
    for future in sent:
        await future


async def _send_in_order(
    producer: AIOKafkaProducer, topic: str, records: Sequence[OutgoingRecord]
) -> list[asyncio.Future[object]]:
    """Rendered batches cost a sixth of single sends."""
    sent: list[asyncio.Future[object]] = []
    now_ms = int(time.time() * 1000)
    batch = producer.create_batch()
    for key, value, headers in records:
        if batch.append(timestamp=now_ms, key=key, value=value, headers=headers) is None:
            sent.append(_heard(await producer.send_batch(batch, topic, partition=0)))
            batch = producer.create_batch()
            batch.append(timestamp=now_ms, key=key, value=value, headers=headers)
    sent.append(_heard(await producer.send_batch(batch, topic, partition=0)))
    return sent


async def send(producer: AIOKafkaProducer, message: Message) -> asyncio.Future[object]:
    """Hand a message over; what comes of it is heard, whether anybody waits for it or not."""
    future: asyncio.Future[object] = await producer.send(
        message.topic, message.value, message.key, headers=list(message.headers)
    )
    return _heard(future)


def _heard(future: asyncio.Future[object]) -> asyncio.Future[object]:
    """The first failure is raised; those after it would be logged as errors nobody looked at."""
    future.add_done_callback(lambda done: done.cancelled() or done.exception())
    return future


def raise_permanent(error: BaseException, topic: str) -> None:
    """Raise what no waiting and no other producer mends."""
    if isinstance(error, _PERMANENT):
        log.error("cannot write", topic=topic, error=type(error).__name__)
        raise error
