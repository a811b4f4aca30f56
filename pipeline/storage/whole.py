"""Checks that a stored file has the size that was written."""

from pipeline.stages.snapshot.ports import StorageUnavailable, StoredFile


def checked(stored: StoredFile | None, path: str, size: int) -> StoredFile:
    """Return the stored file.

    Raises:
        StorageUnavailable: the file is missing, or its size is not `size`.
    """
    if stored is None or stored.size != size:
        found = 0 if stored is None else stored.size
        raise StorageUnavailable(f"{path}: {size} bytes were written, but {found} are stored")
    return stored
