"""Replaces a file as a whole: a crash or a full disk never leaves half of it."""

import os
import shutil
from pathlib import Path


def write_whole(path: Path, text: str) -> None:
    """Replace the file by this text, in UTF-8; once this returns, a crash cannot undo it.

    The file keeps its mode. Its folder must be writable.

    Raises:
        OSError: the file could not be written; it is as it was.
    """
    target = path.resolve()  # else the rename would replace a link, and not what it names
    draft = _drafted(target, text)
    if target.exists():
        shutil.copymode(target, draft)
    draft.replace(target)
    _sync_folder(target.parent)


def try_out(path: Path) -> None:
    """Check that the file can be written; changes nothing; raises `OSError`."""
    _drafted(path.resolve(), "").unlink()


def _drafted(target: Path, text: str) -> Path:
    draft = target.with_name(f".{target.name}.new")
    try:
        with draft.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        draft.unlink(missing_ok=True)
        raise
    return draft


def _sync_folder(path: Path) -> None:
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
