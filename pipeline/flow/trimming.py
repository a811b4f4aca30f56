"""Lets what was delivered leave a lane's topic: hashed data, too, leaves as soon as it may."""

import asyncio

from pipeline.flow.lane import LaneBooks
from pipeline.flow.plan import Desk
from pipeline.flow.ports import Claim

TRIM_SECONDS = 3600.0
"""Segments of a lane's topic are an hour long, and brokers free whole ones."""


async def trim_always(claim: Claim, books: LaneBooks, desk: Desk) -> None:
    """Every hour, up to what is settled and old enough, and never what is kept back."""
    while True:
        await asyncio.sleep(TRIM_SECONDS)
        await claim.owned()
        before = desk.wall_ms() - int(desk.keep_delivered * 1000)
        settled = min([books.watermark.committable, *books.holds.since().values()])
        await desk.trimmer.trim(claim.topic, settled=settled, before_ms=before)
