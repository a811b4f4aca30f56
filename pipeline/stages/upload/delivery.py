"""One batch, from payment until each of its records has an answer."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from pipeline.domain.send_result import (
    Accepted,
    Answer,
    Blocked,
    InDoubt,
    NotSent,
    NotThePartner,
    Refused,
    Throttled,
    TooLarge,
)
from pipeline.stages.ports import Ownership, Upload
from pipeline.stages.retry import Backoff
from pipeline.stages.upload.batching import Batch, QueuedRecord
from pipeline.stages.upload.bisector import Bad, Bisector
from pipeline.stages.upload.cap_limiter import Reservation
from pipeline.stages.upload.poison_body import Tally, is_poison_body


class Lane(Protocol):
    """What a delivery needs of the lane it belongs to."""

    @property
    def tally(self) -> Tally:
        """How its requests went, to tell a bad body from a bad partner."""

    @property
    def refused_in_a_row(self) -> int:
        """Records refused since it last had anything accepted."""

    def partner_errors(self) -> None:
        """The partner answered with an error of its own."""

    async def may_send(self) -> None:
        """Return when the lane is owned and not asked to be silent."""

    def throttled(self, wait: float) -> None: ...

    def in_doubt(self) -> None: ...

    def counted(self, records: int) -> None:
        """The partner counted, or may have counted, so many records."""

    def shrink(self, body_bytes: int) -> None:
        """The partner takes no body of this size."""

    async def accepted(
        self, audience: str, part: Sequence[QueuedRecord], job_id: str | None
    ) -> None:
        """Write the job down, then settle."""

    async def refused(self, bad: Sequence[Bad]) -> None:
        """Write the dead letters down, then settle."""


@dataclass(slots=True, kw_only=True)
class Delivery:
    """Hands one batch over, attempt after attempt, for as long as it takes.

    A batch in which something is refused is searched for the bad records; the rest is delivered.
    Tokens of refused attempts serve the next ones. While `is_waiting`, nothing of it is on its
    way, and it may be cancelled without leaving a request without an answer.
    """

    batch: Batch
    lane: Lane
    upload: Upload
    ownership: Ownership
    reservation: Reservation
    backoff: Backoff
    chance: Callable[[], float]
    moved: Callable[[], None]
    """Called whenever `is_waiting` changes."""
    is_doubted: bool = False
    """The lane was stopped for refusals, and asks whether they were the records' fault."""
    is_waiting: bool = True
    is_done: bool = False
    was_in_doubt: bool = False
    stopping: bool = False

    async def run(self) -> Blocked | None:
        """Until every record has its end (`is_done`), or with the reason why the lane must stop."""
        bisector = Bisector(self.batch, is_doubted=self.is_doubted)
        while part := bisector.take(in_a_row=self.lane.refused_in_a_row):
            answer = await self._answered(part)
            if answer is None or isinstance(answer, Blocked):
                return answer
            if isinstance(answer, Accepted):
                bisector.accepted()
                await self.lane.accepted(self.batch.audience, part, answer.job_id)
                continue
            bisector.refused(part, answer)
            if isinstance(answer, TooLarge):
                self._shrink(part)
        if bisector.is_hopeless:
            return Blocked("mostly_refused", bisector.bad[-1].detail)
        if bisector.bad:
            await self.lane.refused(bisector.bad)
        self.is_done = True
        return None

    async def _answered(
        self, part: Sequence[QueuedRecord]
    ) -> Accepted | Refused | TooLarge | Blocked | None:
        """Repeat the same body until the partner decides; None when the lane is being stopped."""
        failures = 0
        partner_errors = 0
        before = self.lane.tally
        while not self.stopping:
            answer = await self._attempt(part)
            match answer:
                case Throttled(wait):
                    failures += 1
                    # No time to come (a date gone by: its clock may be wrong) is no time at all.
                    self.lane.throttled(wait or self._pause(failures))
                case NotThePartner():
                    failures += 1
                    self.lane.partner_errors()
                    await self._wait(asyncio.sleep(self._pause(failures)))
                case NotSent():
                    failures += 1
                    await self._wait(asyncio.sleep(self._pause(failures)))
                case InDoubt(detail, by_partner, wait):
                    failures += 1
                    if by_partner:
                        partner_errors += 1
                        self.lane.partner_errors()
                        if is_poison_body(len(part), partner_errors, before, self.lane.tally):
                            return Refused(detail)
                    await self._wait(asyncio.sleep(max(self._pause(failures), wait or 0.0)))
                case _:
                    return answer
        return None

    async def _attempt(self, part: Sequence[QueuedRecord]) -> Answer:
        await self._wait(self.reservation.hold(len(part)))
        await self._wait(self.lane.may_send())
        try:
            answer = await self.upload.send(
                self.batch.audience,
                part[0].route,
                [record.value for record in part],
                self.ownership,
            )
        except asyncio.CancelledError:
            self._in_doubt(part)
            raise
        match answer:
            case Accepted():
                self.reservation.use(len(part))
                self.lane.counted(len(part))
            case InDoubt() | NotThePartner():
                self._in_doubt(part)
            case _:
                pass
        return answer

    async def _wait(self, wait: Awaitable[None]) -> None:
        self._show_waiting(waiting=True)
        try:
            await wait
        finally:
            self._show_waiting(waiting=False)

    def _show_waiting(self, *, waiting: bool) -> None:
        self.is_waiting = waiting
        self.moved()

    def _in_doubt(self, part: Sequence[QueuedRecord]) -> None:
        self.reservation.use(len(part))
        self.was_in_doubt = True
        self.lane.counted(len(part))
        self.lane.in_doubt()

    def _shrink(self, part: Sequence[QueuedRecord]) -> None:
        overhead = self.upload.overhead_bytes(self.batch.audience)
        self.lane.shrink(overhead + sum(len(record.value) + 1 for record in part))

    def _pause(self, failures: int) -> float:
        return self.backoff.delay(failures, self.chance())
