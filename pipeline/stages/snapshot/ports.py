"""What the snapshot stage needs from the world, in its own words."""

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
from pipeline.stages.snapshot.members_trouble import Bounds, MembersTrouble
from pipeline.stages.snapshot.pass_findings import PassFindings


class StorageUnavailable(Exception):
    """The storage did not answer, or is busy: try again later. One line, no secrets."""


class StorageRefused(Exception):
    """The storage refused: a person must mend something. One line: what, and the remedy."""


class StoredFile(NamedTuple):
    """One file, as the storage describes it."""

    path: str
    """From the root of the storage, parts with slashes between, such as `folder/name.csv`."""
    size: int
    modified_s: float
    """By the storage's own clock. The partner chooses files by this time."""
    etag: str | None


class FileStorage(Protocol):
    """The storage from which a partner fetches files.

    Every method raises StorageUnavailable or StorageRefused.
    """

    async def put(self, path: str, pieces: AsyncIterator[bytes]) -> StoredFile:
        """Store a file, piece by piece; the file is visible only once it is whole and correct.

        The storage's checksum or size is compared with ours. If `pieces` raises, or the call is
        cancelled, nothing becomes visible and nothing stays.
        """

    async def head(self, path: str) -> StoredFile | None:
        """Return one file; None where there is no such file."""

    async def files(self, folder: str) -> Sequence[StoredFile]:
        """Return all files of the folder; the list is complete."""

    async def delete(self, path: str) -> None:
        """Delete a file; a missing file is no error."""

    async def now_s(self) -> float:
        """Return the time of the storage's own clock, in seconds since the epoch."""

    async def close(self) -> None: ...


class Runs(Protocol):
    """The partner's runs of one destination."""

    @property
    def contract(self) -> str:
        """The name of the contract by which the partner is asked for a run."""

    async def start(self, audience: str, window: Window, ownership: Ownership) -> RunAnswer:
        """Ask once for a run. The request is completed only while we own the sandbox."""

    async def list(self, audience: str) -> Sequence[Run] | NotYet: ...

    async def ask(self, audience: str, run_id: str, contract: str | None) -> JobReport | NotYet:
        """Ask how a run goes. `contract`: the one that started it; None: not written down."""


class Written(NamedTuple):
    """One message for a topic of ours, and its partition."""

    topic: str
    partition: int
    key: bytes
    value: bytes | None
    headers: Headers = ()

    def __repr__(self) -> str:
        return f"<Written for {self.topic}>"


class Fenced(Exception):
    """Another owner has taken over: the last write may be lost."""


class OwnerWriter(Protocol):
    """Writes for the one owner of a destination's snapshots; each call is one transaction."""

    async def open(self) -> None:
        """Shut out a former owner: it can write nothing any more."""

    async def write(self, messages: Sequence[Written]) -> Sequence[int]:
        """Write messages; return their offsets once all are durable. Waits for brokers.

        Raises:
            Fenced: there is another owner now.
        """

    async def close(self) -> None: ...


class MemberTopic(Protocol):
    """The topic of all memberships of a destination, read without aborted records.

    Every method raises TopicUnreadable.
    """

    @property
    def partitions(self) -> int: ...

    async def ends(self) -> Sequence[int]:
        """Return, for every partition, the offset behind the last stable record now."""

    def read(self, partition: int, start: int, end: int) -> AsyncGenerator[Sequence[Record], None]:
        """Yield all records from `start` to before `end`, in order, some at a time.

        If the record at `start` is deleted, begin at the next one. Close the generator if you stop
        before its end.
        """

    async def close(self) -> None:
        """Close the connections once nothing reads; the next reading opens them again."""


class TopicLook(NamedTuple):
    """The ends of a topic's partitions at one moment."""

    ends: Sequence[int]
    """For every partition, the offset behind the last stable record."""
    with_more: Collection[int]
    """Partitions with more records behind that offset: a transaction is open."""


class FollowedTopic(Protocol):
    """The same topic, for a reader that follows it for long; raises as `MemberTopic` does."""

    @property
    def partitions(self) -> int: ...

    async def look(self) -> TopicLook: ...

    def read(
        self, partition: int, start: int, end: int
    ) -> AsyncGenerator[Sequence[Record], None]: ...

    async def close(self) -> None: ...


class TopicUnreadable(Exception):
    """The brokers do not hand out a topic now: try again later."""


class MemberBounds(Protocol):
    """The same topic, for the look at its condition."""

    async def bounds(self) -> Sequence[Bounds]:
        """Return the first offset and the end of every partition; raises TopicUnreadable."""


class MembersCheck(Protocol):
    """Checks the partitions and settings of the members topic, not its records."""

    async def trouble(self) -> MembersTrouble | None:
        """Return what is wrong with the topic; raises TopicUnreadable if the brokers do not say."""


class Pass(Protocol):
    """One reading of an audience's members, up to fixed ends. Call only one method, and once.

    Raises LayoutMissing, PassTooLong, TopicUnreadable, and Fenced where it writes.
    """

    def pieces(self) -> AsyncGenerator[bytes, None]:
        """Yield the file; raises NoSnapshot at the end if the file must not become visible."""

    async def heal_only(self) -> None: ...

    @property
    def found(self) -> PassFindings: ...


class NewPass(Protocol):
    """Makes a pass; each call of `write` makes messages of the pass durable in one transaction."""

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
    """The events that ingest had not yet carried when we began."""

    async def is_worked_off(self) -> bool:
        """Whether ingest has carried all of them; False where that is not known."""
