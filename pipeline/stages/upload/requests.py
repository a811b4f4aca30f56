"""One attempt of one lane: when it may be made, and what came of it."""

import asyncio
from collections.abc import Callable, Sequence

from pipeline.domain.send_result import Answer, Blocked
from pipeline.stages.ports import Lease, Upload
from pipeline.stages.raised import place_of
from pipeline.stages.retry import Throttle
from pipeline.stages.upload.batching import SEPARATOR_BYTES, QueuedRecord
from pipeline.stages.upload.cap_limiter import Cost


class LaneRequests:
    """The way from a lane to its partner. The partner's package is not trusted not to raise."""

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
        """Seconds for which the partner asked for silence."""
        return self._throttle.wait(self._lane, self._clock())

    def hush(self, seconds: float) -> None:
        """The partner asked for silence."""
        self._throttle.told(self._lane, seconds, self._clock())

    def cost(self, part: Sequence[QueuedRecord]) -> Cost:
        """What a request with these records counts for; its body may be a few bytes smaller."""
        body = self._overhead_bytes + sum(len(one.value) + SEPARATOR_BYTES for one in part)
        return Cost(len(part), 1, body)

    async def send(self, audience: str, part: Sequence[QueuedRecord]) -> Answer:
        """One attempt."""
        values = [record.value for record in part]
        try:
            return await self._partner.send(audience, part[0].route, values, self._lease)
        except Exception as error:  # noqa: BLE001 - whatever a partner's package raises is its lane's
            return Blocked("internal", place_of(error))
