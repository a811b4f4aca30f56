"""Adds the commands of the partners to the command line; each parameter becomes an option."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from inspect import Parameter as Argument
from inspect import Signature, getdoc
from pathlib import Path
from typing import Any

import typer

from pipeline.cli.asking import is_typed
from pipeline.cli.blocks import show_blocks, show_found
from pipeline.cli.ending import checked, ended, fail
from pipeline.cli.options import AsJson, ConfigFile, DestinationName, configured
from pipeline.cli.partner_parameters import Offered, offered_parameters
from pipeline.configuration.lock import lock_path
from pipeline.destinations.control import Command, Group, Question
from pipeline.operations.partner_commands import (
    accepted,
    chosen_command,
    note_told,
    question_of,
    run_command,
)

Typed = tuple[Any, object]
"""An annotation that Typer understands, and a default."""

AS_JSON: Mapping[str, Typed] = {"as_json": (AsJson, False)}
COMMON: Mapping[str, Typed] = {
    "config": (ConfigFile, Argument.empty),
    "destination_name": (DestinationName, None),
    **AS_JSON,
}


def add_partner_commands(
    app: typer.Typer,
    groups: dict[str, typer.Typer],
    commands: Mapping[tuple[str | None, str], Mapping[str, Command]],
) -> None:
    """Add `commands`: by group and name, then by the kind of the partner.

    `groups` holds the groups of commands that exist already, by name; new ones are added to it.
    """
    for (_, name), by_kind in commands.items():
        first = next(iter(by_kind.values()))
        parent = app if first.group is None else _parent(app, groups, first.group)
        parameters = offered_parameters(by_kind)
        work = partial(_run_offline, first) if first.is_offline else partial(_run, by_kind)
        common = AS_JSON if first.is_offline else COMMON
        function = _with_signature(work, parameters, common)
        function.__doc__ = getdoc(first.run)
        parent.command(name)(function)


def _parent(app: typer.Typer, groups: dict[str, typer.Typer], group: Group) -> typer.Typer:
    if group.name not in groups:
        groups[group.name] = typer.Typer(help=group.help, no_args_is_help=True)
        app.add_typer(groups[group.name], name=group.name)
    return groups[group.name]


def _with_signature(
    work: Callable[..., None], parameters: Mapping[str, Offered], common: Mapping[str, Typed]
) -> Callable[..., None]:
    """A function with a signature that Typer turns into options and arguments."""
    own = {name: (one.annotation, one.default) for name, one in parameters.items()}
    typed = {**own, **common}

    def function(**said: Any) -> None:
        given = {name: one.read(said.pop(name)) for name, one in parameters.items()}
        work(given=given, **said)

    function.__signature__ = Signature(  # type: ignore[attr-defined]
        [
            Argument(name, Argument.KEYWORD_ONLY, annotation=annotation, default=default)
            for name, (annotation, default) in typed.items()
        ]
    )
    function.__annotations__ = {name: annotation for name, (annotation, _) in typed.items()}
    return function


def _run(
    by_kind: Mapping[str, Command],
    *,
    given: Mapping[str, object],
    config: Path,
    destination_name: str | None,
    as_json: bool,
) -> None:
    settings = configured(config)
    chosen = checked(lambda: chosen_command(settings, destination_name, by_kind, given))
    question = ended(lambda: question_of(settings, chosen))
    if question is not None:
        if not _is_confirmed(question):
            fail(question.refusal)
        chosen = replace(chosen, said={**chosen.said, **question.chosen})
    found = ended(lambda: run_command(settings, chosen))
    ended(lambda: note_told(chosen, lock_path(config)))
    show_found(found, chosen.command.shown, as_json=as_json)


def _run_offline(command: Command, *, given: Mapping[str, object], as_json: bool) -> None:
    async def work() -> object:
        return await command.run(**accepted(command, command.name, given))

    show_found(ended(work), command.shown, as_json=as_json)


def _is_confirmed(question: Question) -> bool:
    show_blocks(question.shown)
    if question.warning:
        typer.echo(question.warning, err=True)
    return is_typed(question.sentence, question.purpose)
