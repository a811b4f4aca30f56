"""A second reader of a lane's topic, in no group, for what was kept back of it."""

import asyncio

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka import errors as kafka_errors

from pipeline.kafka import closing
from pipeline.kafka.client_options import ClientOptions
from pipeline.stages.ports import Stretch
from pipeline.telemetry.facts import KafkaTelemetry

FETCH_WAIT_MS = 1000
TRY_AGAIN_SECONDS = 0.5

log = structlog.get_logger(__name__)


class KafkaReplay:
    """Reads what the lane's own reader has passed. It commits nothing, so it can lose nothing."""

    def __init__(
        self,
        client_options: ClientOptions,
        topic: str,
        *,
        read_committed: bool,
        telemetry: KafkaTelemetry,
    ) -> None:
        self._client_options = client_options
        self._tp = TopicPartition(topic, 0)
        self._isolation = "read_committed" if read_committed else "read_uncommitted"
        self._telemetry = telemetry
        self._consumer: AIOKafkaConsumer | None = None
        self._position: int | None = None

    async def read(self, offset: int, most: int) -> Stretch:
        """As the port; a broker that is away or refuses is told about, and asked again."""
        try:
            return await self._read(await self._opened(), offset, most)
        except kafka_errors.KafkaError as error:
            log.warning("replay failed", topic=self._tp.topic, error=type(error).__name__)
            await self.close()
            await asyncio.sleep(TRY_AGAIN_SECONDS)
            return Stretch((), offset)

    async def close(self) -> None:
        consumer, self._consumer, self._position = self._consumer, None, None
        if consumer is not None:
            await closing.stop(consumer)

    async def _opened(self) -> AIOKafkaConsumer:
        if self._consumer is None:
            consumer = AIOKafkaConsumer(
                enable_auto_commit=False,
                auto_offset_reset="none",
                isolation_level=self._isolation,
                **self._client_options.arguments(),
            )
            self._consumer = consumer
            await consumer.start()
            consumer.assign([self._tp])
        return self._consumer

    async def _read(self, consumer: AIOKafkaConsumer, offset: int, most: int) -> Stretch:
        if offset != self._position:
            consumer.seek(self._tp, offset)
            self._position = offset
        try:
            fetched = await consumer.getmany(self._tp, timeout_ms=FETCH_WAIT_MS, max_records=most)
        except kafka_errors.OffsetOutOfRangeError:
            return Stretch((), await self._after_loss(consumer, offset))
        records = fetched.get(self._tp, ())
        # Without a record, what was passed are markers of transactions.
        end = records[-1].offset + 1 if records else int(await consumer.position(self._tp))
        self._position = end
        return Stretch(records, end)

    async def _after_loss(self, consumer: AIOKafkaConsumer, wanted: int) -> int:
        oldest = int((await consumer.beginning_offsets([self._tp]))[self._tp])
        lost = max(0, oldest - wanted)
        self._telemetry.offsets_lost(topic=self._tp.topic, partition=0, records=lost)
        log.error(
            "records that were kept back are gone: going on from the oldest",
            topic=self._tp.topic,
            wanted=wanted,
            oldest=oldest,
            lost=lost,
        )
        if not lost:
            await asyncio.sleep(TRY_AGAIN_SECONDS)
        return max(oldest, wanted)
