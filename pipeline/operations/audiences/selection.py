"""The audiences of the configuration as the partners have them, and what is to be done."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from pipeline.configuration.load import Configuration
from pipeline.configuration.lock import AudienceLock
from pipeline.configuration.model import Settings
from pipeline.configuration.targets import PlacedTarget, placed_targets
from pipeline.destinations.control import (
    Api,
    ControlPlane,
    Difference,
    Step,
)
from pipeline.operations.partner_api import control_of, refusal
from pipeline.operations.trouble import OperationFailed
from pipeline.settings.problems import dotted, shown

CONSOLE = "look for it by its name and external id in the partner's console"


@dataclass(frozen=True, slots=True)
class Planned:
    """One step for one target."""

    placed: PlacedTarget
    step: Step


@dataclass(frozen=True, slots=True)
class PartnerEnd:
    """One destination's control plane, and the API that it asks."""

    api: Api
    control: ControlPlane[object]


def partner_ends(settings: Settings, apis: Mapping[str, Api]) -> Mapping[str, PartnerEnd]:
    """The partner's end of every destination whose partner has a control plane."""
    return {
        name: PartnerEnd(apis[name], control)
        for name in settings.destinations
        if (control := control_of(settings, name)) is not None
    }


def left_out(settings: Settings, destination: str | None) -> Sequence[str]:
    """The destinations, or the one that is meant, whose audiences nobody can plan from here."""
    return [
        name
        for name in settings.destinations
        if destination in (None, name) and control_of(settings, name) is None
    ]


async def plan_audiences(
    configuration: Configuration, ends: Mapping[str, PartnerEnd], destination: str | None
) -> Sequence[Planned]:
    """A step at least for each target, in the order of the file; nothing is changed.

    Targets of a destination without an end (`left_out`) have none.

    Raises:
        OperationFailed: a partner does not say how an audience stands.
        InvalidRequest: a partner would refuse what the configuration says.
    """
    lock = configuration.identities.lock
    plan: list[Planned] = []
    for placed in placed_targets(configuration.settings.audiences):
        end = ends.get(placed.key.destination)
        if end is not None and destination in (None, placed.key.destination):
            found = await _steps(placed, lock, end)
            plan += (Planned(placed, step) for step in found)
    return plan


def is_done(plan: Iterable[Planned]) -> bool:
    """Whether the partners have everything as the configuration says."""
    return all(one.step.what == "keep" for one in plan)


def obstacle(one: Planned) -> str | None:
    """Why a step is nothing for a program, and what a person does; None where it is."""
    step = one.step
    match step.what:
        case "in_doubt":
            return (
                f"it was asked for at {step.asked_at} and no answer is written down, so it may be "
                f"there: {CONSOLE}; if it is there, give its "
                f"{one.placed.target.id_key} at {dotted(one.placed.path)}; if it is not, "
                "remove its entry from the lock file; then apply again"
            )
        case "gone":
            return (
                f"the partner knows no audience {step.audience_id}: check client_id and region; to "
                "make it anew, remove the id from the configuration or its entry from the lock file"
            )
        case "fixed":
            return (
                f"the partner never changes {differences_of(step)}: put back what it has, or make "
                "another audience"
            )
        case "create" | "update" | "keep":
            return None


def differences_of(step: Step) -> str:
    """What differs, in words."""
    return ", ".join(map(_changed, step.differences))


async def _steps(placed: PlacedTarget, lock: AudienceLock, end: PartnerEnd) -> Sequence[Step]:
    audience_id = placed.target.audience()
    entry = lock.entry(placed.key) if audience_id is None else None
    if entry is not None and entry.operation is None:
        return [Step(what="in_doubt", asked_at=entry.asked_at)]
    found = await end.control.plan(end.api, placed.target, audience_id, placed.key.audience)
    if isinstance(found, Sequence):
        return [replace(step, operation=entry.operation) for step in found] if entry else found
    raise OperationFailed(refusal(placed.key.destination, found))


def _changed(difference: Difference) -> str:
    standing = "nothing" if difference.standing is None else shown(difference.standing)
    return f"{difference.key}: {standing} -> {shown(difference.desired)}"
