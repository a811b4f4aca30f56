"""Where files are written until they are whole, in storages that show what is being written."""

from pathlib import PurePosixPath

UNFINISHED = ".unfinished"
"""Beside the folders that the partner reads, in the same storage, so that a move is one step."""


def unfinished_folder(path: str) -> str:
    """Of the folder of this file alone: what an interrupted writer left there may be removed."""
    return str(PurePosixPath(UNFINISHED) / PurePosixPath(path).parent)


def unfinished_path(path: str) -> str:
    return str(PurePosixPath(UNFINISHED) / path)
