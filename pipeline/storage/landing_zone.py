"""The partner's own storage, with credentials that the partner gives."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import TypeVar

from pipeline.stages.snapshot.ports import StorageRefused, StorageUnavailable, StoredFile
from pipeline.storage.landing_zone_access import LandingZoneAccess
from pipeline.storage.object_storage import ObjectStorage

Answer = TypeVar("Answer")


class LandingZoneStorage:
    """An object storage whose credentials end when anybody asks the partner for new ones.

    So if the storage refuses our credentials, we ask for new ones. A person must mend something
    only if the partner gives the same ones again.
    """

    def __init__(self, access: LandingZoneAccess) -> None:
        self._access = access
        self._storage = ObjectStorage(access.current)

    async def put(self, path: str, pieces: AsyncIterator[bytes]) -> StoredFile:
        try:
            return await self._storage.put(path, pieces)
        except StorageRefused as refused:
            if not await self._access.is_replaced():
                raise
            # The pieces are used up, so the caller must make them again.
            raise StorageUnavailable(f"{refused}; the partner gave new credentials") from None

    async def head(self, path: str) -> StoredFile | None:
        return await self._tried(lambda: self._storage.head(path))

    async def files(self, folder: str) -> Sequence[StoredFile]:
        return await self._tried(lambda: self._storage.files(folder))

    async def delete(self, path: str) -> None:
        await self._tried(lambda: self._storage.delete(path))

    async def now_s(self) -> float:
        return await self._storage.now_s()

    async def close(self) -> None:
        await self._storage.close()

    async def _tried(self, call: Callable[[], Awaitable[Answer]]) -> Answer:
        try:
            return await call()
        except StorageRefused:
            if not await self._access.is_replaced():
                raise
        return await call()
