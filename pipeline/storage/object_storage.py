"""Object stores behind one library: Amazon S3, Google Cloud Storage, Azure Blob Storage."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, aclosing, suppress
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, TypeAlias, TypeVar, cast

import obstore
from obstore.exceptions import BaseError

from pipeline.stages.snapshot.ports import StorageRefused, StorageUnavailable, StoredFile
from pipeline.storage.blocks import blocks
from pipeline.storage.last_step import ended
from pipeline.storage.object_trouble import trouble
from pipeline.storage.server_answer import server_time
from pipeline.storage.whole import checked

if TYPE_CHECKING:
    from obstore import AsyncWritableFile, ObjectMeta
    from obstore.store import ObjectStore

PART_BYTES = 8 * 1024 * 1024
"""Bytes of one part. An upload has at most 10,000 parts, so this is enough for 80 GB."""
PARTS_AT_ONCE = 3
"""Parts sent at the same time. These and the part that is being filled are in memory."""

_UNDO_SECONDS = 10.0

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """A store with credentials that are valid now."""

    store: "ObjectStore"
    place: str
    """The name of the storage in messages."""
    address: str
    """An address of the storage that answers any HTTP request, even if with a refusal."""


Access: TypeAlias = Callable[[], Awaitable[Reached]]


class ObjectStorage:
    """Uploads files in parts, which stay invisible until the store joins them.

    A killed process leaves such parts behind. Azure removes them after a week; elsewhere the bucket
    needs a lifecycle rule.
    """

    def __init__(self, access: Access) -> None:
        """`access` is called before each request to the store."""
        self._access = access

    async def put(self, path: str, pieces: AsyncIterator[bytes]) -> StoredFile:
        """Store a file; the store checks each part, and we check the sum of their sizes."""
        # Ask first, so that no pieces are made if the store is away or refuses us. For this
        # request the library tells the reason; for the upload of a small file it does not.
        await self.files(path.rpartition("/")[0])
        async with AsyncExitStack() as undo:
            size = await self._upload(path, pieces, undo)
            stored = checked(await self.head(path), path, size)
            undo.pop_all()
        return stored

    async def head(self, path: str) -> StoredFile | None:
        reached = await self._access()
        found = await _asked(reached, _found(obstore.head_async(reached.store, path)))
        return None if found is None else _stored(found)

    async def files(self, folder: str) -> Sequence[StoredFile]:
        reached = await self._access()
        found = await _asked(reached, obstore.list(reached.store, folder).collect_async())
        return tuple(_stored(one) for one in found)

    async def delete(self, path: str) -> None:
        reached = await self._access()
        await _asked(reached, _found(obstore.delete_async(reached.store, path)))

    async def _try_to_delete(self, path: str) -> None:
        """Delete a file after a failure; if this fails too, the owner deletes the file later."""
        with suppress(StorageUnavailable, StorageRefused, TimeoutError):
            async with asyncio.timeout(_UNDO_SECONDS):
                await self.delete(path)

    async def now_s(self) -> float:
        return await server_time((await self._access()).address)

    async def close(self) -> None:
        """Do nothing: the library closes its connections itself."""

    async def _upload(self, path: str, pieces: AsyncIterator[bytes], undo: AsyncExitStack) -> int:
        """Upload the pieces; return their size. `undo` gets a step that deletes the file."""
        size = 0
        reached = await self._access()
        writer = obstore.open_writer_async(
            reached.store, path, buffer_size=PART_BYTES, max_concurrency=PARTS_AT_ONCE
        )
        async with AsyncExitStack() as abort:
            await writer.__aenter__()
            abort.push_async_exit(partial(_aborted, writer))
            async with aclosing(blocks(pieces)) as gathered:
                async for block in gathered:
                    # Credentials may expire within a long upload.
                    await self._access()
                    await _asked(reached, writer.write(block))
                    size += len(block)
            abort.pop_all()
        # From here on the file may become visible, even if we are cancelled or hear nothing.
        undo.push_async_callback(self._try_to_delete, path)
        # The library's types say coroutine, but it is a future whose work has begun.
        closing = cast("asyncio.Future[None]", writer.close())
        await _asked(reached, ended(closing))
        return size


async def _aborted(
    writer: "AsyncWritableFile",
    kind: type[BaseException] | None,
    error: BaseException | None,
    trace: TracebackType | None,
) -> None:
    """Abort an upload, or its parts would stay. An error here must not hide the first one."""
    with suppress(BaseError, OSError):
        async with asyncio.timeout(_UNDO_SECONDS):
            await writer.__aexit__(kind, error, trace)


async def _asked(reached: Reached, request: Awaitable[Answer]) -> Answer:
    try:
        return await request
    except (BaseError, OSError) as error:
        raise trouble(error, reached.place) from None


async def _found(request: Awaitable[Answer]) -> Answer | None:
    try:
        return await request
    except FileNotFoundError:
        return None


def _stored(found: "ObjectMeta") -> StoredFile:
    return StoredFile(
        path=found["path"],
        size=found["size"],
        modified_s=found["last_modified"].timestamp(),
        etag=_bare(found["e_tag"]),
    )


def _bare(etag: str | None) -> str | None:
    """Remove quotes: Azure quotes the tag in the answer for one file, but not in a listing."""
    return None if etag is None else etag.strip('"')
