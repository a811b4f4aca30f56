"""Says when a lane may make an attempt, and makes it."""

import asyncio
from collections.abc import Callable, Sequence

from pipeline.domain.send_result import Answer, Blocked
from pipeline.stages.ports import Lease, Upload
from pipeline.stages.raised import place_of
from pipeline.stages.retry import Throttle
from pipeline.stages.upload.batching import SEPARATOR_BYTES, QueuedRecord
from pipeline.stages.upload.cap_limiter import Cost


class LaneRequests:
    """Sends the requests of one lane. An error in the partner's package blocks the lane."""

    def __init__(
        self,
        *,
        lane: str,
        lease: Lease,
        partner: Upload,
        throttle: Throttle,
        overhead_bytes: int,
        clock: Callable[[], float],
    ) -> None:
        self._lane = lane
        self._lease = lease
        self._partner = partner
        self._throttle = throttle
        self._overhead_bytes = overhead_bytes
        self._clock = clock

    @property
    def may_send(self) -> bool:
        """Whether the lane is owned and not asked to be silent."""
        return self._lease.is_held and self.silence() <= 0

    async def until_may_send(self) -> None:
        while not self.may_send:
            await self._lease.wait_held()
            await asyncio.sleep(self.silence())

    async def turn(self) -> None:
        """Return when the client may make another request."""
        await self._partner.turn()

    def silence(self) -> float:
        """Return the seconds for which the partner still asks for silence."""
        return self._throttle.wait(self._lane, self._clock())

    def hush(self, seconds: float) -> None:
        """Note that the partner asked for silence."""
        self._throttle.told(self._lane, seconds, self._clock())

    def cost(self, part: Sequence[QueuedRecord]) -> Cost:
        """Return the cost of a request with these records; its body may be a few bytes smaller."""
        body = self._overhead_bytes + sum(len(one.value) + SEPARATOR_BYTES for one in part)
        return Cost(len(part), 1, body)

    async def send(self, audience: str, part: Sequence[QueuedRecord]) -> Answer:
        """Make one attempt."""
        values = [record.value for record in part]
        try:
            return await self._partner.send(audience, part[0].route, values, self._lease)
        except Exception as error:  # noqa: BLE001 - a partner's package blocks its own lane only
            return Blocked("internal", place_of(error))
