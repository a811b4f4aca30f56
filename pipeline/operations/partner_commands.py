"""A partner's own commands: which there are, and one of them done for one destination."""

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
"""Digits of the largest number of 64 bits."""


@dataclass(frozen=True, slots=True)
class ChosenCommand:
    """A command of the partner that is meant, and what is said to it."""

    destination: str
    command: Command
    said: Mapping[str, object]


def offered() -> Mapping[tuple[str | None, str], Mapping[str, Command]]:
    """Every command by its group and name, and by the kind of the partner that has it."""
    found: dict[tuple[str | None, str], dict[str, Command]] = {}
    for kind, control in PARTNERS.items():
        for command in control.commands:
            group = None if command.group is None else command.group.name
            found.setdefault((group, command.name), {})[kind] = command
    return found


def parameters_of(command: Command) -> Mapping[str, Argument]:
    """What a person may say of a command: its keyword parameters, annotations as types."""
    found = signature(command.run, eval_str=True).parameters
    return {name: one for name, one in found.items() if one.kind is Argument.KEYWORD_ONLY}


def chosen_command(
    settings: Settings,
    destination: str | None,
    by_kind: Mapping[str, Command],
    given: Mapping[str, object],
) -> ChosenCommand:
    """The command of the destination's partner; None in `given` stands for what was left out.

    Raises:
        UsageRefused: the partner has no such command, or not with these parameters.
    """
    name = chosen_destination(settings, destination)
    kind = settings.destinations[name].kind
    who = f"destination {name} ({kind})"
    if kind not in by_kind:
        raise UsageRefused(f"{who} has no such command")
    return ChosenCommand(name, by_kind[kind], accepted(by_kind[kind], who, given))


def accepted(command: Command, who: str, given: Mapping[str, object]) -> Mapping[str, object]:
    """What of it the command takes.

    Raises:
        UsageRefused: it does not take one that was said, or needs another.
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
    """A value as the command takes it; text where another partner's command takes text there.

    Raises:
        UsageRefused: it is no number within the bounds of the parameter.
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
    """What a person must confirm first, if anything.

    Raises:
        CommandFailed, InvalidRequest, OperationFailed: the partner, or a guard of ours, refuses it.
    """
    await _refuse_what_brings_back(settings, chosen)
    if chosen.command.confirm is None:
        return None
    async with partner_apis(settings) as apis:
        return await chosen.command.confirm(*_before(settings, chosen, apis), **chosen.said)


async def run_command(settings: Settings, chosen: ChosenCommand) -> object:
    """What the command returns.

    Raises:
        CommandFailed, InvalidRequest, OperationFailed: the partner, or a guard of ours, refused.
    """
    await _refuse_what_brings_back(settings, chosen)
    async with partner_apis(settings) as apis:
        return await chosen.command.run(*_before(settings, chosen, apis), **chosen.said)


async def note_told(chosen: ChosenCommand, lock: Path) -> None:
    """Note in the lock file what the partner was told and does not show, if it has the audience.

    Raises:
        OperationFailed, LockUnwritable: it could not be noted; the partner was told all the same.
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
    """What a command takes before what was said to it."""
    api = apis[chosen.destination]
    if chosen.command.takes_settings:
        return api, settings.destinations[chosen.destination]
    return (api,)


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"
