"""Finds the commands that partners offer, and runs one of them for a destination."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from inspect import Parameter as Argument
from inspect import signature
from pathlib import Path
from typing import get_args

from pipeline.configuration.model import Settings
from pipeline.destinations.control import Api, Command, Parameter, Question
from pipeline.destinations.registry import PARTNERS
from pipeline.operations.audiences.lock_file import locked, note_ttl_days
from pipeline.operations.partner_api import chosen_destination, partner_apis
from pipeline.operations.snapshots.extension import refuse_after_removes
from pipeline.operations.trouble import UsageRefused

LONGEST_NUMBER = 19
"""The number of digits of the largest number of 64 bits."""


@dataclass(frozen=True, slots=True)
class ChosenCommand:
    """A command of a destination's partner, and its arguments."""

    destination: str
    command: Command
    said: Mapping[str, object]


def offered() -> Mapping[tuple[str | None, str], Mapping[str, Command]]:
    """Every command, by its group and name, then by the kind of the partner."""
    found: dict[tuple[str | None, str], dict[str, Command]] = {}
    for kind, control in PARTNERS.items():
        for command in control.commands:
            group = None if command.group is None else command.group.name
            found.setdefault((group, command.name), {})[kind] = command
    return found


def parameters_of(command: Command) -> Mapping[str, Argument]:
    """The parameters of a command that a user can set: keyword ones, with resolved types."""
    found = signature(command.run, eval_str=True).parameters
    return {name: one for name, one in found.items() if one.kind is Argument.KEYWORD_ONLY}


def chosen_command(
    settings: Settings,
    destination: str | None,
    by_kind: Mapping[str, Command],
    given: Mapping[str, object],
) -> ChosenCommand:
    """The command of the destination's partner; None in `given` marks an omitted parameter.

    Raises:
        UsageRefused: the partner has no such command, or the parameters do not fit it.
    """
    name = chosen_destination(settings, destination)
    kind = settings.destinations[name].kind
    who = f"destination {name} ({kind})"
    if kind not in by_kind:
        raise UsageRefused(f"{who} has no such command")
    return ChosenCommand(name, by_kind[kind], accepted(by_kind[kind], who, given))


def accepted(command: Command, who: str, given: Mapping[str, object]) -> Mapping[str, object]:
    """The given parameters, with the types that the command takes.

    Raises:
        UsageRefused: the command does not take a given parameter, or needs a missing one.
    """
    known = parameters_of(command)
    said = {name: value for name, value in given.items() if value is not None}
    for name, value in said.items():
        if name not in known and value:
            taken = ", ".join(_flag(one) for one in known) or "none at all"
            raise UsageRefused(f"{who} takes no {_flag(name)}; it takes {taken}")
    for name, one in known.items():
        if one.default is Argument.empty and name not in said:
            raise UsageRefused(f"{who} needs {_flag(name)}")
    return {name: _typed(known[name], value) for name, value in said.items() if name in known}


def _typed(argument: Argument, value: object) -> object:
    """A value with the type that the command takes.

    A number may arrive as text, because the same parameter is text at another partner.

    Raises:
        UsageRefused: the value is not a number within the bounds of the parameter.
    """
    kind, *told = get_args(argument.annotation) or (argument.annotation,)
    if kind is not int or not isinstance(value, str):
        return value
    bounds = next((one for one in told if isinstance(one, Parameter)), Parameter())
    least, most = bounds.least or 0, bounds.most
    is_number = value.isascii() and value.isdigit() and len(value) <= LONGEST_NUMBER
    if not is_number or int(value) < least or (most is not None and int(value) > most):
        raise UsageRefused(f"{argument.name}: must be a whole number, {least} or more")
    return int(value)


async def question_of(settings: Settings, chosen: ChosenCommand) -> Question | None:
    """The question that a person must answer before the command runs, or None.

    Raises:
        CommandFailed, InvalidRequest, OperationFailed: the partner, or a guard of ours, refuses it.
    """
    await _refuse_what_brings_back(settings, chosen)
    if chosen.command.confirm is None:
        return None
    async with partner_apis(settings) as apis:
        return await chosen.command.confirm(*_before(settings, chosen, apis), **chosen.said)


async def run_command(settings: Settings, chosen: ChosenCommand) -> object:
    """Run the command and return its result.

    Raises:
        CommandFailed, InvalidRequest, OperationFailed: the partner, or a guard of ours, refused.
    """
    await _refuse_what_brings_back(settings, chosen)
    async with partner_apis(settings) as apis:
        return await chosen.command.run(*_before(settings, chosen, apis), **chosen.said)


async def note_told(chosen: ChosenCommand, lock: Path) -> None:
    """Record in the lock file a value that the partner accepted and never shows.

    Nothing is recorded if the lock file does not have the audience.

    Raises:
        OperationFailed, LockUnwritable: it could not be recorded; the partner has the value.
    """
    days = chosen.said.get("ttl_days")
    if chosen.command.tells_ttl_days and days is not None:
        with locked(lock) as lock_file:
            note_ttl_days(lock_file, chosen.destination, str(chosen.said["audience_id"]), days)


async def _refuse_what_brings_back(settings: Settings, chosen: ChosenCommand) -> None:
    if chosen.command.repeats_last_file:
        audience = str(chosen.said["audience_id"])
        await refuse_after_removes(settings.kafka, chosen.destination, audience)


def _before(settings: Settings, chosen: ChosenCommand, apis: Mapping[str, Api]) -> Sequence[object]:
    """The positional arguments of a command, which come before those of the user."""
    api = apis[chosen.destination]
    if chosen.command.takes_settings:
        return api, settings.destinations[chosen.destination]
    return (api,)


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"
