"""Writes messages that must not be lost: jobs, outcomes, dead letters."""

import asyncio
from collections.abc import Sequence

import structlog
from aiokafka import errors as kafka_errors

from pipeline.domain.message import Message
from pipeline.kafka.producer import SharedProducer
from pipeline.kafka.sending import raise_permanent, send

TRY_AGAIN_SECONDS = 0.5

log = structlog.get_logger(__name__)


class KafkaMessageWriter:
    """Writes messages until they are durable; waits for a broker that is away."""

    def __init__(self, producers: SharedProducer) -> None:
        self._producers = producers

    async def write(self, messages: Sequence[Message]) -> None:
        left = list(messages)
        while left:
            left = await self._attempt(left)
            if left:
                await asyncio.sleep(TRY_AGAIN_SECONDS)

    async def _attempt(self, messages: Sequence[Message]) -> list[Message]:
        """Try once; return the messages that may not be durable. Writing them twice is harmless."""
        producer = self._producers.current
        in_flight: list[tuple[Message, asyncio.Future[object]]] = []
        failed: list[tuple[Message, kafka_errors.KafkaError]] = []
        for message in messages:
            try:
                in_flight.append((message, await send(producer, message)))
            except kafka_errors.KafkaError as error:
                failed.append((message, error))
        for message, sent in in_flight:
            try:
                await sent
            except kafka_errors.KafkaError as error:
                failed.append((message, error))
        if not failed:
            return []
        for message, why in failed:
            raise_permanent(why, message.topic)
        log.warning("messages not durable yet", messages=len(failed))
        await self._producers.replace_if_broken(producer, [why for _, why in failed])
        return [message for message, _ in failed]
