"""A second reader of a lane's topic, without a group, for records of paused audiences."""

import asyncio

import structlog
from aiokafka import TopicPartition
from aiokafka import errors as kafka_errors

from pipeline.kafka.client_options import ClientOptions
from pipeline.kafka.topic_reader import TopicReader
from pipeline.stages.ports import Stretch
from pipeline.telemetry.facts import KafkaTelemetry

TRY_AGAIN_SECONDS = 0.5

log = structlog.get_logger(__name__)


class KafkaReplay:
    """Reads records that the lane's own reader has passed. It commits nothing, so loses nothing."""

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
        self._committed_only = read_committed
        self._telemetry = telemetry
        self._reader: TopicReader | None = None

    async def read(self, offset: int, most: int) -> Stretch:
        """Read as the port says; a failure is logged, and the next call tries again."""
        try:
            reader = await self._opened()
            try:
                return await reader.stretch(self._tp, offset, most)
            except kafka_errors.OffsetOutOfRangeError:
                return Stretch((), await self._after_loss(reader, offset))
        except kafka_errors.KafkaError as error:
            log.warning("replay failed", topic=self._tp.topic, error=type(error).__name__)
            await self.close()
            await asyncio.sleep(TRY_AGAIN_SECONDS)
            return Stretch((), offset)

    async def close(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None:
            await reader.close()

    async def _opened(self) -> TopicReader:
        if self._reader is None:
            made = TopicReader(self._client_options, committed_only=self._committed_only)
            self._reader = await made.__aenter__()
        return self._reader

    async def _after_loss(self, reader: TopicReader, wanted: int) -> int:
        oldest = (await reader.oldest([self._tp]))[self._tp]
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
