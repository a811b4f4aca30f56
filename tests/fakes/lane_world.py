"""One lane's world in memory: its topic, leases on it, and a partner with moods."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random

from pipeline.domain.lane_record import encode_header
from pipeline.domain.message import Message
from pipeline.domain.send_result import (
    Accepted,
    Answer,
    Applied,
    Blocked,
    InDoubt,
    NotSent,
    Refused,
    Throttled,
    TooLarge,
)
from pipeline.stages.ports import NONE_PAUSED, Ownership, StartingPoint, Stretch

AUDIENCE = "7"
ADD = tuple(encode_header("add", 0, b"", 0, 0))


@dataclass(frozen=True, slots=True)
class TopicRecord:
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]
    timestamp: int = 0


class LaneTopic:
    """A lane's topic and what its group has committed."""

    def __init__(self) -> None:
        self.records: list[TopicRecord] = []
        self.committed = StartingPoint(0, is_clean=True)
        """What the next owner finds, if it can read what the commit says beside its offset."""
        self.committed_offset = 0
        """What the brokers show, and what is left where the rest is lost."""
        self.grown = asyncio.Event()
        self.trimmed: list[tuple[int, int]] = []
        self.read_again = 0
        """Records that were handed to a replay."""
        self._versions = 0

    def put(self, member: str, action: str = "CREATE", audience: str = AUDIENCE) -> int:
        """Append a change; its version says which change of the member is the last."""
        self._versions += 1
        value = {"externalUserId": member, "action": action, "version": self._versions}
        self.append(
            f"{audience}|{member}".encode(),
            json.dumps(value, separators=(",", ":")).encode(),
            encode_header("remove" if action == "DELETE" else "add", 0, b"", 0, 0),
        )
        return self._versions

    async def trim(self, topic: str, *, settled: int, before_ms: int) -> None:
        """Take note of what may be deleted (the fake keeps it all the same)."""
        self.trimmed.append((settled, before_ms))

    def append(
        self,
        key: bytes | None,
        value: bytes | None,
        headers: Sequence[tuple[str, bytes]] = ADD,
    ) -> None:
        self.records.append(TopicRecord(len(self.records), key, value, headers))
        self.grown.set()


class TopicLease:
    """A lease whose ownership and commits are the test's to decide."""

    topic = "audience.records.lane"
    partition = 0

    def __init__(
        self, topic: LaneTopic, most: int = 1000, seconds: float = 0.0, idle: float = 1.0
    ) -> None:
        """Hands out so many records at once at most, and takes so long for it.

        After `idle` seconds it says that nothing came.
        """
        self._topic = topic
        self._most = most
        self._seconds = seconds
        self._idle = idle
        self._position = 0
        self._owned = asyncio.Event()
        self._owned.set()
        self.settled = topic.committed
        self._lowest = topic.committed_offset
        self.rewinds: list[int] = []
        self.is_resting = False

    async def begin(self) -> StartingPoint:
        self._position = self._topic.committed.offset
        return self._topic.committed

    async def fetch(self, most: int) -> Sequence[TopicRecord]:
        self.is_resting = False
        if self._position >= len(self._topic.records):
            self._topic.grown.clear()
            try:
                async with asyncio.timeout(self._idle):
                    await self._topic.grown.wait()
            except TimeoutError:
                return ()
        await asyncio.sleep(self._seconds)
        fetched = self._topic.records[self._position : self._position + min(most, self._most)]
        self._position += len(fetched)
        return fetched

    def pause(self) -> None:
        self.is_resting = True

    def seek(self, offset: int) -> None:
        self.rewinds.append(offset)
        self._position = offset

    def settle(
        self,
        offset: int,
        *,
        clean: bool = False,
        paused: Mapping[str, int] = NONE_PAUSED,
        done_to: int | None = None,
    ) -> None:
        self._lowest = offset
        self.settled = StartingPoint(offset if done_to is None else done_to, clean, paused)

    @property
    def is_held(self) -> bool:
        return self._owned.is_set()

    async def wait_held(self) -> None:
        await self._owned.wait()

    def lag(self) -> int | None:
        return len(self._topic.records) - self.settled.offset

    def commit(self, *, final: bool) -> None:
        """Store what was settled; only a last commit may say that everything was answered."""
        if self.is_held or final:
            self._topic.committed = self.settled._replace(is_clean=final and self.settled.is_clean)
            self._topic.committed_offset = self._lowest

    def lose(self) -> None:
        self._owned.clear()


class TopicReplay:
    """A second look at a lane's topic; at most so much of it at once, and as slow as it is told."""

    def __init__(self, topic: LaneTopic, most: int, seconds: float) -> None:
        self._topic = topic
        self._most = most
        self._seconds = seconds

    async def read(self, offset: int, most: int) -> Stretch:
        await asyncio.sleep(self._seconds)
        records = self._topic.records[offset : offset + min(most, self._most)]
        self._topic.read_again += len(records)
        return Stretch(records, offset + len(records))

    async def close(self) -> None:
        return None


class AskedPauses:
    """What the operator wants of each audience, and when it comes to the ears of the owner."""

    def __init__(self) -> None:
        self.paused: dict[str, bool] = {}
        self.known_after = 0.0

    def pause(self, audience: str = AUDIENCE) -> None:
        self.paused[audience] = True

    def resume(self, audience: str = AUDIENCE) -> None:
        self.paused[audience] = False

    async def known(self) -> None:
        await asyncio.sleep(self.known_after)

    def requested(self, lane: str) -> Mapping[str, bool]:
        return self.paused


@dataclass(slots=True, kw_only=True)
class Moods:
    """How likely each misbehaviour of the partner is, and how slow it is."""

    not_sent: float = 0.0
    throttled: float = 0.0
    broken: float = 0.0
    """Answers 503; may have applied the records, now or later."""
    silent: float = 0.0
    """Never answers; may have applied the records, now or later."""
    stopping: float = 0.0
    latest: float = 5.0
    """Seconds after which it applies at the latest what it did not answer for."""
    travel: float = 0.5
    answer: float = 1.0


@dataclass(slots=True)
class ModelPartner:
    """Counts a request when it arrives; what has left arrives even if its sender dies."""

    random: Random
    tasks: asyncio.TaskGroup
    moods: Moods = field(default_factory=Moods)
    fates: list[tuple[str, float]] = field(default_factory=list)
    """Of the next requests: `silent`, applied so many seconds later."""
    poison: frozenset[str] = frozenset()
    largest_body: int | None = None
    judge: Callable[[str, Sequence[str]], Answer | None] = lambda audience, members: None
    """Its answer to a body, if it has a special one; an acceptance takes the records."""
    raises: Callable[[Sequence[str]], bool] = lambda members: False
    """Whether its package raises an error where a request with these would be composed."""
    slowness: Callable[[Sequence[str]], float] = lambda members: 0.0
    """Seconds that an answer to these takes more than others."""
    members: dict[tuple[str, str], int] = field(default_factory=dict)
    arrivals: list[tuple[float, int]] = field(default_factory=list)
    requests: list[tuple[str, list[str]]] = field(default_factory=list)
    jobs: int = 0
    overlapping: list[str] = field(default_factory=list)
    """Members that were in two requests at a time."""
    _in_flight: Counter[tuple[str, str]] = field(default_factory=Counter)

    def misfit(self, audience: str, route: bytes) -> str | None:
        return None if audience.isdigit() else "its audience id is no number"

    async def turn(self) -> None:
        return None

    async def send(
        self, audience: str, route: bytes, records: Sequence[bytes], ownership: Ownership
    ) -> Answer:
        members = [(audience, json.loads(record)["externalUserId"]) for record in records]
        if self.raises([member for _, member in members]):
            raise ValueError(f"cannot compose {members}")
        self.overlapping += [member for _, member in self._in_flight.keys() & set(members)]
        self._in_flight.update(members)
        try:
            return await self._carried(audience, records, ownership)
        finally:
            self._in_flight -= Counter(members)

    async def _carried(
        self, audience: str, records: Sequence[bytes], ownership: Ownership
    ) -> Answer:
        await asyncio.sleep(self.random.uniform(0, self.moods.travel))
        if not ownership.is_held or self.random.random() < self.moods.not_sent:
            return NotSent("did not leave")
        answered: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self.tasks.create_task(self._arrive(audience, list(records), answered))
        async with asyncio.timeout(60):
            return await answered

    async def _arrive(
        self, audience: str, records: list[bytes], answered: asyncio.Future[Answer]
    ) -> None:
        await asyncio.sleep(self.random.uniform(0, self.moods.travel))
        answer = await self._work(audience, records)
        named = [json.loads(record)["externalUserId"] for record in records]
        await asyncio.sleep(self.random.uniform(0, self.moods.answer) + self.slowness(named))
        if not answered.done():
            answered.set_result(answer)

    async def _work(self, audience: str, records: list[bytes]) -> Answer:
        changes = [json.loads(record) for record in records]
        members = [change["externalUserId"] for change in changes]
        self.requests.append((audience, members))
        if self.random.random() < self.moods.stopping:
            return Blocked("forbidden", "the terms are not accepted")
        if self.random.random() < self.moods.throttled:
            return Throttled(self.random.choice([None, 1.0, 3.0]))
        if self.largest_body is not None and sum(map(len, records)) > self.largest_body:
            return TooLarge()
        if (judged := self.judge(audience, members)) is not None:
            return self._judged(audience, changes, judged)
        if self.poison.intersection(members):
            return Refused("one of these is bad")
        self.arrivals.append((asyncio.get_running_loop().time(), len(records)))
        if self.fates:
            _, wait = self.fates.pop(0)
            self.tasks.create_task(self._apply_late(audience, changes, wait))
            return InDoubt("silent")
        trouble = self.random.random()
        if trouble < self.moods.broken + self.moods.silent:
            await self._maybe_late(audience, changes)
            return InDoubt("trouble")
        self._apply(audience, changes)
        self.jobs += 1
        return Accepted(f"job-{self.jobs}")

    def _judged(self, audience: str, changes: list[dict[str, object]], answer: Answer) -> Answer:
        if isinstance(answer, Accepted | Applied | InDoubt):
            self.arrivals.append((asyncio.get_running_loop().time(), len(changes)))
        if isinstance(answer, Accepted):
            self._apply(audience, changes)
        if isinstance(answer, Applied):
            named = {one.index for one in answer.invalid}
            self._apply(audience, [one for at, one in enumerate(changes) if at not in named])
        return answer

    async def _maybe_late(self, audience: str, changes: list[dict[str, object]]) -> None:
        fate = self.random.choice(["dropped", "applied", "late"])
        if fate == "applied":
            self._apply(audience, changes)
        elif fate == "late":
            wait = self.random.uniform(0, self.moods.latest)
            self.tasks.create_task(self._apply_late(audience, changes, wait))

    async def _apply_late(
        self, audience: str, changes: list[dict[str, object]], wait: float
    ) -> None:
        await asyncio.sleep(wait)
        self._apply(audience, changes)

    def _apply(self, audience: str, changes: list[dict[str, object]]) -> None:
        for change in changes:
            version = change["version"]
            assert isinstance(version, int)
            self.members[audience, str(change["externalUserId"])] = version

    def largest_window(self, seconds: float) -> int:
        """The most records that arrived in any window of this length."""
        largest = total = first = 0
        arrivals = sorted(self.arrivals)
        for at, count in arrivals:
            total += count
            while arrivals[first][0] <= at - seconds:
                total -= arrivals[first][1]
                first += 1
            largest = max(largest, total)
        return largest


class MemoryMessageWriter:
    """Keeps what was written; durable at once, unless it is told to be slow."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.seconds = 0.0
        self.is_durable_first = False
        """Whether they are durable before the writer hears of it, as with a broker far away."""

    async def write(self, messages: Sequence[Message]) -> None:
        if self.is_durable_first:
            self.messages += messages
        await asyncio.sleep(self.seconds)
        if not self.is_durable_first:
            self.messages += messages

    def of(self, topic: str) -> list[Message]:
        return [message for message in self.messages if message.topic == topic]
