"""Executes a plan for audiences; each creation is recorded in the lock file before and after."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from pipeline.configuration.lock import AudienceLock, LockEntry
from pipeline.configuration.targets import PlacedTarget
from pipeline.destinations.control import (
    Creation,
    Declined,
    InProgress,
    Made,
    Step,
    Unanswered,
)
from pipeline.domain.send_result import Blocked, InDoubt, NotSent
from pipeline.operations.audiences.lock_file import LockUnwritable
from pipeline.operations.audiences.selection import (
    CONSOLE,
    PartnerEnd,
    Planned,
    obstacle,
)
from pipeline.operations.partner_api import refusal
from pipeline.settings.problems import dotted

CUT_SHORT = "an earlier step ended the command; apply again"


@dataclass(frozen=True, slots=True)
class Result:
    """The result of one step."""

    planned: Planned
    audience_id: str | None
    trouble: str | None = None
    """Why the step failed, and the remedy; None if it succeeded."""
    ends_all: bool = False
    """Whether no further step is tried: it would fail too, or could not be recorded."""


@dataclass(slots=True, kw_only=True)
class Application:
    """Runs one `audiences apply`; an id is used only once the lock file has it."""

    ends: Mapping[str, PartnerEnd]
    lock: AudienceLock
    save: Callable[[AudienceLock], None]
    now: Callable[[], str]
    told: Callable[[Result], None]
    """Called with the result of every step as soon as the step has ended."""
    results: list[Result] = field(default_factory=list)

    async def apply(self, plan: Iterable[Planned]) -> list[Result]:
        """Execute every step and return the results; a failed audience does not stop the others.

        If a partner no longer answers or the lock cannot be written, the rest is not tried.
        """
        is_cut_short = False
        for one in plan:
            if is_cut_short and one.step.what in ("create", "update"):
                result = Result(one, one.step.audience_id, f"not tried: {CUT_SHORT}")
            else:
                result = await self._step(one)
            is_cut_short = is_cut_short or result.ends_all
            self.results.append(result)
            self.told(result)
        return self.results

    async def _step(self, one: Planned) -> Result:
        step = one.step
        try:
            match step.what:
                case "create":
                    assert step.creates is not None
                    return await self._created(one, step.creates)
                case "update":
                    return await self._updated(one)
                case "keep" | "fixed" | "gone" | "in_doubt":
                    return Result(one, step.audience_id, obstacle(one))
        except LockUnwritable as trouble:
            return Result(one, step.audience_id, str(trouble), ends_all=True)

    async def _updated(self, one: Planned) -> Result:
        said = await self._applied(one.placed, one.step)
        if isinstance(said, Made):
            return Result(one, said.audience_id)
        if isinstance(said, InProgress):
            return Result(one, one.step.audience_id, f"{said.detail}; apply again in a while")
        trouble = refusal(one.placed.key.destination, said)
        return Result(one, one.step.audience_id, trouble, _ends_all(said))

    async def _created(self, one: Planned, creates: Creation) -> Result:
        """Create an audience; its id is in the lock file before this returns it."""
        placed, step = one.placed, one.step
        asked = None if step.operation is None else self.lock.entry(placed.key)
        if asked is None:
            asked = _entry(placed, creates, self.now())
            # Recorded first: after a crash between the request and its answer, the next apply must
            # not create a second audience.
            self._save(self.lock.with_entry(asked))
        said = await self._applied(placed, step)
        if isinstance(said, InProgress) and asked.operation is None:
            asked = asked.model_copy(update={"operation": said.operation})
            self._save(self.lock.with_entry(asked))
            said = await self._applied(placed, replace(step, operation=said.operation))
        match said:
            case Made(audience_id):
                self._note(asked.made(audience_id), placed)
                return Result(one, audience_id)
            case InProgress(_, detail):
                return Result(one, None, f"{detail}; apply again in a while")
            case _:
                return self._not_made(one, said, asked)

    def _not_made(self, one: Planned, said: Unanswered, asked: LockEntry) -> Result:
        key = one.placed.key
        trouble = refusal(key.destination, said)
        if not _may_be_made(said, asked):
            self._save(self.lock.without(key))
        elif asked.operation is not None:
            trouble = f"{trouble}; the partner may still be making it: apply again"
        elif isinstance(said, Declined):
            trouble = f"{trouble}; it may have been made nevertheless: {CONSOLE}"
        else:
            trouble = f"{trouble}; {CONSOLE}"
        return Result(one, None, trouble, _ends_all(said))

    async def _applied(self, placed: PlacedTarget, step: Step) -> Made | InProgress | Unanswered:
        end = self.ends[placed.key.destination]
        return await end.control.apply(end.api, step)

    def _note(self, made: LockEntry, placed: PlacedTarget) -> None:
        try:
            self._save(self.lock.with_entry(made))
        except LockUnwritable as trouble:
            raise LockUnwritable(
                f"made as {made.audience_id}, but this id is not recorded; set it as "
                f"{placed.target.id_key} at {dotted(placed.path)}; {trouble}"
            ) from None

    def _save(self, lock: AudienceLock) -> None:
        self.save(lock)
        self.lock = lock


def _may_be_made(said: Unanswered, asked: LockEntry) -> bool:
    if isinstance(said, Declined) and said.made_nothing:
        return False
    if asked.operation is not None:
        # Only a question got no answer here; the partner had accepted the creation long before.
        return True
    match said:
        case Declined(status):
            return not 400 <= status < 500 or status == 408
        case InDoubt():
            return True
        case NotSent() | Blocked():
            return False


def _ends_all(said: Unanswered) -> bool:
    """Whether the next request would get no answer either."""
    return isinstance(said, NotSent | InDoubt)


def _entry(placed: PlacedTarget, creates: Creation, asked_at: str) -> LockEntry:
    keys = placed.target.lane_keys()
    is_known = bool(keys) and keys.keys() <= {"connection_id", "advertiser_id"}
    return LockEntry.model_validate(
        {
            "audience": placed.key.audience,
            "destination": placed.key.destination,
            **(keys if is_known else {"lane": placed.key.lane}),
            "external_audience_id": creates.external_id,
            "name": creates.name,
            "ttl_days": placed.target.unshown_ttl_days(),
            "asked_at": asked_at,
        }
    )
