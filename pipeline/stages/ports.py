"""What the flow needs from the world, in the flow's own words."""

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
    """Where the work on a partition begins."""

    offset: int
    is_clean: bool
    """The former owner had an answer to everything it sent, or there was none."""
    paused: Mapping[str, int] = NONE_PAUSED
    """Audiences that it kept back, and since which offset, as far as that is known."""
    others_paused: int | None = None
    """Where that is not known: any other audience may be kept back since this offset."""


class Lease(Protocol):
    """One partition, for as long as this process owns it.

    A lease outlives a rebalance that gives the partition back to the same process at once; in
    between it is not owned. When it is lost, the task that works on it is cancelled. Where a stage
    owns whole topics, one proof of ownership covers all partitions of a topic.
    """

    @property
    def topic(self) -> str: ...

    @property
    def partition(self) -> int: ...

    async def begin(self) -> StartingPoint:
        """Find the committed offset, without guessing, and read on from there."""

    async def fetch(self, most: int) -> Sequence[Record]:
        """The next records in order, at most so many; empty when none came for a good while.

        While the partition cannot be read it returns nothing at all, so that a worker that is
        busy with reading is seen to stand still.
        """

    def pause(self) -> None:
        """Fetch nothing until `fetch` is called again; others must not wait for this partition."""

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
        """Everything before this offset is done, but for what is kept back; a commit says so.

        `done_to`: the same holds up to this later offset. A successor begins there if it can read
        what is kept back, and otherwise at `offset`.
        """

    @property
    def is_held(self) -> bool:
        """Whether a commit proved lately that nobody else owns the partition."""

    async def wait_held(self) -> None:
        """Wait until ownership is proven."""

    def lag(self) -> int | None:
        """Records behind the end of the partition, as far as it is known."""


class Worker(Protocol):
    """The work of one stage on one partition."""

    async def run(self) -> None:
        """Work until cancelled."""

    async def drain(self) -> None:
        """Return once nothing is in flight; called when the partition may be about to go."""


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
    "failed",  # or nobody knows: the committed offset decides
    "timed_out",  # the same, and it may have been too much for one transaction
    "too_large",  # a broker refuses a message of it for its size
]


class ChunkWriter(Protocol):
    """Carries what a stretch of a source partition became, together with its offset."""

    async def open(self) -> None:
        """Shut out a former owner of the partition, so that it can write nothing any more."""

    async def carry(
        self,
        outgoing: Mapping[Partition, Sequence[OutgoingRecord]],
        letters: Sequence[Message],
        next_offset: int,
    ) -> Carried:
        """Make all of it durable, and commit `next_offset` with it.

        That may be the offset that is committed already: the chunk is a part of an event then.
        """

    async def close(self) -> None:
        """Leave nothing open that readers would have to wait for."""


class RecordLimits(Protocol):
    """How large a message may be, as the brokers have it."""

    def largest_record(self, topic: str) -> int:
        """Bytes of key, value and headers together that one message of this topic may have."""


class UsualLimits:
    """What a topic takes that nobody configured."""

    def largest_record(self, topic: str) -> int:  # noqa: ARG002 - the same for all
        return LARGEST_RECORD_BYTES


USUAL_LIMITS: Final = UsualLimits()


class MessageWriter(Protocol):
    """Messages that must not be lost: jobs, outcomes, dead letters."""

    async def write(self, messages: Sequence[Message]) -> None:
        """Return when all are durable; a broker that is away is waited for."""


class Ownership(Protocol):
    """Asked for right before a request becomes whole."""

    @property
    def is_held(self) -> bool: ...


class Upload(Protocol):
    """The partner's end of one lane."""

    async def turn(self) -> None:
        """Wait until the client may make another request."""

    async def send(
        self, audience: str, route: bytes, records: Sequence[bytes], ownership: Ownership
    ) -> Answer:
        """One attempt. The request does not become whole unless the lane is still owned."""


class Trimmer(Protocol):
    """Lets delivered records leave."""

    async def trim(self, topic: str, *, settled: int, before_ms: int) -> None:
        """Delete what lies before the settled offset and was written before that time."""


class Stretch(NamedTuple):
    """What a replay read, and the offset up to which that is everything."""

    records: Sequence[Record]
    end: int


class Replay(Protocol):
    """A second look at a lane's topic, beside the lease on it."""

    async def read(self, offset: int, most: int) -> Stretch:
        """What stands from this offset on, at most so many records; waits a second for some."""

    async def close(self) -> None:
        """Let go of what it takes to read; the next `read` takes it again."""


class PauseRequests(Protocol):
    """What operators want of the audiences of each lane."""

    async def known(self) -> None:
        """Return once everything that was asked for up to now has been read."""

    def requested(self, lane: str) -> RequestedPauses: ...


class Status(Protocol):
    """The partner's word on a job."""

    async def ask(self, job_id: str) -> JobReport | NotYet: ...


class OutcomeReader(Protocol):
    """What the outcomes topic says."""

    async def ended(self, partition: int, since_ms: int) -> frozenset[str]:
        """Ids of the jobs of this partition whose outcome was written since then, the newest."""

    def follow(self, partition: int) -> AsyncGenerator[Sequence[str], None]:
        """Ids whose outcome is written from now on; none at first, once nothing can be missed."""


class TokenBucket(Protocol):
    """A token bucket that starts empty. Times in seconds."""

    def wait(self, tokens: int, now: float) -> float:
        """Seconds until so many tokens are there; 0 when they are."""

    def spend(self, tokens: int, now: float) -> None:
        """Spend tokens that are there."""


class RequestLimiter(Protocol):
    """A bound on how many requests a client sends a second, all its lanes together."""

    async def turn(self) -> None:
        """Return when it is the caller's turn."""
