"""Writes the steps of a plan for audiences: as a table, as JSON, and in words."""

from collections.abc import Mapping

from pipeline.destinations.control import Step, StepKind
from pipeline.operations.audiences.selection import Planned, differences_of
from pipeline.settings.problems import dotted, shown

COLUMNS = ("audience", "destination", "connection", "audience_id", "step", "what")
NAMES: Mapping[StepKind, str] = {
    "create": "create",
    "update": "update",
    "keep": "unchanged",
    "fixed": "fixed",
    "gone": "missing",
    "in_doubt": "unclear",
}


def row(one: Planned) -> tuple[object, ...]:
    """One line of the table: a cell for each of COLUMNS."""
    key = one.placed.key
    where = (key.audience, key.destination, key.lane)
    return (*where, one.step.audience_id, NAMES[one.step.what], what(one.step))


def what(step: Step) -> str | None:
    """What the step changes, or why it changes nothing."""
    match step.what:
        case "create":
            keys = {} if step.creates is None else step.creates.keys
            return ", ".join(f"{key}: {shown(said)}" for key, said in keys.items())
        case "update":
            said = differences_of(step)
            return f"{said} (hides members)" if step.hides_members else said
        case "fixed":
            return f"{differences_of(step)} (never changes)"
        case "gone":
            return "the partner does not know it"
        case "in_doubt":
            return f"requested at {step.asked_at}, no answer recorded"
        case "keep":
            return None


def described(one: Planned) -> dict[str, object]:
    """A step as JSON fields; ids keep all their digits."""
    key = one.placed.key
    step = one.step
    return {
        "audience": key.audience,
        "destination": key.destination,
        "connection": key.lane,
        "place": dotted(one.placed.path),
        "audience_id": as_written(step.audience_id),
        "step": NAMES[step.what],
        "creates": None if step.creates is None else step.creates.request,
        "differences": step.differences,
    }


def as_written(audience_id: str | None) -> int | str | None:
    """The id as the configuration writes it: a number where the partner's ids are numbers."""
    return int(audience_id) if audience_id is not None and audience_id.isdecimal() else audience_id
