"""A storage with a clock of its own; a file is there wholly or not at all."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from random import Random

from pipeline.stages.snapshot.ports import StorageUnavailable, StoredFile


class FakeStorage:
    """Its clock goes as the loop's does, from another beginning."""

    def __init__(self, random: Random, *, ahead: float = 137.0) -> None:
        self._random = random
        self._ahead = ahead
        self._files: dict[str, tuple[StoredFile, bytes]] = {}
        self.away = 0.0
        """How likely it does not answer."""
        self.dates_by_beginning = False
        """A file has the time when its upload began, as with multipart uploads of S3."""
        self.seconds = 1.0
        self.puts: list[str] = []
        self.began: list[float] = []
        """When each upload began, by the loop's clock."""

    async def put(self, path: str, pieces: AsyncIterator[bytes]) -> StoredFile:
        self.began.append(asyncio.get_running_loop().time())
        await self._answers()
        began = self._now()
        content = b""
        async for piece in pieces:
            content += piece
            await self._answers()
        dated = began if self.dates_by_beginning else self._now()
        file = StoredFile(path, len(content), float(int(dated)), f"etag-{len(self.puts)}")
        self._files[path] = (file, content)
        self.puts.append(path)
        await self._answers()
        return file

    async def head(self, path: str) -> StoredFile | None:
        await self._answers()
        return self._files[path][0] if path in self._files else None

    async def files(self, folder: str) -> Sequence[StoredFile]:
        await self._answers()
        return self.visible(folder)

    async def delete(self, path: str) -> None:
        await self._answers()
        self._files.pop(path, None)

    async def now_s(self) -> float:
        await self._answers()
        return self._now()

    async def close(self) -> None:
        return None

    def visible(self, folder: str) -> list[StoredFile]:
        """What stands in the folder."""
        return [file for file, _ in self._files.values() if file.path.startswith(f"{folder}/")]

    def time(self) -> float:
        """By its own clock."""
        return self._now()

    def content(self, path: str) -> bytes:
        return self._files[path][1]

    def place(self, path: str, content: bytes, modified_s: float) -> None:
        """Somebody else puts a file there."""
        file = StoredFile(path, len(content), modified_s, "etag")
        self._files[path] = (file, content)

    async def _answers(self) -> None:
        await asyncio.sleep(self._random.uniform(0, self.seconds))
        if self._random.random() < self.away:
            raise StorageUnavailable("the storage does not answer")

    def _now(self) -> float:
        return asyncio.get_running_loop().time() + self._ahead
