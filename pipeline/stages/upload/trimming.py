"""Deletes delivered records from a lane's topic, so that hashed data leaves as soon as it may."""

import asyncio
from collections.abc import Callable

from pipeline.stages.ports import Lease, Trimmer
from pipeline.stages.upload.offsets import LaneOffsets

TRIM_SECONDS = 3600.0
"""Segments of a lane's topic are an hour long, and brokers free whole ones."""

COMMITTED_SECONDS = 60.0
"""Longer than any proof of ownership, so an owner has committed in this time."""


async def trim_always(
    *,
    lease: Lease,
    offsets: LaneOffsets,
    trimmer: Trimmer,
    keep_delivered: float,
    wall_ms: Callable[[], int],
) -> None:
    """Delete every hour what is settled and old enough, and never what is kept back."""
    while True:
        await asyncio.sleep(TRIM_SECONDS - COMMITTED_SECONDS)
        settled = offsets.kept_from
        await asyncio.sleep(COMMITTED_SECONDS)
        # If the lane is owned now, `settled` is committed: after a crash no needed record is gone.
        await lease.wait_held()
        before = wall_ms() - int(keep_delivered * 1000)
        kept = min(settled, offsets.kept_from)
        await trimmer.trim(lease.topic, settled=kept, before_ms=before)
