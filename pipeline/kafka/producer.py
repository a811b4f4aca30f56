"""How a producer is made; the one that a whole process writes with, and how it is replaced."""

import asyncio
from collections.abc import Callable, Sequence

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka import errors as kafka_errors

from pipeline.kafka import internals
from pipeline.kafka.client_mends import patient_lookups
from pipeline.kafka.client_options import ClientOptions
from pipeline.kafka.closing import close
from pipeline.kafka.record_limits import LARGEST_REQUEST, WANTED_BATCH

TRY_AGAIN_SECONDS = 0.5
_BREAKING = (
    kafka_errors.OutOfOrderSequenceNumber,
    kafka_errors.UnknownProducerId,
    kafka_errors.InvalidProducerIdMapping,
    kafka_errors.ProducerClosed,  # by whoever replaces it right now
)
"""After one of these the producer's numbering fits no partition's any more."""

log = structlog.get_logger(__name__)


def make_producer(
    client_options: ClientOptions,
    *,
    idempotent: bool,
    transactional_id: str | None = None,
    transaction_timeout: float = 15.0,
) -> AIOKafkaProducer:
    """A producer whose every message is on all in-sync replicas before it counts."""
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

    Once a batch of an idempotent producer failed (a partition was without a leader for longer
    than a request may take), its number is used and no later one of that partition is accepted.
    """

    def __init__(self, make: Callable[[], AIOKafkaProducer], first: AIOKafkaProducer) -> None:
        self._make = make
        self._turn = asyncio.Lock()
        self.handing_over = asyncio.Lock()
        """Held while batches are handed over, by whoever shares lanes with others.

        The library counts the time that a batch waits for the one before it again and again, so
        of several that wait at one partition some time out within a second.
        """
        self.current = first
        """Started."""

    async def replace_if_broken(self, used: AIOKafkaProducer, errors: Sequence[object]) -> None:
        """Make a new one, if `used` is broken and nobody has done so meanwhile."""
        is_broken = any(isinstance(error, _BREAKING) for error in errors)
        is_broken = is_broken or internals.has_stopped_sending(used)
        async with self._turn:
            if not is_broken or used is not self.current:
                return
            log.warning("producer replaced", errors=sorted({type(one).__name__ for one in errors}))
            await close(used)
            # Others wait for messages of theirs, which will not go out any more.
            internals.fail_waiting(used, kafka_errors.KafkaError("replaced"))
            self.current = await self._started()

    async def close(self) -> None:
        await close(self.current)

    async def _started(self) -> AIOKafkaProducer:
        while True:
            producer = self._make()
            try:
                await producer.start()
            except kafka_errors.KafkaError as error:
                await close(producer)
                log.warning("no producer yet", error=type(error).__name__)
                await asyncio.sleep(TRY_AGAIN_SECONDS)
            else:
                return producer
