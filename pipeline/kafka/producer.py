"""Makes producers; keeps the one that a whole process shares, and replaces it if it breaks."""

import asyncio
from collections.abc import Callable, Sequence

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka import errors as kafka_errors

from pipeline.kafka import internals
from pipeline.kafka.client_mends import patient_lookups
from pipeline.kafka.client_options import ClientOptions
from pipeline.kafka.closing import close, start_or_close
from pipeline.kafka.record_limits import LARGEST_REQUEST, WANTED_BATCH

TRY_AGAIN_SECONDS = 0.5
_BREAKING = (
    kafka_errors.OutOfOrderSequenceNumber,
    kafka_errors.UnknownProducerId,
    kafka_errors.InvalidProducerIdMapping,
    kafka_errors.ProducerClosed,  # another task replaces it right now
)
"""After one of these errors no partition accepts the producer's sequence numbers any more."""

log = structlog.get_logger(__name__)


def make_producer(
    client_options: ClientOptions,
    *,
    idempotent: bool,
    transactional_id: str | None = None,
    transaction_timeout: float = 15.0,
) -> AIOKafkaProducer:
    """Make a producer that waits for all in-sync replicas of each message."""
    producer = AIOKafkaProducer(
        acks="all",
        enable_idempotence=idempotent,
        transactional_id=transactional_id,
        transaction_timeout_ms=int(transaction_timeout * 1000),
        max_batch_size=WANTED_BATCH,
        max_request_size=LARGEST_REQUEST,
        **client_options.arguments(),
    )
    patient_lookups(producer)
    return producer


class SharedProducer:
    """The producer of a process, replaced when it can never write again.

    If a batch of an idempotent producer fails (a partition had no leader for too long), its
    sequence number is used, and the partition accepts no later batch.
    """

    def __init__(self, make: Callable[[], AIOKafkaProducer], first: AIOKafkaProducer) -> None:
        self._make = make
        self._turn = asyncio.Lock()
        self.handing_over = asyncio.Lock()
        """Held while batches are handed over, by writers that share lanes with others.

        The library counts the time that a batch waits for earlier ones several times. So if several
        batches wait for one partition, some of them time out within a second.
        """
        self.current = first
        """The present producer; it is started."""

    async def replace_if_broken(self, used: AIOKafkaProducer, errors: Sequence[object]) -> None:
        """Make a new producer, if `used` is broken and nobody has replaced it meanwhile."""
        is_broken = any(isinstance(error, _BREAKING) for error in errors)
        is_broken = is_broken or internals.has_stopped_sending(used)
        async with self._turn:
            if not is_broken or used is not self.current:
                return
            log.warning("producer replaced", errors=sorted({type(one).__name__ for one in errors}))
            await close(used)
            # Other tasks wait for their messages, which will not go out any more.
            internals.fail_waiting(used, kafka_errors.KafkaError("replaced"))
            self.current = await self._started()

    async def close(self) -> None:
        await close(self.current)

    async def _started(self) -> AIOKafkaProducer:
        while True:
            producer = self._make()
            try:
                await start_or_close(producer, close)
            except kafka_errors.KafkaError as error:
                log.warning("no producer yet", error=type(error).__name__)
                await asyncio.sleep(TRY_AGAIN_SECONDS)
            else:
                return producer
