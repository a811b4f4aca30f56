"""Repairs faults of the Kafka client from outside; most would silently end one of its tasks."""

import asyncio
from collections.abc import Awaitable
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka import conn as library
from aiokafka import errors as kafka_errors
from aiokafka.protocol.metadata import MetadataRequest

from pipeline.kafka.internals import make_no_topic


class SteadyConnection(library.AIOKafkaConnection):  # type: ignore[misc]
    """Turns a write to a closed socket into the client's own error; and never creates a topic.

    asyncio lets such a write pass with a warning, and the client expects OSError; uvloop raises
    RuntimeError. That error silently ended the client's metadata task. After a broker had been
    away, the client never found a leader or a coordinator again.

    By default brokers create a topic when a client asks about it, with one partition and a
    retention. A topic of ours that was deleted under a running process would come back wrong.

    A client opens its first connection for one question. If it is stopped before the answer, it
    forgets the connection, which would stay open until its memory is freed.
    """

    def __init__(self, *arguments: Any, on_close: Any = None, **options: Any) -> None:
        super().__init__(*arguments, on_close=on_close, **options)
        self._is_for_start = on_close is None

    def send(self, request: Any, expect_response: bool = True) -> Any:
        """Send as the library does; raises `KafkaConnectionError` for a closed connection."""
        if isinstance(request, MetadataRequest):
            make_no_topic(request)
        try:
            answer = super().send(request, expect_response)
        except RuntimeError as error:
            self.close(reason=library.CloseReason.CONNECTION_BROKEN)
            raise kafka_errors.KafkaConnectionError(f"connection broken: {error}") from error
        return self._closed_if_cancelled(answer) if self._is_for_start else answer

    async def _closed_if_cancelled(self, answer: Awaitable[Any]) -> Any:
        try:
            return await answer
        except asyncio.CancelledError:
            self.close(reason=library.CloseReason.SHUTDOWN)
            raise


def steady_connections() -> None:
    """Make all later clients use these connections: the library has no parameter for the class."""
    library.AIOKafkaConnection = SteadyConnection


def patient_lookups(producer: AIOKafkaProducer) -> None:
    """Let the producer look up its coordinator again after any retriable error.

    The library's sending task does so only for some errors. It dies if a broker goes away between
    the question and the answer.
    """
    client = producer.client
    look_up = client.coordinator_lookup

    async def patiently(kind: int, key: str) -> int:
        try:
            return int(await look_up(kind, key))
        except kafka_errors.KafkaError as error:
            if not error.retriable:
                raise
            raise kafka_errors.CoordinatorNotAvailableError(repr(error)) from error

    client.coordinator_lookup = patiently
