"""Sends one batch, from its first payment until each of its records is settled."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import ClassVar, Protocol

from pipeline.domain.send_result import (
    Accepted,
    Answer,
    Applied,
    Blocked,
    InDoubt,
    NotSent,
    NotThePartner,
    Refused,
    Throttled,
    TooLarge,
)
from pipeline.stages.retry import Backoff
from pipeline.stages.upload.batching import Batch, QueuedRecord, weight
from pipeline.stages.upload.bisector import Bisector
from pipeline.stages.upload.cap_limiter import Cost, Reservation
from pipeline.stages.upload.delivery_states import (
    Effect,
    Event,
    MaySend,
    NothingLeft,
    Paid,
    PartTaken,
    PauseOver,
    State,
    Step,
    Trials,
    decide,
)
from pipeline.stages.upload.outcomes import LaneOutcomes
from pipeline.stages.upload.requests import LaneRequests


class Slots(Protocol):
    """The lane's in-flight table, as its deliveries see it."""

    def moved(self) -> None:
        """Note that the delivery changed its state."""

    def may_step_aside(self) -> bool:
        """Whether one more delivery may give its slot away, before it is known if others pass."""

    async def take_slot(self) -> None:
        """Return when the delivery has a slot again."""


class Delivery:
    """Sends one batch, attempt after attempt, for as long as it takes.

    `delivery_states.py` has the states and the steps between them. This class waits for the events
    of each state and carries out each effect. A delivery has a request on its way only in the
    state `sending`; in any other state it may be cancelled safely.
    """

    def __init__(
        self,
        *,
        batch: Batch,
        bisector: Bisector,
        requests: LaneRequests,
        reservation: Reservation,
        outcomes: LaneOutcomes,
        slots: Slots,
        backoff: Backoff,
        chance: Callable[[], float],
        shrink: Callable[[int], None],
        block: Callable[[Blocked], None],
    ) -> None:
        self.audience = batch.audience
        self._bisector = bisector
        self._requests = requests
        self._reservation = reservation
        self._outcomes = outcomes
        self._slots = slots
        self._backoff = backoff
        self._chance = chance
        self._shrink = shrink
        self._block = block
        self._part: Sequence[QueuedRecord] = ()
        self._cost = Cost(0)
        self._trials = Trials(is_probe=batch.reason == "probe")
        self._throttled = 0
        self.was_in_doubt = False
        """Whether any attempt had no answer."""
        self._accepted_before: int | None = None
        self._stopping = False
        self.state: State = "waiting"
        self._left = {record.offset: record for record in batch.records}
        self.bytes = weight(batch.records)
        """Memory of the records that are not settled."""
        self.is_aside = False
        """Whether the delivery has given its slot to others until its next attempt."""

    async def run(self) -> None:
        """Send until every record is settled, the lane is blocked, or `stop` is called."""
        await self._take_next_part()
        while self.state not in ("done", "blocked") and not self._stopping:
            event = await self._event()
            await self._follow(decide(self.state, event, self._known()), event)

    def stop(self) -> None:
        """Make no further attempt: the lane is blocked, or the audience refused."""
        self._stopping = True

    @property
    def left(self) -> Sequence[QueuedRecord]:
        """The records that are not settled."""
        return list(self._left.values())

    @property
    def is_sending(self) -> bool:
        """Whether a request is on its way, or its answer is not durable yet."""
        return self.state == "sending"

    # The event that each state waits for

    async def _event(self) -> Event:
        match self.state:
            case "waiting":
                await self._requests.until_may_send()
                return MaySend()
            case "paying":
                await self._reservation.fill(self._cost)
                await self._requests.turn()
                return Paid(self._requests.may_send)
            case "sending":
                return await self._attempt()
            case _:
                await self._pause()
                return PauseOver()

    async def _attempt(self) -> Answer:
        try:
            return await self._requests.send(self.audience, self._part)
        except asyncio.CancelledError:
            self._use(None)
            self._doubt(None)
            raise

    async def _pause(self) -> None:
        failing = self._bisector.failing
        failures = self._trials.failures + self._trials.foreign
        await asyncio.sleep(self._delay(failing.failures_alone if failing else failures))
        if self.is_aside:
            await self._slots.take_slot()
            self.is_aside = False

    # The step that follows an event

    async def _follow(self, step: Step, event: Event) -> None:
        for effect in step.effects:
            match effect:
                case "settle":
                    await self._settle(event)
                case "give_up":
                    await self._give_up()
                case "block":
                    self._block(self._blocked_by(event))
                case "next":
                    await self._take_next_part()
                    return
                case _:
                    self._EFFECTS[effect](self, event)
        self._enter(step.state)

    def _enter(self, state: State) -> None:
        self.state = state
        self.is_aside = state == "repeating" and self._may_step_aside()
        self._slots.moved()

    async def _take_next_part(self) -> None:
        part = self._bisector.take()
        event: Event = NothingLeft(self._bisector.is_hopeless)
        if part is not None:
            failed_before = self._bisector.failing is not None
            self._part, self._throttled = part, 0
            self._cost = self._requests.cost(part)
            self._trials = Trials(failed_before=failed_before, is_probe=self._trials.is_probe)
            event = PartTaken(failed_before)
        await self._follow(decide("waiting", event, self._trials), event)

    def _known(self) -> Trials:
        return replace(self._trials, trusts_untracked=self._outcomes.tally.trusts_untracked)

    # The effects

    def _use(self, _: Event | None) -> None:
        self._reservation.use(self._cost)
        self._outcomes.counted(self._cost)

    def _doubt(self, _: Event | None) -> None:
        self.was_in_doubt = True
        self._outcomes.in_doubt()

    def _refuse(self, event: Event | None) -> None:
        assert isinstance(event, Refused | TooLarge)
        self._answered_unpaid()
        self._bisector.refused(self._part, event)

    def _hush(self, event: Event | None) -> None:
        assert isinstance(event, Throttled | InDoubt)
        if isinstance(event, Throttled):
            self._answered_unpaid()
        self._throttled += 1
        # A wait of zero (a date in the past: a clock may be wrong) must not cause a retry at once.
        self._requests.hush(event.wait or self._delay(self._throttled))

    def _note(self, event: Event | None) -> None:
        if self._accepted_before is None:
            self._accepted_before = self._outcomes.tally.accepted
        status = event.status if isinstance(event, InDoubt) else None
        self._outcomes.failed(_detail(event), status, is_first=self._is_first)
        if isinstance(event, NotSent | InDoubt):
            self._trials = replace(self._trials, failures=self._trials.failures + 1)
            return
        self._trials = replace(self._trials, foreign=self._trials.foreign + 1)
        if isinstance(event, Accepted):
            self._outcomes.tally.was_answered(with_job=False)

    async def _settle(self, event: Event) -> None:
        assert isinstance(event, Accepted | Applied)
        self._bisector.accepted()
        if not self._stopping:
            self._outcomes.takes(self.audience)
        await self._outcomes.taken(self.audience, self._part, event, is_first=self._is_first)
        self._release(self._part)

    async def _give_up(self) -> None:
        poison = self._bisector.poison
        if poison:
            await self._outcomes.given_up(self.audience, poison)
            self._release([one.record for one in poison])

    def _answered_unpaid(self) -> None:
        """Count the request and its bytes: a partner does not count records that it refuses."""
        counted = self._cost._replace(records=0)
        self._reservation.use(counted)
        self._outcomes.counted(counted)

    def _release(self, records: Sequence[QueuedRecord]) -> None:
        self._outcomes.released(self.audience, records, was_in_doubt=self.was_in_doubt)
        self.bytes -= weight(records)
        for record in records:
            del self._left[record.offset]

    def _blocked_by(self, event: Event) -> Blocked:
        if isinstance(event, Blocked):
            return event
        if isinstance(event, NothingLeft):
            last = self._bisector.poison[-1]
            return Blocked(
                "mostly_refused", f"audience {self.audience}: {last.said or last.detail}"
            )
        return Blocked("not_the_partner", _detail(event))

    @property
    def _is_first(self) -> bool:
        trials = self._trials
        return not (trials.failures or trials.foreign or trials.failed_before)

    def _may_step_aside(self) -> bool:
        if not self._trials.failed_before:
            return False
        others_pass = self._outcomes.tally.accepted > (self._accepted_before or 0)
        return others_pass or self._slots.may_step_aside()

    def _delay(self, failures: int) -> float:
        return self._backoff.delay(max(1, failures), self._chance())

    # On the class: bound methods in an instance would keep the batch until a full collection.
    _EFFECTS: ClassVar[Mapping[Effect, Callable[["Delivery", Event | None], None]]] = {
        "use": _use,
        "doubt": _doubt,
        "refuse": _refuse,
        "shrink": lambda self, _: self._shrink(self._cost.bytes),
        "set_back": lambda self, event: self._bisector.failed(self._part, _detail(event)),
        "hush": _hush,
        "note": _note,
    }


def _detail(event: Event | None) -> str:
    match event:
        case NotSent(detail) | NotThePartner(detail) | InDoubt(detail):
            return detail
        case Accepted():
            return "something accepts the records and names no job for them"
        case _:
            return ""
