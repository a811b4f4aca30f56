"""Follows the control topic, in which operators pause and resume audiences of lanes."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping

import structlog
from aiokafka import TopicPartition
from aiokafka import errors as kafka_errors

from pipeline.domain.pause_request import RequestedPauses, Unreadable, decode_pause_request
from pipeline.kafka.client_options import ClientOptions
from pipeline.kafka.topic_reader import TopicReader

TRY_AGAIN_SECONDS = 1.0

log = structlog.get_logger(__name__)


class LatestPauseRequests:
    """The last request for each audience of each lane, of all messages so far."""

    def __init__(self) -> None:
        self._lanes: defaultdict[str, dict[str, bool]] = defaultdict(dict)

    def take(self, offset: int, key: bytes | None, value: bytes | None) -> None:
        """Take one more message; an unreadable one is logged and changes nothing."""
        control = decode_pause_request(key, value)
        if isinstance(control, Unreadable):
            log.error("control message not understood: ignored", offset=offset, why=control.why)
        elif control.is_paused is None:
            self._lanes[control.lane].pop(control.audience, None)
        else:
            self._lanes[control.lane][control.audience] = control.is_paused

    def requested(self, lane: str) -> RequestedPauses:
        return self._lanes.get(lane, {})

    @property
    def lanes(self) -> Mapping[str, RequestedPauses]:
        return self._lanes


class PauseRequestReader:
    """Reads the topic from its oldest message on, without a group.

    No request counts before the whole topic is read: an old request must not count as the last.
    """

    def __init__(self, client_options: ClientOptions, topic: str) -> None:
        self._client_options = client_options
        self._tp = TopicPartition(topic, 0)
        self._book = LatestPauseRequests()
        self._reader: TopicReader | None = None
        """The open reader, once it has read all messages from before it was opened; else None."""
        self._position = 0
        self._moved = asyncio.Event()

    def requested(self, lane: str) -> RequestedPauses:
        return self._book.requested(lane)

    @property
    def lanes(self) -> Mapping[str, RequestedPauses]:
        """All requests, by lane."""
        return self._book.lanes

    async def known(self) -> None:
        """Return once all messages up to the present end of the topic are taken in."""
        end = None
        while end is None:
            end = await self._end()
        while self._reader is None or self._position < end:
            await self._move()

    async def follow(self) -> None:
        """Read until cancelled; wait for a broker that is away."""
        while True:
            try:
                async with TopicReader(self._client_options, committed_only=False) as reader:
                    await self._follow(reader)
            except kafka_errors.KafkaError as error:
                log.warning("controls not read", topic=self._tp.topic, error=type(error).__name__)
                await asyncio.sleep(TRY_AGAIN_SECONDS)

    async def _follow(self, reader: TopicReader) -> None:
        self._position = (await reader.oldest([self._tp]))[self._tp]
        book = LatestPauseRequests()
        try:
            while (end := reader.end(self._tp)) is None or self._position < end:
                await self._read(reader, book)
            self._book, self._reader = book, reader
            self._moved.set()
            while True:
                await self._read(reader, book)
        finally:
            self._reader = None

    async def _read(self, reader: TopicReader, book: LatestPauseRequests) -> None:
        found = await reader.stretch(self._tp, self._position)
        for record in found.records:
            book.take(record.offset, record.key, record.value)
        self._position = found.end
        self._moved.set()

    async def _end(self) -> int | None:
        """Return the present end of the topic; None if the brokers do not say."""
        while self._reader is None:
            await self._move()
        try:
            return (await self._reader.named_ends([self._tp]))[self._tp]
        except kafka_errors.KafkaError as error:
            log.warning("end of controls not known yet", error=type(error).__name__)
            await asyncio.sleep(TRY_AGAIN_SECONDS)
            return None

    async def _move(self) -> None:
        self._moved.clear()
        await self._moved.wait()
