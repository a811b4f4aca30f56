"""One partition of a group, for as long as this process owns it: reads it and settles it."""

import asyncio
from collections.abc import Callable, Mapping, Sequence

import structlog
from aiokafka import TopicPartition
from aiokafka import errors as kafka_errors

from pipeline.kafka.buffers import Buffers
from pipeline.kafka.coordinator import Committed
from pipeline.kafka.fetch_trouble import FetchTrouble
from pipeline.kafka.offset_resolver import OffsetResolver, metadata
from pipeline.kafka.ownership_proof import OwnershipProof
from pipeline.stages.ports import NONE_PAUSED, Record, StartingPoint
from pipeline.stages.waiting import until

IDLE_SECONDS = 20.0
"""`fetch` returns this often without records, so that a waiting worker does not look stuck.
A thousand idle lanes wake up fifty times a second for it."""
ANSWER_SECONDS = 2.5
"""A broker answers a fetch from an offset out of range sooner, also behind one in flight."""
LOOK_SECONDS = 0.05
TRY_AGAIN_SECONDS = 0.5
SAY_AFTER = 10
"""Failed attempts before a log line: a thousand lanes of new topics all fail once or twice."""

log = structlog.get_logger(__name__)


class TopicReplaced(Exception):
    """A topic was deleted and made anew while it was read; a restart reads the new one."""


class KafkaLease:
    """A partition between its takeover and its loss.

    The records stay in the client's buffer until the worker asks. Then the lease takes them
    synchronously, so that nothing happens between the check of ownership and the take.
    """

    def __init__(
        self,
        buffers: Buffers,
        tp: TopicPartition,
        resolver: OffsetResolver,
        proof: OwnershipProof,
        trouble: FetchTrouble,
        *,
        begun: Callable[[], None],
        idle_seconds: float = IDLE_SECONDS,
    ) -> None:
        self._idle_seconds = idle_seconds
        self._buffers = buffers
        self._tp = tp
        self._resolver = resolver
        self._proof = proof
        self._trouble = trouble
        self._begun = begun
        self._arrived = asyncio.Event()
        self._position: int | None = None
        """Offset of the next take, behind any markers of transactions."""
        self._read_to: int | None = None
        """Offset behind the last record that the worker got."""
        self._committable: int | None = None
        self._is_clean = False
        self._paused = NONE_PAUSED
        self._done_to: int | None = None
        self._is_asking = False
        # The client must fetch nothing before `begin` has found the offset.
        self._is_paused = False
        self._pause()

    # What a stage may ask (stages.ports.Lease)

    @property
    def topic(self) -> str:
        return str(self._tp.topic)

    @property
    def partition(self) -> int:
        return int(self._tp.partition)

    async def begin(self) -> StartingPoint:
        """Find the offset where the work begins; try until the broker gives a good answer."""
        attempts = 0
        while True:
            try:
                await self._proof.wait_assigned()
                start = await self._resolver.find(self._is_readable)
            except kafka_errors.KafkaError as error:
                if isinstance(error, kafka_errors.GroupAuthorizationFailedError):
                    raise
                attempts += 1
                if attempts % SAY_AFTER == 0:
                    log.warning(
                        "no starting point yet", topic=self.topic, error=type(error).__name__
                    )
                await asyncio.sleep(TRY_AGAIN_SECONDS)
                continue
            self._seek(start.offset)
            return start

    async def fetch(self, most: int) -> Sequence[Record]:
        """Fetch as the port says; does not return while the partition cannot be read.

        If the client has fetched records already, the worker gets them at once.
        """
        self._is_asking = True
        try:
            # Other tasks get their turn, also if records wait here.
            await asyncio.sleep(0)
            return await self._next(most)
        finally:
            self._is_asking = False

    def pause(self) -> None:
        self._pause()

    def seek(self, offset: int) -> None:
        self._seek(offset)

    def settle(
        self,
        offset: int,
        *,
        clean: bool = False,
        paused: Mapping[str, int] = NONE_PAUSED,
        done_to: int | None = None,
    ) -> None:
        is_first = self._committable is None
        self._committable = offset
        self._is_clean = clean
        self._paused = paused
        self._done_to = done_to
        if is_first:
            self._begun()

    @property
    def is_held(self) -> bool:
        return self._proof.is_held

    async def wait_held(self) -> None:
        await self._proof.wait_held()

    def lag(self) -> int | None:
        done = self._done()
        if not self._proof.is_assigned or done is None:
            return None
        end = self._buffers.end(self._tp)
        return None if end is None else max(0, end - done)

    # For the group and its fetch loop

    @property
    def tp(self) -> TopicPartition:
        return self._tp

    @property
    def has_begun(self) -> bool:
        """Whether the work has begun, so that there is an offset to commit."""
        return self._committable is not None

    @property
    def is_asking(self) -> bool:
        """Whether a worker waits for records of this partition now."""
        return self._is_asking

    def arrived(self) -> None:
        """Wake the worker: the client has records or an error of this partition."""
        self._arrived.set()

    def refused(self, error: type[Exception]) -> None:
        """Note that a broker refused to hand out the partition."""
        self._trouble.note(error, self._position)

    def let_go(self) -> None:
        """Free the client's memory; the records are fetched again later."""
        self._pause()
        self._seek_client(self._position)

    def committable(self, *, final: bool) -> Committed | None:
        """Return the offset to commit now; only the last commit before a loss may say `clean`."""
        offset = self._done()
        if offset is None:
            return None
        said = metadata(clean=final and self._is_clean, paused=self._paused, done_to=self._done_to)
        return Committed(offset, said)

    @property
    def mark(self) -> tuple[int | None, Mapping[str, int], int | None]:
        """A value that changes whenever the next commit would differ."""
        return self._done(), self._paused, self._done_to

    def revoke(self) -> None:
        """Take no more records; the partition may still come back."""
        self._arrived.clear()

    def renew(self) -> None:
        """Go on from the last position: this process got the partition back."""
        self._seek_client(self._position)
        if self._is_paused:
            self._buffers.pause(self._tp)

    # Positions

    async def _next(self, most: int) -> Sequence[Record]:
        while True:
            # While we are not assigned, the client may fetch from another position.
            await self._proof.wait_assigned()
            self._resume()
            self._arrived.clear()
            try:
                records = self._take(most)
            except kafka_errors.OffsetOutOfRangeError:
                await self._after_loss()
                return ()
            except kafka_errors.KafkaError as error:
                await self._after_error(error)
                continue
            if records:
                return records
            await until(self._arrived, self._idle_seconds)
            if not self._arrived.is_set() and not self._trouble.is_recent:
                return ()

    def _take(self, most: int) -> Sequence[Record]:
        records = self._buffers.take(self._tp, most, singly=self._trouble.is_recent)
        position = self._buffers.position(self._tp)
        self._position = self._position if position is None else position
        if records:
            self._read_to = records[-1].offset + 1
        return records

    def _done(self) -> int | None:
        if self._committable is None or self._committable != self._read_to:
            return self._committable
        # All records read are done, and the markers behind them need no work.
        return max(self._committable, self._position or 0)

    def _pause(self) -> None:
        self._is_paused = True
        if self._proof.is_assigned:
            self._buffers.pause(self._tp)

    def _resume(self) -> None:
        if self._is_paused and self._proof.is_assigned:
            self._is_paused = False
            self._buffers.resume(self._tp)

    def _seek(self, offset: int | None) -> None:
        self._position = self._read_to = offset
        self._seek_client(offset)

    def _seek_client(self, offset: int | None) -> None:
        if offset is not None and self._proof.is_assigned:
            self._buffers.seek(self._tp, offset)

    async def _is_readable(self, offset: int) -> bool:
        """Whether the broker accepts a fetch from this offset; no answer counts as yes."""
        before = self._buffers.answered_ms(self._tp)
        self._seek(offset)
        self._resume()
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                # An answer without records wakes nobody, so look now and then.
                while self._buffers.answered_ms(self._tp) == before:
                    self._arrived.clear()
                    await until(self._arrived, LOOK_SECONDS)
                    await self._proof.wait_assigned()
                    self._take(1)
        except kafka_errors.OffsetOutOfRangeError:
            return False
        except TimeoutError:
            return True
        return True

    async def _after_loss(self) -> None:
        position = self._position or 0
        oldest = await self._resolver.after_loss(position)
        if oldest < position:
            # The records read before belong to a topic that was deleted. Only a restart, which
            # has settled nothing yet, can find the beginning of the new one.
            raise TopicReplaced(self.topic)
        self._seek(oldest)

    async def _after_error(self, error: kafka_errors.KafkaError) -> None:
        """Read again from the last position: the library skips records that it could not read."""
        self._seek_client(self._position)
        if isinstance(error, kafka_errors.NoOffsetForPartitionError):
            # The library looked up an offset itself before we had sought; our offset counts.
            return
        self._trouble.note(type(error), self._position)
        await asyncio.sleep(TRY_AGAIN_SECONDS)
