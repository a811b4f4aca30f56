"""How the steps of a plan for audiences are told: in a table, as JSON, and in words."""

from collections.abc import Mapping

from pipeline.destinations.amazon_ads.audiences import NewAudience
from pipeline.destinations.amazon_ads.planning import (
    Asked,
    Create,
    Difference,
    Fixed,
    Gone,
    Keep,
    Step,
    Update,
    hides_members,
    id_of,
)
from pipeline.operations.audiences.selection import Planned
from pipeline.settings.problems import dotted, shown

COLUMNS = ("audience", "destination", "connection", "audience_id", "step", "what")
NAMES: Mapping[type[Step], str] = {
    Create: "create",
    Update: "update",
    Keep: "unchanged",
    Fixed: "fixed",
    Gone: "missing",
    Asked: "unclear",
}
CONSOLE = "look for it by its name and external id in the partner's console"


def row(one: Planned) -> tuple[object, ...]:
    """A line of the table under COLUMNS."""
    key = one.placed.key
    where = (key.audience, key.destination, key.lane)
    return (*where, id_of(one.step), NAMES[type(one.step)], what(one.step))


def what(step: Step) -> str | None:
    """What changes, or what keeps it from changing."""
    match step:
        case Create(audience):
            return _made_of(audience)
        case Update(_, differences):
            said = ", ".join(map(_changed, differences))
            return f"{said} (hides members)" if hides_members(step) else said
        case Fixed(_, differences):
            return f"{', '.join(map(_changed, differences))} (never changes)"
        case Gone():
            return "the partner does not know it"
        case Asked(at):
            return f"asked for at {at}, no answer written down"
        case Keep():
            return None


def blocked(one: Planned) -> str | None:
    """Why a step is nothing for a program, and what a person does; None where it is."""
    match one.step:
        case Asked(at):
            return (
                f"it was asked for at {at} and no answer is written down, so it may be there: "
                f"{CONSOLE}; if it is there, give its audience_id at {dotted(one.placed.path)}; if "
                "it is not, remove its entry from the lock file; then apply again"
            )
        case Gone(audience_id):
            return (
                f"the partner knows no audience {audience_id}: check client_id and region; to make "
                "it anew, remove the id from the configuration or its entry from the lock file"
            )
        case Fixed(_, differences):
            return (
                f"the partner never changes {', '.join(map(_changed, differences))}: put back what "
                "it has, or make another audience"
            )
        case Create() | Update() | Keep():
            return None


def described(one: Planned) -> dict[str, object]:
    """A step for programs; ids keep all their digits."""
    key = one.placed.key
    step = one.step
    return {
        "audience": key.audience,
        "destination": key.destination,
        "connection": key.lane,
        "place": dotted(one.placed.path),
        "audience_id": id_of(step),
        "step": NAMES[type(step)],
        "creates": step.audience if isinstance(step, Create) else None,
        "differences": step.differences if isinstance(step, Update | Fixed) else (),
    }


def _made_of(audience: NewAudience) -> str:
    parts = {
        "name": audience.name,
        "external_audience_id": audience.external_audience_id,
        "description": audience.description or None,
        "ttl_seconds": audience.ttl,
        "country": audience.country_code,
    }
    return ", ".join(f"{key}: {shown(said)}" for key, said in parts.items() if said is not None)


def _changed(difference: Difference) -> str:
    standing = "nothing" if difference.standing is None else shown(difference.standing)
    return f"{difference.key}: {standing} -> {shown(difference.desired)}"
