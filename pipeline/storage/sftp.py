"""A storage on a file server that speaks SFTP."""

from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from pathlib import PurePosixPath

from pipeline.destinations.storage_settings import SftpSettings
from pipeline.stages.snapshot.ports import StorageUnavailable, StoredFile
from pipeline.storage.blocks import blocks
from pipeline.storage.sftp_session import SftpSession
from pipeline.storage.unfinished import UNFINISHED, unfinished_path
from pipeline.storage.whole import checked

_CLOCK = f"{UNFINISHED}/.clock"


class SftpStorage:
    """Writes a file outside all folders, and moves it to its place when it is whole.

    Each call opens its own connection: calls are rare, and so no connection is stale.
    """

    def __init__(self, settings: SftpSettings) -> None:
        self._settings = settings

    async def put(self, path: str, pieces: AsyncIterator[bytes]) -> StoredFile:
        """Store a file; first remove what an interrupted `put` into the same folder has left."""
        beside = unfinished_path(path)
        async with SftpSession(self._settings) as session:
            await session.empty(str(PurePosixPath(beside).parent))
            try:
                size = await _written(session, beside, pieces)
                stored = checked(await session.stored(beside), path, size)
                await session.move(beside, path)
            except BaseException:
                # The second one, because we may be cancelled after the file was moved.
                await session.try_to_delete(beside, path)
                raise
        # The file has the time of its last write, by the server's clock; a move keeps it.
        return stored._replace(path=path)

    async def head(self, path: str) -> StoredFile | None:
        async with SftpSession(self._settings) as session:
            return await session.stored(path)

    async def files(self, folder: str) -> Sequence[StoredFile]:
        async with SftpSession(self._settings) as session:
            return await session.files(folder)

    async def delete(self, path: str) -> None:
        async with SftpSession(self._settings) as session:
            await session.delete(path)

    async def now_s(self) -> float:
        """Return the server's time, in whole seconds, from a small file that we write now."""
        async with SftpSession(self._settings) as session:
            await session.make_folder(UNFINISHED)
            writing = await session.begin(_CLOCK)
            await writing.write(b"\n")
            await writing.end()
            stored = await session.stored(_CLOCK)
            await session.delete(_CLOCK)
        if stored is None:
            raise StorageUnavailable(f"{self._settings.host}: a file written just now is missing")
        return stored.modified_s

    async def close(self) -> None:
        """Do nothing: no connection stays open between two calls."""


async def _written(session: SftpSession, path: str, pieces: AsyncIterator[bytes]) -> int:
    size = 0
    writing = await session.begin(path)
    async with aclosing(blocks(pieces)) as gathered:
        async for block in gathered:
            await writing.write(block)
            size += len(block)
    await writing.end()
    return size
