"""Makes a stored file from a claim, in one pass over the members of an audience."""

from contextlib import aclosing

import structlog

from pipeline.destinations.snapshots import SnapshotAudience
from pipeline.stages.snapshot.changes_watch import ChangesSince, Watched
from pipeline.stages.snapshot.condition import AudienceCondition
from pipeline.stages.snapshot.files import Hashed, kept, path_of, tidy
from pipeline.stages.snapshot.guards import held
from pipeline.stages.snapshot.pass_findings import (
    LayoutMissing,
    NoSnapshot,
    PassFindings,
    PassTooLong,
    Unfit,
)
from pipeline.stages.snapshot.ports import (
    Pass,
    StorageRefused,
    StorageUnavailable,
    StoredFile,
    TopicUnreadable,
)
from pipeline.stages.snapshot.run_records import AudienceState, SnapshotFile
from pipeline.stages.snapshot.shared import SharedByAudiences
from pipeline.stages.snapshot.states import Claim, Stored, decide
from pipeline.stages.snapshot.transitions import claimed, stored

_WHY: dict[Unfit, str] = {
    "stale_rendering": "members were written for another namespace or other columns: a changed "
    "namespace or column needs a new audience and a backfill",
    "other_version": "another version of this program wrote some of its members",
    "too_large": "the file would be larger than the partner accepts",
}

_OTHER_FOLDER = (
    "its files were stored in the folder {former}, and would now be stored in {now}, but the "
    "partner looks only into the first one: give the destination and the audience their former "
    "names, and put a new name from upstream under `upstream`, or make a new audience"
)

_OF_MEMBERS = ("members_unreadable", "layout_missing")

log = structlog.get_logger(__name__)


class SnapshotMaking:
    """Makes the files of one audience, and heals its members."""

    def __init__(
        self,
        shared: SharedByAudiences,
        audience: SnapshotAudience,
        watched: Watched,
        condition: AudienceCondition,
    ) -> None:
        self._shared = shared
        self._audience = audience
        self._watched = watched
        self._condition = condition

    async def make(self) -> None:
        """Try once to make a file; the condition says why it failed.

        Raises:
            Fenced: there is another owner now.
        """
        await self._shared.lease.wait_held()
        journal, name = self._shared.journal, self._audience.audience
        before = journal.state(name)
        is_asked_for = journal.is_asked_for(name)
        is_urgent = is_asked_for or (before.state == "reading" and before.is_urgent)
        decide(before.state, Claim())
        folder = self._audience.folder
        step = claimed(before, self._shared.wall_ms(), is_urgent=is_urgent, folder=folder)
        state = await journal.write(name, step)
        assert state.n is not None
        await self._attempt(state, state.n)

    async def heal(self) -> None:
        """Run a pass without a file, so that the right record is the last one for compaction.

        Raises:
            Fenced: there is another owner now.
        """
        await self._shared.lease.wait_held()
        try:
            since, reading = await self._begin()
            await reading.heal_only()
        except (TopicUnreadable, PassTooLong) as error:
            self._condition.failed("members_unreadable", _text(error))
        except LayoutMissing as error:
            self._condition.block("layout_missing", str(error))
        else:
            self._read(since, reading.found)
            if self._condition.cause in _OF_MEMBERS:
                self._condition.fine()

    async def _attempt(self, state: AudienceState, n: int) -> None:
        former, now = state.folder, self._audience.folder
        if former not in (None, now):
            self._condition.block("other_folder", _OTHER_FOLDER.format(former=former, now=now))
            return
        try:
            await self._store(state, n)
        except StorageUnavailable as error:
            self._condition.failed("storage_unavailable", str(error))
        except (TopicUnreadable, PassTooLong) as error:
            self._condition.failed("members_unreadable", _text(error))
        except StorageRefused as error:
            self._condition.block("storage_refused", str(error))
        except LayoutMissing as error:
            self._condition.block("layout_missing", str(error))
        except NoSnapshot as error:
            self._condition.block(error.unfit, _WHY[error.unfit])
        else:
            self._condition.fine()

    async def _store(self, state: AudienceState, n: int) -> None:
        shared, folder = self._shared, self._audience.folder
        keep = kept(
            shared.journal.runs(self._audience.audience),
            shared.wall_ms(),
            shared.rules.keep_files,
        )
        await tidy(shared.storage, folder, below=n, keep=keep)
        since, reading = await self._begin()
        hashed = Hashed(reading.pieces(), shared.progress, shared.lease)
        path = path_of(folder, n)
        try:
            async with aclosing(hashed.pieces()) as pieces:
                await shared.storage.put(path, pieces)
        except NoSnapshot:
            self._read(since, reading.found)
            raise
        there = await shared.storage.head(path)
        if there is None or there.size != hashed.size:
            raise StorageUnavailable(f"{path} is missing, or has another size than we wrote")
        self._read(since, reading.found)
        await self._keep(state, n, hashed, there, reading.found)
        self._watched.newest = since

    async def _begin(self) -> tuple[ChangesSince, Pass]:
        shared = self._shared
        since, ends = await shared.watch.begin(self._audience.audience)
        reading = shared.new_pass(
            self._audience,
            ends=ends,
            now_ms=shared.wall_ms(),
            uuid=shared.journal.layout_uuid,
            write=shared.journal.write_messages,
        )
        return since, reading

    def _read(self, since: ChangesSince, found: PassFindings) -> None:
        """Note that the pass has ended: its partitions are healed up to its end offsets."""
        self._watched.passed = since
        if found.beyond_horizon:
            self._shared.telemetry.beyond_horizon(
                destination=self._shared.destination,
                audience=self._audience.audience,
                count=found.beyond_horizon,
            )
        if found.unreadable:
            log.error("member records not understood", count=found.unreadable)

    async def _keep(
        self, state: AudienceState, n: int, hashed: Hashed, there: StoredFile, found: PassFindings
    ) -> None:
        shared = self._shared
        file = SnapshotFile(
            n=n,
            path=there.path,
            size=there.size,
            sha256=hashed.sha256,
            etag=there.etag,
            modified_s=there.modified_s,
            members=found.members,
            rows=found.rows,
            ends=found.ends,
            made_ms=shared.wall_ms(),
        )
        last_rows = None if state.ingested is None else state.ingested.rows
        hold = held(
            file.rows,
            last_rows=last_rows if state.baseline_rows is None else state.baseline_rows,
            removes=self._removes(state),
            before=state.hold,
            now_ms=shared.wall_ms(),
        )
        decide(state.state, Stored())
        await shared.journal.write(
            self._audience.audience, stored(state, file, hold, shared.wall_ms())
        )
        shared.telemetry.snapshot_stored(
            destination=shared.destination,
            audience=self._audience.audience,
            members=file.members,
            rows=file.rows,
            size=file.size,
        )

    def _removes(self, state: AudienceState) -> int:
        """Return the removes that may explain a loss of rows; 0 where upstream sent all anew."""
        journal, audience = self._shared.journal, self._audience.audience
        is_of_former = journal.is_of_former(audience, state.ingested)
        return 0 if is_of_former else self._watched.ingested.changes.removes


def _text(error: Exception) -> str:
    return str(error) or type(error).__name__
