"""A producer with a transactional id: taken, which shuts out who had it before, and replaced."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka import errors as kafka_errors

from pipeline.kafka.client_options import ClientOptions
from pipeline.kafka.closing import CLOSE_SECONDS, FAILED, close, is_fenced
from pipeline.kafka.producer import make_producer
from pipeline.kafka.sending import raise_permanent

TRY_AGAIN_SECONDS = 0.5
OPEN_SECONDS = 30.0

log = structlog.get_logger(__name__)


class TransactionalProducer:
    """One transactional id. After any failure the producer is closed, and the next one is opened.

    A new producer's first word ends whatever its predecessor left open, one way or the other.
    """

    def __init__(
        self,
        client_options: ClientOptions,
        *,
        transactional_id: str,
        transaction_timeout: float,
        topic: str,
    ) -> None:
        """`topic` is what messages name where the brokers forbid something."""
        self._client_options = client_options
        self._transactional_id = transactional_id
        self._timeout = transaction_timeout
        self._topic = topic
        self.current: AIOKafkaProducer | None = None
        """None where the last one failed, or none was opened."""

    async def open(self, ready: Callable[[], Awaitable[None]] | None = None) -> AIOKafkaProducer:
        """Take the id; `ready` is awaited before each try. Brokers that are away are waited for."""
        while True:
            await self.close()
            if ready is not None:
                await ready()
            try:
                async with asyncio.timeout(OPEN_SECONDS):
                    return await self._started()
            except (kafka_errors.KafkaError, TimeoutError) as error:
                raise_permanent(error, self._topic)
                log.warning("no transactional producer yet", error=type(error).__name__)
                await asyncio.sleep(TRY_AGAIN_SECONDS)

    async def close(self) -> None:
        producer, self.current = self.current, None
        if producer is not None:
            await close(producer)

    async def failed(self, error: BaseException) -> bool:
        """Let go of the producer; whether another owner of the id is the reason."""
        was_fenced = is_fenced(self.current, error)
        await self.close()
        return was_fenced

    async def _started(self) -> AIOKafkaProducer:
        self.current = make_producer(
            self._client_options,
            idempotent=True,
            transactional_id=self._transactional_id,
            transaction_timeout=self._timeout,
        )
        # The id is taken with the start, and the former owner shut out by that.
        await self.current.start()
        return self.current


@asynccontextmanager
async def transaction(producer: AIOKafkaProducer) -> AsyncIterator[None]:
    """All that is sent inside, or nothing of it. A failure is left to the next producer to end."""
    await producer.begin_transaction()
    try:
        yield
    except asyncio.CancelledError:
        # Left open, it would hold up all readers, and compaction, until its timeout.
        with contextlib.suppress(*FAILED):
            async with asyncio.timeout(CLOSE_SECONDS):
                await producer.abort_transaction()
        raise
    await producer.commit_transaction()
