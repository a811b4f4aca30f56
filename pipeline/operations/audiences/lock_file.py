"""Writes the lock file: one writer at a time, and a crash never leaves half a file."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.configuration.lock import AudienceLock, lock_text, read_lock
from pipeline.operations.trouble import OperationFailed
from pipeline.operations.whole_file import try_out, write_whole


class LockUnwritable(Exception):
    """The lock file cannot be written; it is unchanged."""


class LockFile:
    """The lock file of one configuration, while this process has it locked."""

    def __init__(self, path: Path, warning: str | None = None) -> None:
        self.path = path
        self.warning = warning
        """Why other processes could write the file meanwhile; None if they cannot."""

    def save(self, lock: AudienceLock) -> None:
        """Replace the file by this lock; once this returns, a crash cannot undo it.

        Raises:
            LockUnwritable: the file could not be written.
        """
        try:
            write_whole(self.path, lock_text(lock))
        except OSError as error:
            raise self._unwritable(error) from None

    def try_out(self) -> None:
        """Check that the file can be written; changes nothing.

        Raises:
            LockUnwritable: the file cannot be written.
        """
        try:
            try_out(self.path)
        except OSError as error:
            raise self._unwritable(error) from None

    def _unwritable(self, error: OSError) -> LockUnwritable:
        reason = (error.strerror or "cannot be written").lower()
        return LockUnwritable(
            f"{self.path}: {reason}; this file stores the ids of new audiences, so let this "
            "user write to its folder"
        )


@contextmanager
def locked(path: Path) -> Iterator[LockFile]:
    """Lock the lock file against every other `audiences apply`.

    Raises:
        OperationFailed: another `audiences apply` is running, or the folder cannot be opened.
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
    """Record the ttl_days that the partner was told last, if the file has the audience.

    Raises:
        LockUnwritable: the file could not be written. SettingsError: it cannot be read.
    """
    lock = read_lock(lock_file.path)
    meant = (destination, audience_id)
    entries = [one for one in lock.audiences if (one.destination, str(one.audience_id)) == meant]
    for entry in entries:
        lock = lock.with_entry(entry.model_copy(update={"ttl_days": days}))
    if entries:
        lock_file.save(lock)


def _lock(folder: int, path: Path) -> str | None:
    # Lock the folder: each rename replaces the file, and so a lock on the file would be lost.
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise OperationFailed(
            f"{path}: another `audiences apply` is running in this folder; wait until it has ended"
        ) from None
    except OSError:
        # Some network file systems have no locks, and an operator must be able to go on.
        return (
            f"{path.parent}: this file system has no locks; make sure that nobody else runs "
            "`audiences apply` now"
        )
    return None
