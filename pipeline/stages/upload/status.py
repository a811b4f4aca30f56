"""The status of one lane, for operators."""

import asyncio
from collections.abc import Mapping

from pipeline.stages.upload.batching import LaneQueue
from pipeline.stages.upload.cap_use import CapUse
from pipeline.stages.upload.condition import LINE_SECONDS, LaneCondition
from pipeline.stages.upload.in_flight import InFlight
from pipeline.stages.upload.offsets import LaneOffsets
from pipeline.stages.upload.pauses import LanePauses


class LaneStatus:
    """Collects the status from the parts of a lane."""

    def __init__(
        self,
        *,
        condition: LaneCondition,
        queue: LaneQueue,
        in_flight: InFlight,
        cap_use: CapUse,
        offsets: LaneOffsets,
        pauses: LanePauses,
    ) -> None:
        self._condition = condition
        self._queue = queue
        self._in_flight = in_flight
        self._cap_use = cap_use
        self._offsets = offsets
        self._pauses = pauses

    def shown(self) -> Mapping[str, object]:
        """Return the lane's entry in /status."""
        blocked = self._condition.blocked
        return {
            "state": self._condition.state,
            "cause": None if blocked is None else blocked.cause,
            "detail": None if blocked is None else blocked.detail,
            "last_failure": self._condition.last_failure,
            "waiting_records": self._queue.count,
            "requests_in_flight": self._in_flight.sending,
            "window_records": self._cap_use.records(),
            "cap": self._cap_use.cap,
            "next_offset_to_settle": self._offsets.committable,
            "paused_audiences": self._pauses.status(),
        }

    async def summarise_always(self) -> None:
        """Write one line a minute to the log, until cancelled."""
        while True:
            await asyncio.sleep(LINE_SECONDS)
            self._condition.summarise(
                waiting=self._queue.count,
                window_records=self._cap_use.records(),
                cap=self._cap_use.cap,
            )
