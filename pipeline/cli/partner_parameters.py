"""Turns the parameters of a partner's command into options and arguments of Typer."""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from inspect import Parameter as Argument
from types import NoneType
from typing import Annotated, Any, get_args, get_origin

import typer

from pipeline.destinations.control import Command, Parameter
from pipeline.operations.partner_commands import parameters_of

ASKED_FOR = (
    "If left out, you are asked for it without an echo, or it is read from standard input; so it "
    "stays out of the shell's history."
)


@dataclass(frozen=True, slots=True)
class Offered:
    """One parameter: its annotation and default for Typer, and how its value is read."""

    annotation: Any
    default: object
    read: Callable[[object], object]


def offered_parameters(by_kind: Mapping[str, Command]) -> Mapping[str, Offered]:
    """Every parameter that a partner's command of this name takes.

    A parameter that not every partner needs is optional here. Once the partner is known, a missing
    one that it needs is refused.
    """
    found = [parameters_of(command) for command in by_kind.values()]
    merged = {name: one for parameters in reversed(found) for name, one in parameters.items()}
    shared = {name for name in merged if all(name in parameters for parameters in found)}
    mixed = {name for name in merged if len(set(_kinds(found, name))) > 1}
    return {
        name: _offered(name, _as_text(one) if name in mixed else one, name in shared)
        for name, one in merged.items()
    }


def _kinds(found: Sequence[Mapping[str, Argument]], name: str) -> Iterator[Any]:
    """The types of a parameter at the partners, without the None of an optional one."""
    for parameters in found:
        if name in parameters:
            kind, _ = _parts(parameters[name].annotation)
            yield next((one for one in get_args(kind) if one is not NoneType), kind)


def _as_text(argument: Argument) -> Argument:
    """The argument with the type text: ids are numbers at one partner and not at another."""
    _, told = _parts(argument.annotation)
    unbounded = replace(told, least=None, most=None)
    return argument.replace(annotation=Annotated[str, unbounded])


def _offered(name: str, argument: Argument, is_shared: bool) -> Offered:
    kind, told = _parts(argument.annotation)
    is_list = get_origin(kind) is Sequence
    if is_list:
        kind = list[get_args(kind)[0]]  # type: ignore[misc]
    default = None if is_list else argument.default
    read = _asked if told.is_asked_for else _as_it_is
    if told.is_asked_for or (default is Argument.empty and not is_shared):
        default = None
    if default is None:
        kind = kind | None
    return Offered(Annotated[kind, _typer_info(name, told)], default, read)


def _parts(annotation: Any) -> tuple[Any, Parameter]:
    """The type of a parameter, and its description for people."""
    if get_origin(annotation) is not Annotated:
        return annotation, Parameter()
    kind, *markers = get_args(annotation)
    return kind, next((one for one in markers if isinstance(one, Parameter)), Parameter())


def _typer_info(name: str, told: Parameter) -> Any:
    help_text = ASKED_FOR if told.is_asked_for else told.help or None
    if told.is_argument:
        return typer.Argument(help=help_text, min=told.least, max=told.most)
    flag = told.flag or f"--{name.replace('_', '-')}"
    return typer.Option(flag, help=help_text, min=told.least, max=told.most)


def _as_it_is(value: object) -> object:
    return value


def _asked(value: object) -> object:
    if value is not None:
        return value
    if sys.stdin.isatty():
        return str(typer.prompt("value", hide_input=True, err=True))
    return sys.stdin.read().rstrip("\r\n")
