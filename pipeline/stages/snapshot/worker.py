"""Snapshots of one destination, from its member records to the partner's ingestion."""

import asyncio
from collections.abc import Callable, Mapping, Sequence

import structlog

from pipeline.destinations.snapshots import SnapshotAudience
from pipeline.domain.member_record import LAYOUT_KEY
from pipeline.stages.cancellation import cancellation_first
from pipeline.stages.ports import Lease
from pipeline.stages.raised import place_of
from pipeline.stages.snapshot.changes_watch import Watched
from pipeline.stages.snapshot.former_files import FormerFiles
from pipeline.stages.snapshot.making_order import MakingOrder
from pipeline.stages.snapshot.members_trouble import MembersTrouble
from pipeline.stages.snapshot.owner import AudienceOwner
from pipeline.stages.snapshot.ports import Backlog, Fenced
from pipeline.stages.snapshot.report import SnapshotReport
from pipeline.stages.snapshot.run_records import UnreadableState
from pipeline.stages.snapshot.shared import SharedByAudiences

FETCH_RECORDS = 50
"""Records of one fetch; more would make other tasks of the process wait."""
FENCED_SECONDS = 5.0
"""How long a shut-out owner waits; meanwhile the group shows who the owner is."""
TROUBLE_SECONDS = 60.0
"""The wait before a new takeover, after a trouble that a person must mend."""
SWEEP_SECONDS = 1800.0

log = structlog.get_logger(__name__)


class MembersConfirmed(Exception):
    """An operator confirmed that the members topic is complete again."""


class SnapshotWorker:
    """Owns the snapshots of one destination. Never repeats what a former owner may have posted."""

    def __init__(
        self,
        *,
        name: str,
        lease: Lease,
        audiences: Sequence[SnapshotAudience],
        new_shared: Callable[[], SharedByAudiences],
        new_backlog: Callable[[], Backlog],
    ) -> None:
        """`new_shared` and `new_backlog` are called at each takeover.

        `new_shared` gives empty memory; `new_backlog` gives the backlog of ingest at that time.
        """
        self.name = name
        self._lease = lease
        self._audiences = audiences
        self._new_shared = new_shared
        self._new_backlog = new_backlog
        self._shared: SharedByAudiences | None = None
        self._owners: Mapping[str, AudienceOwner] = {}
        self.trouble: str | None = None
        """What keeps the whole destination from being served."""

    async def run(self) -> None:
        """Make snapshots until cancelled."""
        while True:
            shared = self._new_shared()
            try:
                with cancellation_first():
                    await self._own(shared)
            except* Fenced:
                log.warning("fenced", topic=self._lease.topic)
                await asyncio.sleep(FENCED_SECONDS)
            except* MembersConfirmed:
                log.info("members confirmed: taking over anew", topic=self._lease.topic)
            except* UnreadableState as errors:
                self.trouble = str(_first(errors))
                log.warning("state not understood", topic=self._lease.topic, why=self.trouble)
                await asyncio.sleep(TROUBLE_SECONDS)
            except* Exception as errors:  # noqa: BLE001 - lanes go on beside it, whatever it is
                self.trouble = place_of(_first(errors))
                # Without the error itself, whose text may quote a person's data.
                log.warning("snapshots failed", topic=self._lease.topic, why=self.trouble)
                await asyncio.sleep(TROUBLE_SECONDS)
            finally:
                self._shared, self._owners = None, {}
                shared.progress.busy(False)
                try:
                    await shared.watch.close()
                finally:
                    await shared.journal.close()

    async def drain(self) -> None:
        """Return once no request for a run is open; its answer is then written down, too."""
        if self._shared is not None:
            async with self._shared.posting:
                return

    @property
    def members_trouble(self) -> MembersTrouble | None:
        """What keeps snapshots of the destination from being made, while this process owns it."""
        return None if self._shared is None else self._shared.members.trouble

    def status(self) -> Mapping[str, object]:
        """The destination's entry in /status."""
        shared = self._shared
        if shared is None:
            return {"state": "taking_over", "detail": self.trouble}
        now_ms = shared.wall_ms()
        state, detail = _condition(shared, now_ms)
        return {
            "state": state,
            "detail": detail,
            "runs_used": shared.budget.used(now_ms),
            "runs_limit": shared.budget.limit,
            "open_transactions": {
                partition: round(age)
                for partition, age in shared.watch.open_transactions.ages.items()
            },
            "audiences": {one.audience.name: one.status() for one in self._owners.values()},
        }

    async def _own(self, shared: SharedByAudiences) -> None:
        await self._take_over(shared)
        await shared.members.look()
        self.trouble = None
        owners = {
            audience.audience: AudienceOwner(shared, audience, self._watched(shared, audience))
            for audience in self._audiences
        }
        self._shared, self._owners = shared, owners
        report = SnapshotReport(shared, owners.values())
        async with asyncio.TaskGroup() as tasks:
            order = MakingOrder(shared, owners.values(), self._new_backlog(), tasks)
            tasks.create_task(self._take_requests(shared), name=f"requests {self.name}")
            tasks.create_task(shared.watch.follow(), name=f"members {self.name}")
            tasks.create_task(shared.members.follow(), name=f"condition {self.name}")
            tasks.create_task(self._sweep(shared, owners), name=f"sweep {self.name}")
            tasks.create_task(report.say_always(), name=f"report {self.name}")
            tasks.create_task(order.run(), name=f"order {self.name}")
            try:
                await asyncio.get_running_loop().create_future()
            finally:
                report.released()

    # Taking over

    async def _take_over(self, shared: SharedByAudiences) -> None:
        """Shut out the former owner, then read all that it wrote."""
        start = await self._lease.begin()
        self._lease.settle(start.offset)
        await self._lease.wait_held()
        last = await shared.journal.take_over()
        self._lease.seek(0)
        shared.progress.busy(True)
        offset = -1
        while offset < last:
            for record in await self._lease.fetch(FETCH_RECORDS):
                shared.journal.take(record)
                offset = record.offset
                self._lease.settle(offset + 1)
            shared.progress.advance()
            await asyncio.sleep(0)
        shared.progress.busy(False)
        # A file that the former owner began has an older date: no window of ours may reach it.
        await asyncio.sleep(2 * shared.rules.window_margin)

    def _watched(self, shared: SharedByAudiences, audience: SnapshotAudience) -> Watched:
        journal, name = shared.journal, audience.audience
        state = journal.state(name)
        ingested = journal.ends(name, state.ingested)
        newest = ingested if state.file is None else journal.ends(name, state.file)
        return shared.watch.watch(name, ingested, newest)

    # Beside

    async def _take_requests(self, shared: SharedByAudiences) -> None:
        """Take in the requests of operators.

        Raises:
            MembersConfirmed: our memory of the members topic is no longer valid.
        """
        while True:
            for record in await self._lease.fetch(FETCH_RECORDS):
                if record.key == LAYOUT_KEY:
                    raise MembersConfirmed
                shared.journal.take_request(record)
                self._lease.settle(record.offset + 1)

    async def _sweep(self, shared: SharedByAudiences, owners: Mapping[str, AudienceOwner]) -> None:
        former = FormerFiles(shared, self._audiences)
        while True:
            # Forget first: every later step would have to look through the old runs.
            await shared.journal.forget()
            for owner in owners.values():
                await owner.sweep()
            await former.sweep()
            await asyncio.sleep(SWEEP_SECONDS)


def _condition(shared: SharedByAudiences, now_ms: int) -> tuple[str, str | None]:
    """State and detail of a whole destination."""
    if shared.members.trouble is not None:
        return "blocked", shared.members.trouble.why
    if shared.pause.until_ms > now_ms:
        return "paused", shared.pause.why
    return "running", None


def _first(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return one of the errors that were raised together."""
    error: BaseException = errors
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
