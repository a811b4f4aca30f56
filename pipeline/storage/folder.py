"""A storage in a folder of this machine."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import aclosing, suppress
from pathlib import Path
from typing import TypeVar

from pipeline.stages.snapshot.ports import StorageRefused, StorageUnavailable, StoredFile
from pipeline.storage.blocks import blocks
from pipeline.storage.last_step import ended
from pipeline.storage.unfinished import UNFINISHED, unfinished_path
from pipeline.storage.whole import checked

Answer = TypeVar("Answer")


class FolderStorage:
    """Writes a file outside all folders, and moves it to its place when it is whole."""

    def __init__(self, root: Path, *, clock: Callable[[], float]) -> None:
        """Touch nothing yet: the first file makes the folder."""
        self._root = root
        self._clock = clock

    async def put(self, path: str, pieces: AsyncIterator[bytes]) -> StoredFile:
        """Store a file; first remove what an interrupted `put` into the same folder has left."""
        beside = self._root / unfinished_path(path)
        try:
            await self._do(_begin, beside)
            size = 0
            async with aclosing(blocks(pieces)) as gathered:
                async for block in gathered:
                    await self._do(_append, beside, block)
                    size += len(block)
            return await self._published(beside, path, size)
        except BaseException:
            # If this fails, the next `put` removes the file.
            with suppress(OSError):
                await asyncio.to_thread(beside.unlink, missing_ok=True)
            raise

    async def head(self, path: str) -> StoredFile | None:
        return await self._do(self._stored, path)

    async def files(self, folder: str) -> Sequence[StoredFile]:
        return await self._do(lambda: tuple(self._files(folder)))

    async def delete(self, path: str) -> None:
        await self._do((self._root / path).unlink, True)

    async def now_s(self) -> float:
        """Return the time of our own clock, which dates the files of the folder."""
        return self._clock()

    async def close(self) -> None:
        """Do nothing: no file stays open between two calls."""

    async def _published(self, beside: Path, path: str, size: int) -> StoredFile:
        """Make the file visible; if we are cancelled meanwhile, delete it again."""
        loop = asyncio.get_running_loop()
        finishing = loop.run_in_executor(None, self._tried, self._finish, beside, path, size)
        try:
            return await ended(finishing)
        except asyncio.CancelledError:
            await self.delete(path)
            raise

    async def _do(self, work: Callable[..., Answer], *arguments: object) -> Answer:
        """Run work in a thread: disks are too slow for the event loop."""
        return await asyncio.to_thread(self._tried, work, *arguments)

    def _tried(self, work: Callable[..., Answer], *arguments: object) -> Answer:
        try:
            return work(*arguments)
        except PermissionError:
            raise StorageRefused(
                f"folder {self._root}: permission denied; let this process read and write it"
            ) from None
        except OSError as error:
            why = (error.strerror or type(error).__name__).lower()
            raise StorageUnavailable(f"folder {self._root}: {why}") from None

    def _finish(self, beside: Path, path: str, size: int) -> StoredFile:
        checked(_stored(beside, path), path, size)
        place = self._root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        _make_durable(beside)
        # A file keeps the time of its last write, but its readers need the time it appeared.
        os.utime(beside)
        beside.replace(place)
        _make_durable(place.parent)
        return _stored(place, path)

    def _stored(self, path: str) -> StoredFile | None:
        place = self._root / path
        return _stored(place, path) if place.is_file() else None

    def _files(self, folder: str) -> Iterator[StoredFile]:
        for parent, _, names in os.walk(self._root / folder):
            for name in names:
                place = Path(parent, name)
                path = place.relative_to(self._root).as_posix()
                if not path.startswith(UNFINISHED):
                    yield _stored(place, path)


def _begin(beside: Path) -> None:
    shutil.rmtree(beside.parent, ignore_errors=True)
    beside.parent.mkdir(parents=True)
    beside.touch()


def _append(beside: Path, block: bytes) -> None:
    # The file must exist: after a cancellation a late thread must not make it again.
    with beside.open("r+b") as file:
        file.seek(0, os.SEEK_END)
        file.write(block)


def _make_durable(place: Path) -> None:
    descriptor = os.open(place, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _stored(place: Path, path: str) -> StoredFile:
    found = place.stat()
    return StoredFile(path=path, size=found.st_size, modified_s=found.st_mtime, etag=None)
