"""Checks a file in the storage before its run is asked for: the run must take this file alone."""

from typing import Literal

from pipeline.destinations.snapshots import Window
from pipeline.stages.snapshot.condition import AudienceCondition
from pipeline.stages.snapshot.files import is_same, neighbours, number_of, path_of
from pipeline.stages.snapshot.run_records import SnapshotFile
from pipeline.stages.snapshot.shared import SharedByAudiences

Look = Literal[
    "fine",
    "gone",  # another file must take its place
    "again",  # look later: the condition says why
]


class FileLook:
    """Looks at the files of one audience."""

    def __init__(
        self, shared: SharedByAudiences, folder: str, condition: AudienceCondition
    ) -> None:
        self._shared = shared
        self._folder = folder
        self._condition = condition

    async def look(self, file: SnapshotFile, window: Window) -> Look:
        """Say "fine" when the window holds our file alone and has ended by the storage's clock.

        Raises:
            StorageUnavailable, StorageRefused: the storage cannot be asked.
        """
        storage, margin = self._shared.storage, self._shared.rules.window_margin
        if file.path != path_of(self._folder, file.n):
            # The audience has another folder now: the next attempt to make a file says so.
            return "gone"
        if not is_same(file, await storage.head(file.path)):
            return "gone"
        left = window.end_s - await storage.now_s()
        if left >= 0:
            self._condition.wait("window", "the window of the file has not ended", left + 0.5)
            return "again"
        listed = await storage.files(self._folder)
        if file.path not in {one.path for one in listed}:
            self._condition.failed("storage_unavailable", "the file is not listed yet")
            return "again"
        near = neighbours(file, listed, 2 * margin)
        for one in near:
            n = number_of(one.path)
            if n is None or n > file.n:
                # We may not delete this file. A new file of ours gets another window.
                return "gone"
            await storage.delete(one.path)
        return "again" if near else "fine"
