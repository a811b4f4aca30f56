"""Makes the storage that the settings name."""

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from pipeline.destinations.snapshots import LandingZone
from pipeline.destinations.storage_settings import (
    AzureBlobSettings,
    FolderSettings,
    GcsSettings,
    LandingZoneSettings,
    S3Settings,
    SftpSettings,
    StorageSettings,
)
from pipeline.stages.snapshot.ports import FileStorage
from pipeline.storage.configured_store import azure_storage, gcs_storage, s3_storage
from pipeline.storage.folder import FolderStorage
from pipeline.storage.landing_zone import LandingZoneStorage
from pipeline.storage.landing_zone_access import LandingZoneAccess
from pipeline.storage.sftp import SftpStorage

LandingZoneCredentials: TypeAlias = Callable[[], Awaitable[LandingZone]]
"""Asks the partner for credentials; raises StorageUnavailable or StorageRefused."""


def opened(
    settings: StorageSettings,
    *,
    landing_zone: LandingZoneCredentials,
    clock: Callable[[], float],
) -> FileStorage:
    """Make a storage. It calls and reads nothing yet, so a storage that is away stops no start.

    The storage puts its `prefix` (or `path`, or the folder of the landing zone) before every path.
    `landing_zone` is called for `kind: landing_zone`, and again before its credentials expire.
    `clock`: our time, in seconds since the epoch.
    """
    match settings:
        case LandingZoneSettings():
            return LandingZoneStorage(LandingZoneAccess(landing_zone, clock))
        case S3Settings():
            return s3_storage(settings)
        case GcsSettings():
            return gcs_storage(settings)
        case AzureBlobSettings():
            return azure_storage(settings)
        case SftpSettings():
            return SftpStorage(settings)
        case FolderSettings():
            return FolderStorage(settings.path, clock=clock)
