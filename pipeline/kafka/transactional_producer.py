"""A producer with a transactional id; taking the id shuts out its former owner."""

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
    """The producer of one transactional id. After any failure it is closed, and a new one opened.

    When a new producer takes the id, an open transaction of the old one is committed or aborted.
    """

    def __init__(
        self,
        client_options: ClientOptions,
        *,
        transactional_id: str,
        transaction_timeout: float,
        topic: str,
    ) -> None:
        """`topic`: the name in messages when the brokers forbid something."""
        self._client_options = client_options
        self._transactional_id = transactional_id
        self._timeout = transaction_timeout
        self._topic = topic
        self.current: AIOKafkaProducer | None = None
        """The open producer; None after a failure, or before the first `open`."""

    async def open(self, ready: Callable[[], Awaitable[None]] | None = None) -> AIOKafkaProducer:
        """Take the id; await `ready` before each try. Waits for brokers that are away."""
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
        """Close the producer; return whether another owner of the id caused the error."""
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
        # The start takes the id, and so shuts out the former owner.
        await self.current.start()
        return self.current


@asynccontextmanager
async def transaction(producer: AIOKafkaProducer) -> AsyncIterator[None]:
    """Make all messages sent inside visible, or none. After a failure the next producer ends it."""
    await producer.begin_transaction()
    try:
        yield
    except asyncio.CancelledError:
        # An open transaction would block all readers, and compaction, until its timeout.
        with contextlib.suppress(*FAILED):
            async with asyncio.timeout(CLOSE_SECONDS):
                await producer.abort_transaction()
        raise
    await producer.commit_transaction()
