"""Where the partner fetches files from. Reading blocks: it is done on a thread of its own."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol


class SourceFile(NamedTuple):
    """One file, as its storage says it."""

    path: str
    """From the root of the storage."""
    modified_s: float
    etag: str


class FileGone(Exception):
    """The file was there when it was chosen, and is not any more."""


class Files(Protocol):
    """A storage, seen from the partner."""

    def find(self, path: str, *, is_folder: bool) -> Sequence[SourceFile]:
        """The file of this path, or all that are directly in the folder."""

    def read(self, path: str) -> bytes:
        """All of a file.

        Raises:
            FileGone: there is none.
        """


class FolderFiles:
    """A folder of this machine."""

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
