"""The writer of ingest for brokers without transactions."""

from collections.abc import Mapping, Sequence

from aiokafka import errors as kafka_errors

from pipeline.domain.message import Message
from pipeline.kafka.chunk_trouble import ChunkTrouble
from pipeline.kafka.producer import SharedProducer
from pipeline.kafka.record_limits import USUAL_LIMITS, RecordLimits
from pipeline.kafka.sending import durable, hand_over, topics_of
from pipeline.stages.ports import Carried, OutgoingRecord, Partition


class PlainWriter:
    """Writes for brokers without transactions: at least once, in the order of the source."""

    def __init__(
        self,
        producers: SharedProducer,
        trouble: ChunkTrouble,
        limits: RecordLimits = USUAL_LIMITS,
    ) -> None:
        self._producers = producers
        self._limits = limits
        self._trouble = trouble

    async def open(self) -> None:
        return None

    async def close(self) -> None:
        self._trouble.closed(self)

    async def carry(
        self,
        outgoing: Mapping[Partition, Sequence[OutgoingRecord]],
        letters: Sequence[Message],
        next_offset: int,  # noqa: ARG002 - the lease commits it
    ) -> Carried:
        producer = self._producers.current
        try:
            async with self._producers.handing_over:
                sent = await hand_over(producer, outgoing, letters, self._limits)
            await durable(sent)
        except kafka_errors.KafkaError as error:
            await self._producers.replace_if_broken(producer, [error])
            return await self._trouble.not_durable(error, self)
        self._trouble.durable(self, topics_of(outgoing, letters))
        return "durable"
