"""The files of one audience: their names, and which of them may be deleted."""

import hashlib
import re
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing

from pipeline.stages.contract import Progress
from pipeline.stages.ports import Lease
from pipeline.stages.snapshot.ports import FileStorage, StoredFile
from pipeline.stages.snapshot.run_records import GIVE_UP_SECONDS, RunRecord, SnapshotFile

_NAME = re.compile(r"snapshot-([0-9]{1,19})\.csv")


def path_of(folder: str, n: int) -> str:
    """Return the path of the file with this number.

    >>> path_of("vip-1a2b", 42)
    'vip-1a2b/snapshot-42.csv'
    """
    return f"{folder}/snapshot-{n}.csv"


def number_of(path: str) -> int | None:
    """Return the number of a file of ours; None for a file that somebody else stored.

    >>> number_of("vip-1a2b/snapshot-42.csv"), number_of("vip-1a2b/notes.txt")
    (42, None)
    """
    found = _NAME.fullmatch(path.rpartition("/")[2])
    return None if found is None else int(found[1])


def is_same(file: SnapshotFile, stored: StoredFile | None) -> bool:
    """Whether the storage still has our file under its name, and no other file."""
    return stored is not None and (stored.size, stored.etag, stored.modified_s) == (
        file.size,
        file.etag,
        file.modified_s,
    )


def neighbours(
    file: SnapshotFile, listed: Sequence[StoredFile], seconds: float
) -> Sequence[StoredFile]:
    """Return the other files in the folder that are so near in time that a run might take them."""
    return [
        one
        for one in listed
        if one.path != file.path and abs(one.modified_s - file.modified_s) <= seconds
    ]


def kept(runs: Mapping[int, RunRecord], now_ms: int, keep_seconds: float) -> frozenset[int]:
    """Return the numbers of files to keep for a while: those that a run surely took."""
    since_ms = now_ms - int(keep_seconds * 1000)
    return frozenset(
        n
        for n, run in runs.items()
        if run.run_id is not None and (run.ended_ms is None or run.ended_ms > since_ms)
    )


def kept_after_leaving(
    runs: Mapping[int, RunRecord], now_ms: int, keep_seconds: float
) -> frozenset[int]:
    """Return the same for an audience that nobody follows any more: its runs end after a day."""
    since_ms = now_ms - int(keep_seconds * 1000)
    return frozenset(
        n
        for n, run in runs.items()
        if run.is_charged
        and (run.run_id is not None or run.end == "pending")
        and (run.ended_ms or run.intended_ms + int(GIVE_UP_SECONDS * 1000)) > since_ms
    )


async def tidy(storage: FileStorage, folder: str, *, below: int, keep: frozenset[int]) -> int:
    """Delete our files with a number below `below`, except those to keep; return how many.

    Folders within the folder are not ours. A file with a higher number belongs to another owner,
    who may be the right one.
    """
    count = 0
    for one in await storage.files(folder):
        n = number_of(one.path)
        is_ours = n is not None and one.path == path_of(folder, n)
        if n is not None and is_ours and n < below and n not in keep:
            await storage.delete(one.path)
            count += 1
    return count


class Hashed:
    """Passes the pieces of a file on to the storage; counts their hash and size.

    The pieces end only while we own the destination. A former owner thus cannot finish a file: the
    storage dates a file by its beginning, so it could fall into the window of its successor's file.
    """

    def __init__(
        self, pieces: AsyncGenerator[bytes, None], progress: Progress, lease: Lease
    ) -> None:
        self._pieces = pieces
        self._progress = progress
        self._lease = lease
        self._sha256 = hashlib.sha256()
        self.size = 0

    @property
    def sha256(self) -> str:
        return self._sha256.hexdigest()

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """Yield the same pieces. Progress is busy while a piece is made, not while it is stored."""
        try:
            async with aclosing(self._pieces) as pieces:
                self._progress.busy(True)
                async for piece in pieces:
                    self._progress.busy(False)
                    self._sha256.update(piece)
                    self.size += len(piece)
                    yield piece
                    self._progress.busy(True)
            self._progress.busy(False)
            await self._lease.wait_held()
        finally:
            self._progress.busy(False)
