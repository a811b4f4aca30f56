"""The writer of ingest for brokers without transactions."""

import asyncio
from collections.abc import Mapping, Sequence

import structlog
from aiokafka import errors as kafka_errors

from pipeline.domain.message import Message
from pipeline.kafka.producer import SharedProducer
from pipeline.kafka.record_limits import USUAL_LIMITS, RecordLimits
from pipeline.kafka.sending import durable, hand_over, raise_permanent
from pipeline.stages.ports import OutgoingRecord

TRY_AGAIN_SECONDS = 0.5
log = structlog.get_logger(__name__)


class PlainWriter:
    """For brokers without transactions: at least once, in the order of the source partition."""

    def __init__(self, producers: SharedProducer, limits: RecordLimits = USUAL_LIMITS) -> None:
        self._producers = producers
        self._limits = limits

    async def open(self) -> None:
        return None

    async def close(self) -> None:
        return None

    async def carry(
        self,
        outgoing: Mapping[str, Sequence[OutgoingRecord]],
        letters: Sequence[Message],
        next_offset: int,  # noqa: ARG002 - the lease commits it
    ) -> bool:
        producer = self._producers.current
        try:
            async with self._producers.handing_over:
                sent = await hand_over(producer, outgoing, letters, self._limits)
            await durable(sent)
        except kafka_errors.KafkaError as error:
            raise_permanent(error, "a lane's topic")
            await self._producers.replace_if_broken(producer, [error])
            log.warning("writer failed, carrying again", error=type(error).__name__)
            await asyncio.sleep(TRY_AGAIN_SECONDS)
            return False
        return True
