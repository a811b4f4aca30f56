"""Opens the storage of a destination, for commands."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pipeline.destinations.control import Api
from pipeline.destinations.exchange import Response
from pipeline.destinations.snapshots import LandingZone, Snapshots
from pipeline.domain.job import NotYet
from pipeline.domain.send_result import Blocked
from pipeline.stages.snapshot.ports import FileStorage, StorageRefused, StorageUnavailable
from pipeline.storage.opening import opened


@asynccontextmanager
async def opened_storage(api: Api, snapshots: Snapshots) -> AsyncIterator[FileStorage]:
    """Open the storage of a destination's files; asks the partner for access to its own storage."""

    async def landing_zone() -> LandingZone:
        answer = await api.call(snapshots.compose_landing_zone())
        if not isinstance(answer, Response):
            raise StorageUnavailable(answer.detail)
        said = snapshots.interpret_landing_zone(answer)
        match said:
            case LandingZone():
                return said
            case Blocked():
                raise StorageRefused(said.detail)
            case NotYet():
                raise StorageUnavailable(said.detail)

    storage = opened(snapshots.storage, landing_zone=landing_zone, clock=time.time)
    try:
        yield storage
    finally:
        await storage.close()
