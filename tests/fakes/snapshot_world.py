"""A destination's world in memory: its owner's topic, and processes that die and freeze."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import TypeVar

from pipeline.destinations.snapshots import (
    Run,
    RunAnswer,
    SnapshotAudience,
    SnapshotRules,
    Window,
)
from pipeline.domain.job import JobReport, NotYet
from pipeline.stages.contract import Progress
from pipeline.stages.ports import NONE_PAUSED, Ownership, StartingPoint
from pipeline.stages.snapshot.budget import Budget
from pipeline.stages.snapshot.changes_watch import ChangesWatch
from pipeline.stages.snapshot.journal import Journal
from pipeline.stages.snapshot.members_condition import MembersCondition
from pipeline.stages.snapshot.ports import Fenced, StoredFile, Written
from pipeline.stages.snapshot.shared import SharedByAudiences
from pipeline.stages.snapshot.worker import SnapshotWorker
from tests.fakes.lane_world import TopicRecord
from tests.fakes.member_world import FakePasses, StatedMembers
from tests.fakes.snapshot_partner import FakePartner
from tests.fakes.snapshot_rules import RULES
from tests.fakes.snapshot_storage import FakeStorage
from tests.fakes.snapshot_telemetry import RecordingSnapshots

T = TypeVar("T")
SESSION = 10.0
"""So long nobody else can own the destination, after a process was heard of last."""
QUICK = replace(
    RULES, min_interval=600, quiet=50, max_wait=120, runs_per_day=300, runs_per_audience_and_day=300
)


class OwnersTopic:
    """The topic of states and runs; the last who opened it may write."""

    def __init__(self) -> None:
        self.records: list[TopicRecord] = []
        self.grown = asyncio.Event()
        self.epoch = 0

    def append(self, key: bytes, value: bytes | None) -> int:
        self.records.append(TopicRecord(len(self.records), key, value, ()))
        self.grown.set()
        return len(self.records) - 1


class Process:
    """One process: every call of its ports passes here, so that it can die or freeze anywhere."""

    def __init__(self, topic: OwnersTopic, random: Random, *, dies_at: int | None = None) -> None:
        self._topic = topic
        self._random = random
        self._dies_at = dies_at
        self._running = asyncio.Event()
        self._running.set()
        self._epoch = -1
        self._position = 0
        self.calls = 0
        self.is_dead = asyncio.Event()
        self.is_owner = True

    # Life

    def freeze(self) -> None:
        self._running.clear()

    def thaw(self) -> None:
        self._running.set()

    async def passed(self) -> None:
        """Before and after each call: here it may stop, for a while or for ever."""
        self.calls += 1
        if self.calls == self._dies_at:
            self.is_dead.set()
            await asyncio.get_running_loop().create_future()
        while not self._running.is_set():
            await self._running.wait()

    async def through(self, call: Callable[[], Awaitable[T]]) -> T:
        """A call of a port: its effect may be there though its answer never comes."""
        await self.passed()
        answer = await call()
        await self.passed()
        return answer

    # The lease on its topic

    topic = "audience.snapshots.adobe"
    partition = 0

    async def begin(self) -> StartingPoint:
        await self.passed()
        return StartingPoint(0, is_clean=False)

    async def fetch(self, most: int) -> Sequence[TopicRecord]:
        await self.passed()
        while self._position >= len(self._topic.records):
            self._topic.grown.clear()
            try:
                async with asyncio.timeout(20.0):
                    await self._topic.grown.wait()
            except TimeoutError:
                return ()
        fetched = self._topic.records[self._position : self._position + most]
        self._position += len(fetched)
        await self.passed()
        return fetched

    def pause(self) -> None:
        return None

    def seek(self, offset: int) -> None:
        self._position = offset

    def settle(
        self,
        offset: int,
        *,
        clean: bool = False,
        paused: Mapping[str, int] = NONE_PAUSED,
        done_to: int | None = None,
    ) -> None:
        return None

    @property
    def is_held(self) -> bool:
        return self.is_owner

    async def wait_held(self) -> None:
        while not self.is_owner:
            await asyncio.sleep(1.0)
        await self.passed()

    def lag(self) -> int | None:
        return None

    # The writer

    async def open(self) -> None:
        await self.passed()
        self._topic.epoch += 1
        self._epoch = self._topic.epoch
        await self.passed()

    async def write(self, messages: Sequence[Written]) -> Sequence[int]:
        await self.passed()
        await asyncio.sleep(self._random.uniform(0, 0.2))
        if self._epoch != self._topic.epoch:
            raise Fenced
        offsets = [self._topic.append(one.key, one.value) for one in messages]
        await self.passed()
        return offsets

    async def close(self) -> None:
        return None


@dataclass(frozen=True, slots=True)
class ProcessRuns:
    """The partner, as one process reaches it."""

    process: Process
    partner: FakePartner

    @property
    def contract(self) -> str:
        return self.partner.contract

    async def start(self, audience: str, window: Window, ownership: Ownership) -> RunAnswer:
        return await self.process.through(lambda: self.partner.start(audience, window, ownership))

    async def list(self, audience: str) -> Sequence[Run] | NotYet:
        return await self.process.through(lambda: self.partner.list(audience))

    async def ask(self, audience: str, run_id: str, contract: str | None) -> JobReport | NotYet:
        return await self.process.through(lambda: self.partner.ask(audience, run_id, contract))


@dataclass(frozen=True, slots=True)
class ProcessStorage:
    """The storage, as one process reaches it."""

    process: Process
    storage: FakeStorage

    async def put(self, path: str, pieces: AsyncIterator[bytes]) -> StoredFile:
        return await self.process.through(lambda: self.storage.put(path, self._slowly(pieces)))

    async def _slowly(self, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        async for piece in pieces:
            await self.process.passed()
            yield piece

    async def head(self, path: str) -> StoredFile | None:
        return await self.process.through(lambda: self.storage.head(path))

    async def files(self, folder: str) -> Sequence[StoredFile]:
        return await self.process.through(lambda: self.storage.files(folder))

    async def delete(self, path: str) -> None:
        await self.process.through(lambda: self.storage.delete(path))

    async def now_s(self) -> float:
        return await self.process.through(lambda: self.storage.now_s())

    async def close(self) -> None:
        return None


class NoBacklog:
    """Ingest has caught up, or not."""

    def __init__(self) -> None:
        self.worked_off = True

    async def is_worked_off(self) -> bool:
        return self.worked_off


class SnapshotWorld:
    """One destination, and the means to give it to processes one after the other."""

    def __init__(
        self,
        random: Random,
        tasks: asyncio.TaskGroup,
        audiences: Sequence[SnapshotAudience],
        rules: SnapshotRules = QUICK,
    ) -> None:
        self.random = random
        self.tasks = tasks
        self.audiences = audiences
        self.rules = rules
        self.topic = OwnersTopic()
        self.members = StatedMembers()
        self.storage = FakeStorage(random)
        self.partner = FakePartner(random, self.storage, tasks)
        self.partner.folders = {one.audience: one.folder for one in audiences}
        self.telemetry = RecordingSnapshots()
        self.backlog = NoBacklog()
        self.passes = FakePasses(self.members.topic)
        self.is_alone = True
        """A former owner is shut out from the topic of members."""

    def process(self, *, dies_at: int | None = None) -> Process:
        return Process(self.topic, self.random, dies_at=dies_at)

    def worker(self, process: Process) -> SnapshotWorker:
        return SnapshotWorker(
            name="adobe",
            lease=process,
            audiences=self.audiences,
            new_shared=lambda: self.shared(process),
            new_backlog=lambda: self.backlog,
        )

    def shared(self, process: Process) -> SharedByAudiences:
        budget = Budget(self.rules, asyncio.get_running_loop().time)
        journal = Journal(process.topic, process, budget, wall_ms)
        return SharedByAudiences(
            destination="adobe",
            rules=self.rules,
            lease=process,
            journal=journal,
            budget=budget,
            storage=ProcessStorage(process, self.storage),
            runs=ProcessRuns(process, self.partner),
            watch=ChangesWatch(self.members.topic, quiet=self.rules.quiet, is_alone=self.is_alone),
            members=MembersCondition(
                destination="adobe",
                topic_name="audience.members.adobe",
                topic=self.members,
                check=self.members,
                known=journal.known_members,
                telemetry=self.telemetry,
            ),
            new_pass=self.passes,
            telemetry=self.telemetry,
            progress=Progress("snapshot adobe", asyncio.get_running_loop().time),
            wall_ms=wall_ms,
            chance=self.random.random,
        )

    def is_at_rest(self) -> bool:
        """Whether no run of the partner goes on."""
        return all(run.ends <= asyncio.get_running_loop().time() for run in self.partner.runs)

    def is_delivered(self) -> bool:
        """Whether the partner has exactly the members that were stated."""
        return all(
            self.partner.members.get(one.audience, frozenset())
            == frozenset(self.members.members.get(one.audience, ()))
            for one in self.audiences
        )


def wall_ms() -> int:
    return int(asyncio.get_running_loop().time() * 1000)
