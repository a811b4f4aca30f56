"""Compares the configured audiences with those at the partners, and plans the steps."""

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
    """The control plane of one destination, and the API that it calls."""

    api: Api
    control: ControlPlane[object]


def partner_ends(settings: Settings, apis: Mapping[str, Api]) -> Mapping[str, PartnerEnd]:
    """A `PartnerEnd` for every destination whose partner has a control plane."""
    return {
        name: PartnerEnd(apis[name], control)
        for name in settings.destinations
        if (control := control_of(settings, name)) is not None
    }


def left_out(settings: Settings, destination: str | None) -> Sequence[str]:
    """The destinations whose partner has no control plane, among all or only the given one."""
    return [
        name
        for name in settings.destinations
        if destination in (None, name) and control_of(settings, name) is None
    ]


async def plan_audiences(
    configuration: Configuration, ends: Mapping[str, PartnerEnd], destination: str | None
) -> Sequence[Planned]:
    """One step or more for each target, in the order of the file; changes nothing.

    Targets without a control plane (`left_out`) have no steps.

    Raises:
        OperationFailed: a partner does not tell the state of an audience.
        InvalidRequest: a partner would refuse a value of the configuration.
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
    """Whether every audience at the partners is as configured."""
    return all(one.step.what == "keep" for one in plan)


def obstacle(one: Planned) -> str | None:
    """Why a person must do this step, and how; None if the program can do it."""
    step = one.step
    match step.what:
        case "in_doubt":
            return (
                f"it was requested at {step.asked_at}, but no answer is recorded, so it may "
                f"exist: {CONSOLE}; if it exists, set its "
                f"{one.placed.target.id_key} at {dotted(one.placed.path)}; if not, "
                "remove its entry from the lock file; then apply again"
            )
        case "gone":
            return (
                f"the partner knows no audience {step.audience_id}: check client_id and region; to "
                "create a new one, remove the id from the configuration or from the lock file"
            )
        case "fixed":
            return (
                f"the partner never changes {differences_of(step)}: restore the partner's value "
                "in the configuration, or create another audience"
            )
        case "create" | "update" | "keep":
            return None


def differences_of(step: Step) -> str:
    """The differences as a text for messages."""
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
