"""Writes the lock file: one writer at a time, and never half a file."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.configuration.lock import AudienceLock, lock_text, read_lock
from pipeline.operations.trouble import OperationFailed


class LockUnwritable(Exception):
    """The lock file cannot be written; it is as it was before."""


class LockFile:
    """The lock file of one configuration, for whoever has locked it."""

    def __init__(self, path: Path, warning: str | None = None) -> None:
        self.path = path
        self.warning = warning
        """Why others are not kept away meanwhile, if they are not."""

    def save(self, lock: AudienceLock) -> None:
        """Put this lock in the place of the file; when it returns, a crash cannot undo it.

        Raises:
            LockUnwritable: it could not be done.
        """
        try:
            self._draft(lock_text(lock)).replace(self._target())
            _sync_folder(self._target().parent)
        except OSError as error:
            raise self._unwritable(error) from None

    def try_out(self) -> None:
        """See that it can be written, and leave no trace.

        Raises:
            LockUnwritable: it cannot.
        """
        try:
            self._draft("").unlink()
        except OSError as error:
            raise self._unwritable(error) from None

    def _draft(self, text: str) -> Path:
        target = self._target()
        draft = target.with_name(f".{target.name}.new")
        with draft.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        return draft

    def _target(self) -> Path:
        # Where a link leads: a rename over the link itself would cut it.
        return self.path.resolve()

    def _unwritable(self, error: OSError) -> LockUnwritable:
        reason = (error.strerror or "cannot be written").lower()
        return LockUnwritable(
            f"{self.path}: {reason}; the ids of new audiences are kept in this file, so let this "
            "user write to its folder"
        )


@contextmanager
def locked(path: Path) -> Iterator[LockFile]:
    """The lock file, kept from every other `audiences apply` meanwhile.

    Raises:
        OperationFailed: another one is at work, or the folder cannot be opened.
    """
    try:
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        reason = (error.strerror or "cannot be opened").lower()
        raise OperationFailed(f"{path.parent}: {reason}; check --config") from None
    try:
        yield LockFile(path, _lock(folder, path))
    finally:
        os.close(folder)


def note_ttl_days(lock_file: LockFile, destination: str, audience_id: str, days: object) -> None:
    """Write down what the partner was told last of an audience, where the file has it.

    Raises:
        LockUnwritable: it could not be written. SettingsError: it cannot be read.
    """
    lock = read_lock(lock_file.path)
    meant = (destination, audience_id)
    entries = [one for one in lock.audiences if (one.destination, str(one.audience_id)) == meant]
    for entry in entries:
        lock = lock.with_entry(entry.model_copy(update={"ttl_days": days}))
    if entries:
        lock_file.save(lock)


def _lock(folder: int, path: Path) -> str | None:
    # The folder, because the file itself is another one after each rename.
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise OperationFailed(
            f"{path}: another `audiences apply` is at work in this folder; wait until it has ended"
        ) from None
    except OSError:
        # Some network file systems cannot do this, and an operator must be able to go on.
        return (
            f"{path.parent}: this file system has no locks; see to it that nobody else applies "
            "meanwhile"
        )
    return None


def _sync_folder(path: Path) -> None:
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
