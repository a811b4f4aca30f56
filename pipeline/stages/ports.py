"""What the stages need from the world, in their own words."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from types import MappingProxyType
from typing import Final, Literal, NamedTuple, Protocol

from pipeline.domain.job import JobReport, NotYet
from pipeline.domain.message import LARGEST_RECORD_BYTES, Message
from pipeline.domain.pause_request import RequestedPauses
from pipeline.domain.send_result import Answer


class Record(Protocol):
    """One message as Kafka gave it."""

    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Sequence[tuple[str, bytes]]: ...


NONE_PAUSED: Mapping[str, int] = MappingProxyType({})


class StartingPoint(NamedTuple):
    """The offset at which the work on a partition begins, and what the former owner left."""

    offset: int
    is_clean: bool
    """The former owner had an answer to each request, or there was no former owner."""
    paused: Mapping[str, int] = NONE_PAUSED
    """Paused audiences of the former owner, each with its first offset, as far as known."""
    others_paused: int | None = None
    """If not all are known: any other audience may be paused since this offset; else None."""


class Lease(Protocol):
    """One partition, for as long as this process owns it.

    A lease survives a rebalance that gives the partition back to the same process at once; in
    between we do not own it. When the partition is lost, the task that works on it is cancelled.
    Where a stage owns whole topics, one proof of ownership covers all partitions of a topic.
    """

    @property
    def topic(self) -> str: ...

    @property
    def partition(self) -> int: ...

    async def begin(self) -> StartingPoint:
        """Find the committed offset, without guessing, and read on from there."""

    async def fetch(self, most: int) -> Sequence[Record]:
        """Return the next records in order, at most `most`; none if none came for a while.

        While the partition cannot be read, the call does not return, so that the watchdog sees that
        a busy worker stands still.
        """

    def pause(self) -> None:
        """Fetch nothing until the next `fetch`; other partitions must not wait for this one."""

    def seek(self, offset: int) -> None:
        """Fetch from this offset next."""

    def settle(
        self,
        offset: int,
        *,
        clean: bool = False,
        paused: Mapping[str, int] = NONE_PAUSED,
        done_to: int | None = None,
    ) -> None:
        """Let the next commit say that all before this offset is done, except paused audiences.

        `done_to`: all before this later offset is done too. A successor begins there if it can
        read which audiences are kept back, and otherwise at `offset`.
        """

    @property
    def is_held(self) -> bool:
        """Whether a commit proved lately that nobody else owns the partition."""

    async def wait_held(self) -> None:
        """Wait until ownership is proven."""

    def lag(self) -> int | None:
        """Return how many records are left up to the end of the partition; None: not known."""


class Worker(Protocol):
    """The work of one stage on one partition."""

    async def run(self) -> None:
        """Work until cancelled."""

    async def drain(self) -> None:
        """Return once nothing is in flight; called when the partition may soon be lost."""


class Partition(NamedTuple):
    """One partition of a topic of ours."""

    topic: str
    number: int


class OutgoingRecord(NamedTuple):
    """One record for a lane, or about a membership."""

    key: bytes
    value: bytes
    headers: list[tuple[str, bytes]]
    """A list and nothing else: the client's batch builder takes no other sequence."""


Carried = Literal[
    "durable",
    "failed",  # or not known: the committed offset decides
    "timed_out",  # the same, and the chunk may be too much for one transaction
    "too_large",  # a broker refused one of its messages for its size
]


class ChunkWriter(Protocol):
    """Writes the output of some events of a source partition together with their offset."""

    async def open(self) -> None:
        """Shut out a former owner of the partition: it can write nothing any more."""

    async def carry(
        self,
        outgoing: Mapping[Partition, Sequence[OutgoingRecord]],
        letters: Sequence[Message],
        next_offset: int,
    ) -> Carried:
        """Make all messages durable, and commit `next_offset` with them.

        `next_offset` is the committed offset itself if the chunk is a part of an event.
        """

    async def close(self) -> None:
        """Close the writer; leave no transaction open that readers would wait for."""


class RecordLimits(Protocol):
    """How large a message may be, as the brokers say."""

    def largest_record(self, topic: str) -> int:
        """Return the most bytes of key, value and headers together of one message."""


class UsualLimits:
    """The limits of a topic that nobody configured."""

    def largest_record(self, topic: str) -> int:  # noqa: ARG002 - the same for all
        return LARGEST_RECORD_BYTES


USUAL_LIMITS: Final = UsualLimits()


class MessageWriter(Protocol):
    """Writes messages that must not be lost: jobs, outcomes, dead letters."""

    async def write(self, messages: Sequence[Message]) -> None:
        """Write messages; return once all are durable. Waits for a broker that is away."""


class Ownership(Protocol):
    """Whether we own a lane, asked right before a request is completed."""

    @property
    def is_held(self) -> bool: ...


class Upload(Protocol):
    """The partner's end of one lane."""

    async def turn(self) -> None:
        """Wait until the client may make another request."""

    async def send(
        self, audience: str, route: bytes, records: Sequence[bytes], ownership: Ownership
    ) -> Answer:
        """Try once. The request is completed only while we own the lane."""


class Trimmer(Protocol):
    """Deletes delivered records from a lane's topic."""

    async def trim(self, topic: str, *, settled: int, before_ms: int) -> None:
        """Delete records before the settled offset that were written before `before_ms`."""


class Stretch(NamedTuple):
    """The records that a replay read, and the offset up to which they are all."""

    records: Sequence[Record]
    end: int


class Replay(Protocol):
    """A second look at a lane's topic, beside the lease on it."""

    async def read(self, offset: int, most: int) -> Stretch:
        """Read from this offset on, at most `most` records; wait up to a second for some."""

    async def close(self) -> None:
        """Close the connections; the next `read` opens them again."""


class PauseRequests(Protocol):
    """The pauses of audiences that operators ask for, by lane."""

    async def known(self) -> None:
        """Return once all requests up to now have been read."""

    def requested(self, lane: str) -> RequestedPauses: ...


class Status(Protocol):
    """The partner's word on a job."""

    async def ask(self, job_id: str) -> JobReport | NotYet: ...


class OutcomeReader(Protocol):
    """Reads the outcomes topic."""

    async def ended(self, partition: int, since_ms: int) -> frozenset[str]:
        """Return the ids of jobs of this partition with an outcome since then; newest only."""

    def follow(self, partition: int) -> AsyncGenerator[Sequence[str], None]:
        """Yield ids of jobs that end from now on; the first item is empty and means: ready."""


class TokenBucket(Protocol):
    """A token bucket that starts empty. Times in seconds."""

    def wait(self, tokens: int, now: float) -> float:
        """Return the seconds until `tokens` tokens are there; 0 when they are."""

    def spend(self, tokens: int, now: float) -> None:
        """Spend tokens; they must be there."""


class RequestLimiter(Protocol):
    """Bounds the requests a second of one client, over all its lanes."""

    async def turn(self) -> None:
        """Return when it is the caller's turn."""
