"""Paths for unfinished files, in storages that show a file while it is written."""

from pathlib import PurePosixPath

UNFINISHED = ".unfinished"
"""A folder that the partner does not read; in the same storage, so that a move is one step."""


def unfinished_folder(path: str) -> str:
    """Return the folder for one folder's unfinished files; a new writer may empty it."""
    return str(PurePosixPath(UNFINISHED) / PurePosixPath(path).parent)


def unfinished_path(path: str) -> str:
    return str(PurePosixPath(UNFINISHED) / path)
