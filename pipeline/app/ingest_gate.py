"""Stops ingest from starting while its records in a members topic would not be found.

Nothing is lost meanwhile: sources keep their events. Upload, poll and the snapshots of other
destinations go on with the records in their topics.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import structlog

from pipeline.kafka.cluster import ClusterTrouble
from pipeline.stages.snapshot.members_trouble import MembersTrouble

LOOK_SECONDS = 30.0

log = structlog.get_logger(__name__)


class IngestGate:
    """The gate is open if no trouble stops ingest, and opens once all are mended."""

    def __init__(
        self,
        troubles: Sequence[MembersTrouble],
        look: Callable[[], Awaitable[Sequence[MembersTrouble]]],
    ) -> None:
        """`troubles`: found by the start. `look` finds the present ones; it creates topics, too."""
        self._look = look
        self._shut_by = _stopping(troubles)

    @property
    def reasons(self) -> Sequence[str]:
        """One line for each trouble that ingest waits for; none if the gate is open."""
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
