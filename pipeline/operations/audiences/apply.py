"""Does what was planned for the audiences, each creation written down before and after."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from pipeline.cli.audience_steps import CONSOLE, blocked
from pipeline.cli.ending import CommandTrouble
from pipeline.configuration.lock import AudienceLock, LockEntry
from pipeline.configuration.targets import PlacedTarget
from pipeline.destinations.amazon_ads.audiences import NewAudience, compose_create, interpret_create
from pipeline.destinations.amazon_ads.planning import (
    Asked,
    Create,
    Fixed,
    Gone,
    Keep,
    Update,
    id_of,
)
from pipeline.destinations.amazon_ads.replies import Declined
from pipeline.operations.audiences.lock_file import LockUnwritable
from pipeline.operations.audiences.selection import Planned, updated
from pipeline.operations.partner import InDoubt, Partner, Unheard
from pipeline.settings.problems import dotted


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one step."""

    planned: Planned
    audience_id: int | None
    trouble: str | None = None
    """Why the audience is not as the configuration says, and the remedy."""


@dataclass(slots=True, kw_only=True)
class Application:
    """One `audiences apply` at work; the lock is always saved before anybody relies on it."""

    partners: Mapping[str, Partner]
    lock: AudienceLock
    save: Callable[[AudienceLock], None]
    now: Callable[[], str]
    told: Callable[[Result], None]
    """Hears of every step as soon as it has ended."""
    results: list[Result] = field(default_factory=list)

    async def apply(self, plan: Iterable[Planned]) -> list[Result]:
        """Every step, done or with its trouble; one audience's trouble is its own.

        Where the partner no longer answers or the lock cannot be written, the rest is not tried.
        """
        obstacle: str | None = None
        for one in plan:
            if obstacle is not None and isinstance(one.step, Create | Update):
                self._tell(Result(one, id_of(one.step), f"not tried: {obstacle}"))
                continue
            try:
                self._tell(await self._step(one))
            except (LockUnwritable, InDoubt) as trouble:
                self._tell(Result(one, id_of(one.step), str(trouble)))
                obstacle = "what came before it was cut short; apply again"
            except CommandTrouble as trouble:
                self._tell(Result(one, id_of(one.step), str(trouble)))
        return self.results

    def _tell(self, result: Result) -> None:
        self.results.append(result)
        self.told(result)

    async def _step(self, one: Planned) -> Result:
        match one.step:
            case Create(audience):
                partner = self.partners[one.placed.key.destination]
                return Result(one, await self._created(partner, one.placed, audience))
            case Update(audience_id):
                partner = self.partners[one.placed.key.destination]
                await updated(partner, audience_id, one.step.request())
                return Result(one, audience_id)
            case Keep(audience_id):
                return Result(one, audience_id)
            case Fixed() | Gone() | Asked():
                return Result(one, id_of(one.step), blocked(one))

    async def _created(self, partner: Partner, placed: PlacedTarget, new: NewAudience) -> int:
        """The id of the audience, which is in the lock by then."""
        asked = _entry(placed, new, self.now())
        # Written first: a crash between the request and its answer must not make a second one.
        self._save(self.lock.with_entry(asked))
        try:
            made = await partner.ask(compose_create(new), interpret_create)
        except Unheard as trouble:
            raise Unheard(f"{trouble}; {CONSOLE}") from None
        except CommandTrouble:
            self._save(self.lock.without(placed.key))
            raise
        if isinstance(made, Declined):
            raise self._declined(partner.trouble(made), made.status, placed)
        self._note(asked.model_copy(update={"audience_id": made.audience_id}), placed)
        return made.audience_id

    def _declined(self, trouble: CommandTrouble, status: int, placed: PlacedTarget) -> Exception:
        if 400 <= status < 500 and status != 408:
            self._save(self.lock.without(placed.key))
            return trouble
        return CommandTrouble(f"{trouble}; it may have been made all the same: {CONSOLE}")

    def _note(self, made: LockEntry, placed: PlacedTarget) -> None:
        try:
            self._save(self.lock.with_entry(made))
        except LockUnwritable as trouble:
            raise LockUnwritable(
                f"made as {made.audience_id}, which is written down nowhere else; give it as "
                f"audience_id at {dotted(placed.path)}; {trouble}"
            ) from None

    def _save(self, lock: AudienceLock) -> None:
        self.save(lock)
        self.lock = lock


def _entry(placed: PlacedTarget, new: NewAudience, asked_at: str) -> LockEntry:
    return LockEntry(
        audience=placed.key.audience,
        destination=placed.key.destination,
        connection_id=new.connection_id,
        advertiser_id=new.advertiser_id,
        external_audience_id=new.external_audience_id,
        name=new.name,
        asked_at=asked_at,
    )
