"""Whether what a storage has is what we gave it."""

from pipeline.stages.snapshot.ports import StorageUnavailable, StoredFile


def checked(stored: StoredFile | None, path: str, size: int) -> StoredFile:
    """The file as the storage says it.

    Raises:
        StorageUnavailable: it has another size than the `size` bytes that were written.
    """
    if stored is None or stored.size != size:
        found = 0 if stored is None else stored.size
        raise StorageUnavailable(f"{path}: {size} bytes were written, and {found} are there")
    return stored
