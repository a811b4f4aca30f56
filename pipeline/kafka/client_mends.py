"""Faults of the Kafka client, mended from outside: most would end a task of its own in silence."""

from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka import conn as library
from aiokafka import errors as kafka_errors
from aiokafka.protocol.metadata import MetadataRequest

from pipeline.kafka.internals import make_no_topic


class SteadyConnection(library.AIOKafkaConnection):  # type: ignore[misc]
    """Tells of a write to a closed socket by the client's own error.

    asyncio lets such a write pass with a warning, and the client waits for OSError; uvloop raises
    RuntimeError. That ended the client's task that keeps its metadata, unseen: after a broker had
    been away, the client could find no leader and no coordinator any more, for ever.

    It also lets no question about a topic make one. Brokers do that by default, with one partition
    and a retention: a topic of ours that was deleted under a running process would be wrong then.
    """

    def send(self, request: Any, expect_response: bool = True) -> Any:
        """As the library's; raises `KafkaConnectionError` for a connection that is gone."""
        if isinstance(request, MetadataRequest):
            make_no_topic(request)
        try:
            return super().send(request, expect_response)
        except RuntimeError as error:
            self.close(reason=library.CloseReason.CONNECTION_BROKEN)
            raise kafka_errors.KafkaConnectionError(f"connection broken: {error}") from error


def steady_connections() -> None:
    """Let every client made from now on have them: the library takes no class of connection."""
    library.AIOKafkaConnection = SteadyConnection


def patient_lookups(producer: AIOKafkaProducer) -> None:
    """Let the producer look its coordinator up again after any error that passes.

    The task that sends does so for some errors, and dies of the others: of a broker that goes away
    between the question and the answer, as it does of nothing else that it asks.
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
