"""One connection to a file server, in the folder that the settings name."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import suppress
from typing import Self, TypeVar

import asyncssh

from pipeline.destinations.storage_settings import SftpSettings
from pipeline.stages.snapshot.ports import StorageRefused, StorageUnavailable, StoredFile
from pipeline.storage.sftp_trouble import host_key_trouble, trouble

_LOGIN_SECONDS = 30
_KEEPALIVE_SECONDS = 15
"""A connection counts as lost when the server is silent for four times this long."""
_UNDO_SECONDS = 10.0
_NOT_THERE = (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath)

Answer = TypeVar("Answer")


class SftpSession:
    """One connection. Paths start in the folder of the settings.

    Raises StorageUnavailable and StorageRefused.
    """

    def __init__(self, settings: SftpSettings) -> None:
        self._settings = settings
        self._place = f"SFTP server {settings.host}:{settings.port}"
        self._connection: asyncssh.SSHClientConnection
        self._client: asyncssh.SFTPClient

    async def __aenter__(self) -> Self:
        self._connection = await self._connected()
        try:
            self._client = await self._asked(self._connection.start_sftp_client())
            await self._enter_folder()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        # All requests have their answers, so a polite end is not needed. We do not wait for the
        # end: a caller that is cancelled meanwhile would not learn that its file is stored.
        self._connection.abort()

    async def empty(self, folder: str) -> None:
        """Make an empty folder, or empty the one that exists."""
        await self._asked(self._client.rmtree(folder, ignore_errors=True))
        await self.make_folder(folder)

    async def make_folder(self, folder: str) -> None:
        await self._asked(self._make_folder(folder))

    async def _make_folder(self, folder: str) -> None:
        try:
            await self._client.makedirs(folder, exist_ok=True)
        except asyncssh.SFTPNoSuchFile:
            # The library goes on to the next folder even if it could not make the one above.
            raise asyncssh.SFTPPermissionDenied(folder) from None

    async def begin(self, path: str) -> "Writing":
        return Writing(await self._asked(self._client.open(path, "wb")), self._place)

    async def move(self, path: str, to: str) -> None:
        """Move a file in one step; replace a file that is there already."""
        await self.make_folder(to.rpartition("/")[0] or ".")
        await self._asked(self._client.posix_rename(path, to))

    async def stored(self, path: str) -> StoredFile | None:
        found = await self._asked(_found(self._client.stat(path)))
        return None if found is None else _stored(path, found)

    async def delete(self, path: str) -> None:
        await self._asked(_found(self._client.remove(path)))

    async def try_to_delete(self, *paths: str) -> None:
        """Delete files after a failure, within a bound of time for all of them together.

        If this fails too, the next `put` removes what is unfinished.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(_UNDO_SECONDS):
                for path in paths:
                    with suppress(StorageUnavailable, StorageRefused):
                        await self.delete(path)

    async def files(self, folder: str) -> Sequence[StoredFile]:
        return [one async for one in self._files(folder)]

    async def _files(self, folder: str) -> AsyncIterator[StoredFile]:
        for entry in await self._asked(_found(self._client.readdir(folder))) or ():
            if entry.filename in {".", ".."}:
                continue
            path = f"{folder}/{entry.filename!s}"
            if entry.attrs.type == asyncssh.FILEXFER_TYPE_DIRECTORY:
                async for one in self._files(path):
                    yield one
            else:
                yield _stored(path, entry.attrs)

    async def _connected(self) -> asyncssh.SSHClientConnection:
        settings = self._settings
        known = await asyncio.to_thread(self._known_hosts)
        key = await asyncio.to_thread(self._private_key)
        try:
            # Not by the library's own limit: it would lose a cancellation that comes together with
            # the end of the login.
            async with asyncio.timeout(_LOGIN_SECONDS):
                return await asyncssh.connect(
                    settings.host,
                    settings.port,
                    # Use only the settings, and no configuration of this machine or user.
                    config=None,
                    agent_path=None,
                    username=settings.username,
                    client_keys=[key],
                    known_hosts=known,
                    preferred_auth="publickey",
                    login_timeout=_LOGIN_SECONDS,
                    keepalive_interval=_KEEPALIVE_SECONDS,
                )
        except (asyncssh.HostKeyNotVerifiable, asyncssh.KeyExchangeFailed):
            is_known = any(known.match(settings.host, "", settings.port)[:1])
            raise host_key_trouble(self._place, is_known=is_known) from None
        except (asyncssh.Error, OSError) as error:
            raise trouble(error, self._place) from None

    def _known_hosts(self) -> asyncssh.SSHKnownHosts:
        file = self._settings.known_hosts_file
        try:
            return asyncssh.import_known_hosts(file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            raise StorageRefused(
                f"{file}: cannot be read as known hosts; write it with `ssh-keyscan`, and compare "
                "the keys with those of the server's operator"
            ) from None

    def _private_key(self) -> asyncssh.SSHKey:
        file = self._settings.private_key_file
        try:
            return asyncssh.import_private_key(file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            raise StorageRefused(
                f"{file}: cannot be read as a private key; give one without a passphrase"
            ) from None

    async def _enter_folder(self) -> None:
        """Enter the folder; never create it, because the partner would look into another one."""
        folder = self._settings.path
        if not await self._asked(self._client.isdir(folder)):
            raise StorageRefused(
                f"{self._place}: there is no folder {folder!r}; create it, or correct `path`"
            )
        await self._asked(self._client.chdir(folder))

    async def _asked(self, request: Awaitable[Answer]) -> Answer:
        return await _asked(self._place, request)


class Writing:
    """A file that is being written."""

    def __init__(self, file: asyncssh.SFTPClientFile, place: str) -> None:
        self._file = file
        self._place = place

    async def write(self, block: bytes) -> None:
        await _asked(self._place, self._file.write(block))

    async def end(self) -> None:
        """Close the file; flush it to the server's disk, if the server supports that."""
        await _asked(self._place, self._end())

    async def _end(self) -> None:
        with suppress(asyncssh.SFTPOpUnsupported):
            await self._file.fsync()
        await self._file.close()


async def _asked(place: str, request: Awaitable[Answer]) -> Answer:
    try:
        return await request
    except (asyncssh.Error, OSError) as error:
        raise trouble(error, place) from None


async def _found(request: Awaitable[Answer]) -> Answer | None:
    try:
        return await request
    except _NOT_THERE:
        return None


def _stored(path: str, attributes: asyncssh.SFTPAttrs) -> StoredFile:
    return StoredFile(
        path=path,
        size=attributes.size or 0,
        modified_s=float(attributes.mtime or 0),
        etag=None,
    )
