"""The storage that the settings name."""

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from pipeline.destinations.snapshots import LandingZone
from pipeline.destinations.storage_settings import FolderSettings, StorageSettings
from pipeline.stages.snapshot.ports import FileStorage
from pipeline.storage.folder import FolderStorage

LandingZoneCredentials: TypeAlias = Callable[[], Awaitable[LandingZone]]
"""Asks the partner; raises StorageUnavailable or StorageRefused."""


def opened(
    settings: StorageSettings,
    *,
    landing_zone: LandingZoneCredentials,  # noqa: ARG001 -- the landing zone follows
    clock: Callable[[], float],
) -> FileStorage:
    """Nothing is read and nobody is called yet, so that a storage that is away stops no start.

    Every path is from `prefix` on (or `path`, or the folder of the landing zone): the storage puts
    that before it. `landing_zone` is asked where the settings say `kind: landing_zone`, and again
    before what it gave expires. `clock` is ours, seconds since the epoch: it says when that is.
    """
    match settings:
        case FolderSettings():
            return FolderStorage(settings.path, clock=clock)
        case _:
            raise NotImplementedError(settings.kind)
