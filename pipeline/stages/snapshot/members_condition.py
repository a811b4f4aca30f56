"""Checks again and again whether a destination's members topic is fit for snapshots."""

import asyncio
from collections.abc import Callable

import structlog

from pipeline.stages.snapshot.members_trouble import KnownMembers, MembersTrouble, emptied
from pipeline.stages.snapshot.ports import MemberBounds, MembersCheck, TopicUnreadable
from pipeline.telemetry.facts import SnapshotTelemetry

LOOK_SECONDS = 60.0
UNKNOWN_SECONDS = 5.0
"""The interval until the brokers answer for the first time."""

log = structlog.get_logger(__name__)


class MembersCondition:
    """What is wrong with the topic now. No snapshot is made before the first answer."""

    def __init__(
        self,
        *,
        destination: str,
        topic_name: str,
        topic: MemberBounds,
        check: MembersCheck,
        known: Callable[[], KnownMembers],
        telemetry: SnapshotTelemetry,
    ) -> None:
        self._destination = destination
        self._topic_name = topic_name
        self._topic = topic
        self._check = check
        self._known = known
        self._telemetry = telemetry
        self._is_known = False
        self.trouble: MembersTrouble | None = None

    @property
    def may_make(self) -> bool:
        """Whether a file made from the topic would be right."""
        return self._is_known and self.trouble is None

    @property
    def may_heal(self) -> bool:
        """Whether a pass without a file may run. With wrong settings it is needed most."""
        is_read = self.trouble is None or self.trouble.cause == "settings"
        return self._is_known and is_read

    async def follow(self) -> None:
        """Look until cancelled, so that an operator's repair is noticed without a restart."""
        while True:
            await asyncio.sleep(LOOK_SECONDS if self._is_known else UNKNOWN_SECONDS)
            await self.look()

    async def look(self) -> None:
        """Look once; where the brokers do not answer, the last result stays."""
        try:
            found = await self._find()
        except TopicUnreadable as error:
            log.warning("members not looked at", destination=self._destination, error=str(error))
            return
        self._is_known = True
        if found != self.trouble:
            self._tell(found)
        self.trouble = found
        self._telemetry.members_unfit(destination=self._destination, is_unfit=found is not None)

    async def _find(self) -> MembersTrouble | None:
        """Return the present trouble. Lost records do not come back: only an operator ends that."""
        if self.trouble is not None and self.trouble.cause == "emptied":
            return self.trouble
        found = await self._check.trouble()
        if found is not None and found.cause != "settings":
            return found
        bounds = await self._topic.bounds()
        return emptied(self._destination, self._topic_name, bounds, self._known()) or found

    def _tell(self, found: MembersTrouble | None) -> None:
        if found is None:
            log.info("snapshots go on", destination=self._destination, topic=self._topic_name)
        else:
            log.error(
                "no snapshots of destination",
                destination=self._destination,
                topic=found.topic,
                cause=found.cause,
                why=found.why,
            )
