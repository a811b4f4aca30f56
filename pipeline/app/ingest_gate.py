"""Keeps ingest from starting while it would write to a members topic what nobody finds there.

Nothing is lost meanwhile: sources keep their events. Upload, poll and snapshots of other
destinations run, with what stands in their topics.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import structlog

from pipeline.kafka.cluster import ClusterTrouble
from pipeline.stages.snapshot.members_trouble import MembersTrouble

LOOK_SECONDS = 30.0

log = structlog.get_logger(__name__)


class IngestGate:
    """Open where nothing is wrong, and as soon as that is mended."""

    def __init__(
        self,
        troubles: Sequence[MembersTrouble],
        look: Callable[[], Awaitable[Sequence[MembersTrouble]]],
    ) -> None:
        """`troubles` as the start has found them; `look` finds them again, and makes topics."""
        self._look = look
        self._shut_by = _stopping(troubles)

    @property
    def reasons(self) -> Sequence[str]:
        """What ingest waits for, a line each; none where it is open."""
        return [f"ingest waits: {trouble.why}" for trouble in self._shut_by]

    async def opened(self) -> None:
        """Return once ingest may run."""
        was_shut = bool(self._shut_by)
        for trouble in self._shut_by:
            log.error("ingest waits", destination=trouble.destination, why=trouble.why)
        while self._shut_by:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                self._shut_by = _stopping(await self._look())
            except ClusterTrouble as trouble:
                log.warning("members topics not looked at", why=str(trouble))
        if was_shut:
            log.info("ingest may run")


def _stopping(troubles: Sequence[MembersTrouble]) -> Sequence[MembersTrouble]:
    return [trouble for trouble in troubles if trouble.stops_ingest]
