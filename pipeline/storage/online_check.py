"""Checks a storage for `check --online`: stores a small file and deletes it."""

from collections.abc import AsyncIterator, Sequence

from pipeline.destinations.control import Finding
from pipeline.destinations.storage_settings import StorageSettings
from pipeline.stages.snapshot.ports import FileStorage, StorageRefused, StorageUnavailable
from pipeline.storage.unfinished_uploads import unfinished_uploads

_FOLDER = "audience-pipeline-check"
_FILE = f"{_FOLDER}/probe.csv"
_LARGEST_DIFFERENCE_SECONDS = 3.0


async def storage_findings(
    storage: FileStorage, settings: StorageSettings, *, name: str, clock_s: float
) -> Sequence[Finding]:
    """Find out whether the storage of destination `name` works, and whether its clocks agree.

    `clock_s`: our time, in seconds since the epoch.
    """
    try:
        difference = await _difference(storage)
        uploads = await unfinished_uploads(settings, clock_s=clock_s)
    except (StorageUnavailable, StorageRefused) as trouble:
        return [Finding(f"{name}: storage: {trouble}", is_bad=True)]
    found = [Finding(f"{name}: storage: a file was stored, listed and deleted")]
    if abs(difference) > _LARGEST_DIFFERENCE_SECONDS:
        found.append(
            Finding(
                f"{name}: storage: the date of a new file is {difference:+.0f} s from the "
                "storage's own clock; the partner would miss files: have its operator set its "
                "clocks",
                is_bad=True,
            )
        )
    if uploads is not None:
        found.append(Finding(f"{name}: storage: {uploads.text}", uploads.is_bad))
    return found


async def _difference(storage: FileStorage) -> float:
    """Return the date of a new file minus the storage's clock, in seconds."""
    stored = await storage.put(_FILE, _probe())
    try:
        now_s = await storage.now_s()
        if all(one.path != _FILE for one in await storage.files(_FOLDER)):
            raise StorageRefused(f"a file that was stored is not listed; let it list {_FOLDER!r}")
    finally:
        await storage.delete(_FILE)
    return stored.modified_s - now_s


async def _probe() -> AsyncIterator[bytes]:
    yield b"check\n"
