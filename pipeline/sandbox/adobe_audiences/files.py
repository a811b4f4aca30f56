"""The storage from which the partner reads files. Reading blocks, so a separate thread does it."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol


class SourceFile(NamedTuple):
    """One file, as the storage lists it."""

    path: str
    """The path from the root of the storage."""
    modified_s: float
    etag: str


class FileGone(Exception):
    """The file was deleted after it was chosen."""


class Files(Protocol):
    """A storage that the partner reads."""

    def find(self, path: str, *, is_folder: bool) -> Sequence[SourceFile]:
        """The file at this path, or all files directly in this folder."""

    def read(self, path: str) -> bytes:
        """The content of a file.

        Raises:
            FileGone: there is no such file.
        """


class FolderFiles:
    """A folder on this machine as the storage."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def find(self, path: str, *, is_folder: bool) -> Sequence[SourceFile]:
        place = self._root / path
        try:
            paths = sorted(place.iterdir()) if is_folder else [place]
            return [self._described(one) for one in paths if one.is_file()]
        except FileNotFoundError:
            return []

    def read(self, path: str) -> bytes:
        try:
            return (self._root / path).read_bytes()
        except FileNotFoundError:
            raise FileGone(path) from None

    def _described(self, path: Path) -> SourceFile:
        found = path.stat()
        etag = f"{found.st_ino}-{found.st_mtime_ns}-{found.st_size}"
        return SourceFile(path.relative_to(self._root).as_posix(), found.st_mtime, etag)
