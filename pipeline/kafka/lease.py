"""One partition of a group, for as long as this process owns it, with the proof that it does."""

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka import errors as kafka_errors

from pipeline.kafka.coordinator import Committed
from pipeline.kafka.offset_resolver import OffsetResolver, metadata
from pipeline.stages.ports import NONE_PAUSED, Record, StartingPoint

FETCH_WAIT_MS = 1000
"""A fetch is answered within half a second, with records or without."""
TRY_AGAIN_SECONDS = 0.5

log = structlog.get_logger(__name__)


class TopicReplaced(Exception):
    """A topic was deleted and made anew while it was read; a restart reads the new one."""


class KafkaLease:
    """A partition between taking it over and losing it.

    Ownership is proven by a commit that the coordinator accepted, from the moment it was *sent*,
    for less than the session timeout: so long nobody else can have been given the partition. A
    proof that ran out is never renewed (the lease has lapsed); the partition must be assigned
    anew, because somebody else may have had it meanwhile.
    """

    def __init__(
        self,
        consumer: AIOKafkaConsumer,
        tp: TopicPartition,
        resolver: OffsetResolver,
        *,
        clock: Callable[[], float],
        begun: Callable[[], None],
    ) -> None:
        self._consumer = consumer
        self._tp = tp
        self._resolver = resolver
        self._clock = clock
        self._begun = begun
        self._assigned = asyncio.Event()
        self._assigned.set()
        self._proven = asyncio.Event()
        self._epoch = 0
        self._position: int | None = None
        """Where the next fetch begins: behind the markers of transactions, too."""
        self._read_to: int | None = None
        """Behind the last record that was handed out."""
        self._committable: int | None = None
        self._is_clean = False
        self._paused = NONE_PAUSED
        self._is_paused = False
        self._proof_until: float | None = None

    # What a stage may ask (flow.ports.Lease)

    @property
    def topic(self) -> str:
        return str(self._tp.topic)

    @property
    def partition(self) -> int:
        return int(self._tp.partition)

    async def begin(self) -> StartingPoint:
        """Find where the work begins; tries until the broker gives a good answer."""
        while True:
            try:
                await self._assigned.wait()
                start = await self._resolver.find()
            except kafka_errors.KafkaError as error:
                if not _is_passing(error):
                    raise
                log.warning("no starting point yet", topic=self.topic, error=type(error).__name__)
                await asyncio.sleep(TRY_AGAIN_SECONDS)
                continue
            self._seek(start.offset)
            return start

    async def fetch(self, most: int) -> Sequence[Record]:
        await self._assigned.wait()
        if self._is_paused:
            self._is_paused = False
            self._consumer.resume(self._tp)
        epoch = self._epoch
        try:
            fetched = await self._consumer.getmany(
                self._tp, timeout_ms=FETCH_WAIT_MS, max_records=most
            )
        except kafka_errors.OffsetOutOfRangeError:
            await self._after_loss()
            return ()
        except kafka_errors.KafkaError as error:
            await self._after_error(error)
            return ()
        records: Sequence[Record] = fetched.get(self._tp, ())
        if epoch != self._epoch:
            # Read for an assignment that is gone: they moved the position, so move it back.
            self._seek(self._position)
            return ()
        if records:
            self._position = self._read_to = records[-1].offset + 1
        else:
            await self._pass_markers(epoch)
        return records

    def pause(self) -> None:
        self._is_paused = True
        if self._assigned.is_set():
            self._consumer.pause(self._tp)

    def seek(self, offset: int) -> None:
        self._seek(offset)

    def settle(
        self, offset: int, *, clean: bool = False, paused: Mapping[str, int] = NONE_PAUSED
    ) -> None:
        is_first = self._committable is None
        self._committable = offset
        self._is_clean = clean
        self._paused = paused
        if is_first:
            self._begun()

    @property
    def is_held(self) -> bool:
        return (
            self._assigned.is_set()
            and self._proof_until is not None
            and self._clock() < self._proof_until
        )

    async def wait_held(self) -> None:
        while not self.is_held:
            self._proven.clear()
            await self._proven.wait()

    def lag(self) -> int | None:
        done = self.committable(final=False)
        if not self._assigned.is_set() or done is None:
            return None
        end = self._consumer.highwater(self._tp)
        return None if end is None else max(0, end - done.offset)

    # What the group tells it

    @property
    def has_lapsed(self) -> bool:
        """Whether a proof ran out: then nothing that this lease did since can be vouched for."""
        return self._proof_until is not None and self._clock() >= self._proof_until

    def committable(self, *, final: bool) -> Committed | None:
        """What to commit now; only the last commit before giving up may say `clean`."""
        offset = self._committable
        if offset is None:
            return None
        if offset == self._read_to and self._position is not None:
            # Everything read is done: markers of transactions behind it are no work either.
            offset = max(offset, self._position)
        return Committed(offset, metadata(clean=final and self._is_clean, paused=self._paused))

    def prove(self, until: float) -> None:
        """Take note of a commit that was accepted. After revocation none renews the proof."""
        if self._assigned.is_set() and not self.has_lapsed:
            self._proof_until = until
            self._proven.set()

    def revoke(self) -> None:
        """End admission at once; the lease may still come back."""
        self._assigned.clear()
        self._epoch += 1

    def renew(self) -> None:
        """The same process got the partition again, and nobody else had it in between."""
        self._proof_until = None
        self._epoch += 1
        self._assigned.set()
        self._seek(self._position)
        if self._is_paused:
            self._consumer.pause(self._tp)

    # Positions

    async def _pass_markers(self, epoch: int) -> None:
        """Move past what is no record: only when there is none, so that none can be skipped."""
        with contextlib.suppress(kafka_errors.IllegalStateError):
            position = await self._consumer.position(self._tp)
            if epoch == self._epoch:
                self._position = position

    def _seek(self, offset: int | None) -> None:
        self._position = self._read_to = offset
        if offset is not None and self._assigned.is_set():
            self._consumer.seek(self._tp, offset)

    async def _after_loss(self) -> None:
        position = self._position or 0
        oldest = await self._resolver.after_loss(position)
        if oldest < position:
            # What was read before belongs to a topic that is no more: only a fresh start, which
            # has settled nothing yet, can read the new one from its resolver.
            raise TopicReplaced(self.topic)
        self._seek(oldest)

    async def _after_error(self, error: kafka_errors.KafkaError) -> None:
        if isinstance(error, kafka_errors.NoOffsetForPartitionError):
            # The library looked an offset up for itself before we had sought; ours counts.
            self._seek(self._position)
        elif not _is_passing(error):
            raise error
        else:
            log.warning("fetch failed", topic=self.topic, error=type(error).__name__)
            await asyncio.sleep(TRY_AGAIN_SECONDS)


def _is_passing(error: kafka_errors.KafkaError) -> bool:
    """Whether waiting helps: permissions don't come by waiting, brokers do."""
    return not isinstance(
        error,
        kafka_errors.GroupAuthorizationFailedError
        | kafka_errors.TopicAuthorizationFailedError
        | kafka_errors.ConsumerStoppedError
        | kafka_errors.RecordTooLargeError,
    )
