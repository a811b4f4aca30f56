"""`audiences plan` and `audiences apply`: bring the partner's audiences to the configuration."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from pipeline.app.exit_code import ExitCode
from pipeline.cli.asking import is_typed
from pipeline.cli.audience_steps import COLUMNS, NAMES, as_written, described, row, what
from pipeline.cli.ending import checked, ended, fail
from pipeline.cli.options import AsJson, ConfigFile, configured_with_lock
from pipeline.cli.showing import cell, show_json, show_table
from pipeline.configuration.load import Configuration
from pipeline.configuration.lock import lock_path
from pipeline.operations.audiences.apply import Result
from pipeline.operations.audiences.lock_file import locked
from pipeline.operations.audiences.reconciling import apply_plan, plan_configured
from pipeline.operations.audiences.selection import Planned, is_done, left_out, obstacle
from pipeline.settings.problems import dotted

WITHOUT_CONTROL = (
    "this program cannot list or change this partner's audiences, so they are left out; "
    "manage them at the partner"
)

OnlyDestination = Annotated[
    str | None,
    typer.Option("--destination", help="Only the audiences of this name under `destinations`."),
]


def audiences_plan(
    config: ConfigFile,
    destination_name: OnlyDestination = None,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="Exit with 1 unless all is as configured.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show what `audiences apply` would do, and change nothing."""
    configuration = _configuration(config, destination_name)
    plan = ended(lambda: plan_configured(configuration, destination_name))
    if as_json:
        show_json([{**described(one), "trouble": obstacle(one)} for one in plan])
    else:
        _show(plan)
        for one in plan:
            _complain(one, obstacle(one), "warning")
    if exit_code and not is_done(plan):
        raise typer.Exit(ExitCode.FAILED)


def audiences_apply(
    config: ConfigFile,
    destination_name: OnlyDestination = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Do not ask before a shorter ttl hides members.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Create and update the partner's audiences as the configuration says; remove nothing.

    The ids of new audiences are written to a lock file beside the configuration.
    """
    results = checked(lambda: _apply(config, destination_name, yes=yes, as_json=as_json))
    if as_json:
        show_json([_result(one) for one in results])
    if any(one.trouble for one in results):
        raise typer.Exit(ExitCode.FAILED)


def _apply(
    config: Path, destination_name: str | None, *, yes: bool, as_json: bool
) -> Sequence[Result]:
    with locked(lock_path(config)) as lock_file:
        if lock_file.warning is not None:
            typer.echo(f"warning: {lock_file.warning}", err=True)
        configuration = _configuration(config, destination_name)
        plan = ended(lambda: plan_configured(configuration, destination_name))
        if not as_json:
            _show(plan)
        if not yes:
            _confirm([one for one in plan if one.step.hides_members])
        told = _hush if as_json else _tell
        return ended(lambda: apply_plan(configuration, plan, lock_file, told))


def _configuration(config: Path, destination: str | None) -> Configuration:
    configuration = configured_with_lock(config)
    for name in left_out(configuration.settings, destination):
        typer.echo(f"warning: destinations.{name}: {WITHOUT_CONTROL}", err=True)
    for line in configuration.identities.unused(configuration.settings):
        typer.echo(f"warning: {line}", err=True)
    return configuration


def _confirm(hiding: Sequence[Planned]) -> None:
    if not hiding:
        return
    for one in hiding:
        typer.echo(f"{_named(one)}: {what(one.step)}", err=True)
    sentence = f"hide members of {len(hiding)} audience{'s' if len(hiding) > 1 else ''}"
    typer.echo("Members older than the new ttl will be hidden; a ttl of 0 hides all.", err=True)
    if not is_typed(sentence):
        fail("the sentence does not match, so nothing was changed")


def _show(plan: Sequence[Planned]) -> None:
    show_table(COLUMNS, map(row, plan), "there is no audience to plan")
    counts = Counter(NAMES[one.step.what] for one in plan)
    said = [f"{counts[name]} {name}" for name in NAMES.values() if counts[name]]
    if said:
        typer.echo(", ".join(said))


def _tell(result: Result) -> None:
    one = result.planned
    _complain(one, result.trouble, "error")
    if result.trouble is None and one.step.what == "create":
        typer.echo(f"made: {_named(one)}: audience {result.audience_id}")
    if result.trouble is None and one.step.what == "update":
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
        "audience_id": as_written(result.audience_id),
        "is_done": is_done,
        "trouble": result.trouble,
    }


def _hush(_: Result) -> None:
    """Say nothing: with JSON one document follows at the end."""
