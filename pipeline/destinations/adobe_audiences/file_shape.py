"""The shape of an audience's files: their folder, their columns, and an id of the shape."""

import json
import re
from collections.abc import Sequence
from hashlib import blake2b

from pipeline.destinations.adobe_audiences.settings import AdobeSettings
from pipeline.destinations.adobe_audiences.targets import AdobeTarget
from pipeline.destinations.snapshots import SnapshotAudience

FILE_FORMAT = 1
"""The version of the text of cells; a new version makes every stored member stale."""
LONGEST_SLUG = 40
LANDING_ZONE_CONTAINER = "dlz-user-container"


def snapshot_audience(
    settings: AdobeSettings, target: AdobeTarget, upstream_name: str
) -> SnapshotAudience:
    """The shape and the folder of this target's snapshots."""
    names = [target.identity.column, *(column.name for column in target.columns)]
    return SnapshotAudience(
        name=upstream_name,
        audience=target.audience() or "",
        folder=folder_of(settings, target, upstream_name),
        header=",".join(names).encode() + b"\n",
        # A reader may skip a blank line, and may ignore a file that has only a header.
        empty_row=row("", [""] * len(target.columns)),
        rendering=rendering_of(settings, target),
        lifetime=target.lifetime(),
    )


def row(identity: str, cells: Sequence[str]) -> bytes:
    """One line of a file: the quoted identity, and the rendered cells."""
    return ",".join((f'"{identity}"', *cells)).encode() + b"\n"


def rendering_of(settings: AdobeSettings, target: AdobeTarget) -> str:
    """An id of everything that decides the content of a member's row."""
    columns = [(column.name, column.type, column.source) for column in target.columns]
    identity = (target.identity.code(), target.identity.source, target.identity.column)
    return _digest([FILE_FORMAT, settings.member_ids, identity, columns], size=6)


def folder_of(settings: AdobeSettings, target: AdobeTarget, upstream_name: str) -> str:
    """The audience's own folder in the storage: its name, made unique by a digest.

    It does not depend on the columns, because the partner never changes an audience's folder.
    """
    slug = re.sub(r"[^a-z0-9]+", "-", upstream_name.casefold()).strip("-")[:LONGEST_SLUG]
    whose = [settings.org_id, settings.sandbox, target.destination, upstream_name]
    digest = _digest([*whose, target.identity.code().casefold()], size=5)
    return f"{slug.strip('-') or 'audience'}-{digest}"


def source_path(settings: AdobeSettings, folder: str) -> str:
    """The path of the folder, as requests to the partner name it."""
    prefix = _prefix(settings) if settings.source_prefix is None else settings.source_prefix
    return "/".join(part for part in (prefix.strip("/"), folder) if part)


def _prefix(settings: AdobeSettings) -> str:
    storage = settings.storage
    match storage.kind:
        case "landing_zone":
            return LANDING_ZONE_CONTAINER
        case "s3" | "gcs":
            return _joined(storage.bucket, storage.prefix)
        case "azure_blob":
            return _joined(storage.container, storage.prefix)
        case "sftp":
            return storage.path
        case "folder":
            return ""


def _joined(container: str, prefix: str) -> str:
    return f"{container}/{prefix}".rstrip("/")


def _digest(said: object, *, size: int) -> str:
    text = json.dumps(said, separators=(",", ":"), ensure_ascii=True)
    return blake2b(text.encode(), digest_size=size).hexdigest()
