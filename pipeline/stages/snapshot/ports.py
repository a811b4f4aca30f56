"""What making snapshots needs from the world, in the stage's own words."""

from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Collection,
    Sequence,
)
from typing import NamedTuple, Protocol

from pipeline.destinations.snapshots import Run, RunAnswer, SnapshotAudience, Window
from pipeline.domain.job import JobReport, NotYet
from pipeline.domain.message import Headers
from pipeline.stages.ports import Ownership, Record
from pipeline.stages.snapshot.pass_findings import PassFindings


class StorageUnavailable(Exception):
    """The storage did not answer, or not now: it is worth trying again. One line, no secrets."""


class StorageRefused(Exception):
    """The storage said no: a person must mend something. One line: what, and the remedy."""


class StoredFile(NamedTuple):
    """One file, as the storage says it."""

    path: str
    """From the root of the storage, parts with slashes between, such as `folder/name.csv`."""
    size: int
    modified_s: float
    """By the storage's own clock: the time by which the partner chooses files."""
    etag: str | None


class FileStorage(Protocol):
    """Where a partner fetches files from.

    Every method raises StorageUnavailable or StorageRefused.
    """

    async def put(self, path: str, pieces: AsyncIterator[bytes]) -> StoredFile:
        """Store a file, piece by piece; nothing is visible before all of it is there and right.

        The storage's checksum or size is compared with ours. Where `pieces` raises or the call is
        cancelled, nothing becomes visible and nothing stays.
        """

    async def head(self, path: str) -> StoredFile | None:
        """None where there is no such file."""

    async def files(self, folder: str) -> Sequence[StoredFile]:
        """All files of the folder, complete."""

    async def delete(self, path: str) -> None:
        """Let a file go; none there is as good."""

    async def now_s(self) -> float:
        """The storage's own clock, seconds since the epoch."""

    async def close(self) -> None: ...


class Runs(Protocol):
    """The partner's runs of one destination."""

    @property
    def contract(self) -> str:
        """Names how the partner is spoken to when a run is started."""

    async def start(self, audience: str, window: Window, ownership: Ownership) -> RunAnswer:
        """One attempt. The request does not become whole unless the sandbox is still owned."""

    async def list(self, audience: str) -> Sequence[Run] | NotYet: ...

    async def ask(self, audience: str, run_id: str, contract: str | None) -> JobReport | NotYet:
        """`contract`: that by which the run was started; None where nobody wrote it down."""


class Written(NamedTuple):
    """One message for a topic of ours, with the partition where that does not follow from a key."""

    topic: str
    partition: int
    key: bytes
    value: bytes | None
    headers: Headers = ()

    def __repr__(self) -> str:
        return f"<Written for {self.topic}>"


class Fenced(Exception):
    """Somebody else has taken over: what was written last may not have been."""


class OwnerWriter(Protocol):
    """Writes of the one owner of a destination's snapshots, each call one transaction."""

    async def open(self) -> None:
        """Shut out a former owner, so that it can write nothing any more."""

    async def write(self, messages: Sequence[Written]) -> Sequence[int]:
        """Return their offsets when all are durable together; a broker that is away is waited for.

        Raises:
            Fenced: there is another owner now.
        """

    async def close(self) -> None: ...


class MemberTopic(Protocol):
    """The topic of all memberships of a destination; aborted records are not seen.

    Every method raises TopicUnreadable.
    """

    @property
    def partitions(self) -> int: ...

    async def ends(self) -> Sequence[int]:
        """Of every partition, the offset behind the last stable record now."""

    def read(self, partition: int, start: int, end: int) -> AsyncGenerator[Sequence[Record], None]:
        """Every record from `start` to before `end`, in order, some at a time.

        Where `start` is gone, from the first that is there. Close it where you stop before its end.
        """

    async def close(self) -> None:
        """Let go of what it takes to read, once no reading goes on; the next one takes it again."""


class TopicLook(NamedTuple):
    """Where a topic ends now."""

    ends: Sequence[int]
    """Of every partition, the offset behind the last stable record."""
    with_more: Collection[int]
    """Partitions in which more stands behind it: a transaction is open."""


class FollowedTopic(Protocol):
    """The same topic, for whoever follows it for a long time; raises as `MemberTopic` does."""

    @property
    def partitions(self) -> int: ...

    async def look(self) -> TopicLook: ...

    def read(
        self, partition: int, start: int, end: int
    ) -> AsyncGenerator[Sequence[Record], None]: ...

    async def close(self) -> None: ...


class TopicUnreadable(Exception):
    """The brokers do not hand a topic out now; worth trying again."""


class Pass(Protocol):
    """One reading of the members of an audience, up to fixed ends; used for one method, once.

    Raises LayoutMissing, PassTooLong, TopicUnreadable, and Fenced where it writes.
    """

    def pieces(self) -> AsyncGenerator[bytes, None]:
        """The file; raises NoSnapshot at its end where it must not become visible."""

    async def heal_only(self) -> None: ...

    @property
    def found(self) -> PassFindings: ...


class NewPass(Protocol):
    """Begins a pass; `write` makes what it must write durable, in one transaction each."""

    def __call__(
        self,
        audience: SnapshotAudience,
        *,
        ends: Sequence[int],
        now_ms: int,
        uuid: str | None,
        write: Callable[[Sequence[Written]], Awaitable[object]],
    ) -> Pass: ...


class Backlog(Protocol):
    """What upstream had stated when we began, and ingest had not carried yet."""

    async def is_worked_off(self) -> bool:
        """Whether ingest has carried all of it; False where that is not known."""
