"""`audiences plan` and `audiences apply`: the audiences of the configuration, made true."""

import time
from collections import Counter
from collections.abc import Sequence
from typing import Annotated

import typer

from pipeline.app.supervisor import ExitCode
from pipeline.cli.audience_steps import COLUMNS, NAMES, blocked, described, row, what
from pipeline.cli.ending import ended, fail
from pipeline.cli.options import AsJson, ConfigFile, chosen, configured_with_lock
from pipeline.cli.showing import cell, moment, show_json, show_table
from pipeline.configuration.load import Configuration
from pipeline.configuration.lock import lock_path
from pipeline.destinations.amazon_ads.planning import Create, Update, hides_members
from pipeline.operations.audiences.apply import Application, Result
from pipeline.operations.audiences.lock_file import LockFile, held
from pipeline.operations.audiences.selection import Planned, is_done, planned
from pipeline.operations.partner import partners_of
from pipeline.settings.problems import dotted

OnlyDestination = Annotated[
    str | None,
    typer.Option("--destination", help="Only the audiences of this name under `destinations`."),
]


def plan_audiences(
    config: ConfigFile,
    destination_name: OnlyDestination = None,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="End with 1 unless everything is as configured.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show what `audiences apply` would do, and change nothing."""
    configuration = _configuration(config, destination_name)
    plan = _plan(configuration, destination_name)
    if as_json:
        show_json([{**described(one), "trouble": blocked(one)} for one in plan])
    else:
        _show(plan)
        for one in plan:
            _complain(one, blocked(one), "warning")
    if exit_code and not is_done(plan):
        raise typer.Exit(ExitCode.FAILED)


def apply_audiences(
    config: ConfigFile,
    destination_name: OnlyDestination = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Hide members by a shorter ttl without being asked.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make the audiences of the configuration true: create and update; remove nothing.

    The ids of new audiences are kept in a lock file beside the configuration.
    """
    with held(lock_path(config)) as lock_file:
        configuration = _configuration(config, destination_name)
        plan = _plan(configuration, destination_name)
        if not as_json:
            _show(plan)
        if not yes:
            _confirm([one for one in plan if hides_members(one.step)])
        results = _apply(configuration, plan, lock_file, is_quiet=as_json)
    if as_json:
        show_json([_result(one) for one in results])
    if any(one.trouble for one in results):
        raise typer.Exit(ExitCode.FAILED)


def _configuration(config: ConfigFile, destination_name: str | None) -> Configuration:
    configuration = configured_with_lock(config)
    if destination_name is not None:
        chosen(configuration.settings, destination_name)
    for line in configuration.identities.unused(configuration.settings):
        typer.echo(f"warning: {line}", err=True)
    return configuration


def _plan(configuration: Configuration, destination_name: str | None) -> list[Planned]:
    async def work() -> list[Planned]:
        async with partners_of(configuration.settings) as partners:
            return await planned(configuration, partners, destination_name)

    return ended(work)


def _apply(
    configuration: Configuration, plan: Sequence[Planned], lock_file: LockFile, *, is_quiet: bool
) -> list[Result]:
    async def work() -> list[Result]:
        if any(isinstance(one.step, Create) for one in plan):
            lock_file.try_out()
        async with partners_of(configuration.settings) as partners:
            application = Application(
                partners=partners,
                lock=configuration.identities.lock,
                save=lock_file.save,
                now=lambda: str(moment(time.time_ns() // 1_000_000)),
                told=_hush if is_quiet else _tell,
            )
            return await application.apply(plan)

    return ended(work)


def _confirm(hiding: Sequence[Planned]) -> None:
    if not hiding:
        return
    for one in hiding:
        typer.echo(f"{_named(one)}: {what(one.step)}", err=True)
    sentence = f"hide members of {len(hiding)} audience{'s' if len(hiding) > 1 else ''}"
    typer.echo("Members added longer ago than the new ttl are hidden, all of them by 0.", err=True)
    if typer.prompt(f'Type "{sentence}" to do it', err=True) != sentence:
        fail("that was not the sentence, so nothing was changed")


def _show(plan: Sequence[Planned]) -> None:
    show_table(COLUMNS, map(row, plan), "no audience is configured")
    counts = Counter(NAMES[type(one.step)] for one in plan)
    said = [f"{counts[name]} {name}" for name in NAMES.values() if counts[name]]
    if said:
        typer.echo(", ".join(said))


def _tell(result: Result) -> None:
    one = result.planned
    _complain(one, result.trouble, "error")
    if result.trouble is None and isinstance(one.step, Create):
        typer.echo(f"made: {_named(one)}: audience {result.audience_id}")
    if result.trouble is None and isinstance(one.step, Update):
        typer.echo(f"updated: {_named(one)}: {what(one.step)}")


def _complain(one: Planned, trouble: str | None, level: str) -> None:
    if trouble is not None:
        typer.echo(f"{level}: {dotted(one.placed.path)}: {trouble}", err=True)


def _named(one: Planned) -> str:
    key = one.placed.key
    return cell(f"{key.audience} at {key.destination}.{key.lane}")


def _result(result: Result) -> dict[str, object]:
    said = described(result.planned)
    is_done = result.trouble is None
    return {
        **said,
        "audience_id": result.audience_id,
        "is_done": is_done,
        "trouble": result.trouble,
    }


def _hush(_: Result) -> None:
    """With JSON everything is said at the end."""
