"""Checks that the storages of snapshots work."""

import time
from collections.abc import AsyncIterator, Mapping

from pipeline.configuration.model import Settings
from pipeline.configuration.routing import snapshot_destinations, snapshots_of
from pipeline.destinations.contract import Partners
from pipeline.destinations.control import Api, Finding
from pipeline.destinations.registry import PARTNERS
from pipeline.operations.snapshots.storage import opened_storage
from pipeline.storage.online_check import storage_findings


async def storages(
    settings: Settings, apis: Mapping[str, Api], known: Partners = PARTNERS
) -> AsyncIterator[Finding]:
    """Store a small file in each storage, list it, and delete it."""
    for name in snapshot_destinations(settings):
        snapshots = snapshots_of(settings, name, known)
        async with opened_storage(apis[name], snapshots) as storage:
            found = await storage_findings(
                storage, snapshots.storage, name=f"destinations.{name}", clock_s=time.time()
            )
        for finding in found:
            yield finding
