"""Deletes old files from folders that no configured audience uses: they hold personal data, too.

They belong to audiences that left the configuration, or to folders that audiences had before. We
know a file of ours by its name, its folder and its number. Numbers are offsets of the owner's
topic, so no two audiences of a destination share one; the states name the folders.
"""

from collections.abc import Iterator, Mapping, Sequence

import structlog

from pipeline.destinations.snapshots import SnapshotAudience
from pipeline.stages.raised import place_of
from pipeline.stages.snapshot.files import kept, kept_after_leaving, tidy
from pipeline.stages.snapshot.ports import Fenced, StorageRefused, StorageUnavailable
from pipeline.stages.snapshot.run_records import AudienceState
from pipeline.stages.snapshot.shared import SharedByAudiences

log = structlog.get_logger(__name__)


class FormerFiles:
    """The former files of one destination."""

    def __init__(self, shared: SharedByAudiences, audiences: Sequence[SnapshotAudience]) -> None:
        """`audiences`: those of the configuration."""
        self._shared = shared
        self._folders: Mapping[str, str] = {one.audience: one.folder for one in audiences}

    async def sweep(self) -> None:
        """Delete files whose time is over; files that cannot be deleted now are tried again soon.

        Raises:
            Fenced: there is another owner now.
        """
        keep = frozenset(self._to_keep())
        for audience, state in list(self._shared.journal.states.items()):
            for folder in state.folders:
                if folder != self._folders.get(audience):
                    await self._tidy(audience, folder, state, keep)

    def _to_keep(self) -> Iterator[int]:
        """Yield the numbers to keep, of all audiences: two may have used the same folder."""
        journal, now_ms = self._shared.journal, self._shared.wall_ms()
        for audience, state in journal.states.items():
            runs, seconds = journal.runs(audience), self._shared.rules.keep_files
            if audience not in self._folders:
                yield from kept_after_leaving(runs, now_ms, seconds)
                continue
            yield from kept(runs, now_ms, seconds)
            if state.n is not None and state.state not in ("ended", "burnt"):
                yield state.n

    async def _tidy(
        self, audience: str, folder: str, state: AudienceState, keep: frozenset[int]
    ) -> None:
        shared = self._shared
        if state.n is None:
            return
        try:
            count = await tidy(shared.storage, folder, below=state.n + 1, keep=keep)
        except (StorageUnavailable, StorageRefused) as error:
            log.warning("former files stay", audience=audience, folder=folder, error=str(error))
        except Fenced:
            raise
        except Exception as error:  # noqa: BLE001 - a storage may say anything, others go on
            log.warning("former files stay", audience=audience, error=place_of(error))
        else:
            if count:
                log.info(
                    "former files deleted",
                    destination=shared.destination,
                    audience=audience,
                    folder=folder,
                    count=count,
                )
