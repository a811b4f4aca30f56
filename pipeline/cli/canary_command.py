"""`canary`: tests on a live account whether members who are missing from a file leave."""

from typing import Annotated

import typer

from pipeline.app.exit_code import ExitCode
from pipeline.cli.ending import ended, fail
from pipeline.cli.options import AsJson, ConfigFile, configured
from pipeline.cli.showing import cell, show_json
from pipeline.operations.snapshots.canary import NAME, CanaryStep, first_canary, second_canary


def canary(
    config: ConfigFile,
    second: Annotated[
        str | None,
        typer.Option(help="Second call: the audience id that the first call printed."),
    ] = None,
    destination: Annotated[
        str | None, typer.Option("--destination", help="A name under `destinations`.")
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Agree: this writes to the partner and uses one run.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Test on a live account whether a member who is missing from the next file leaves.

    The first call makes an audience and ingests a file with two invented people. The second call
    (--second) ingests a file with one of them. After each call, look up the number of profiles at
    the partner. Each call uses one run of the day; a running pipeline does not count it.
    """
    if not yes:
        fail(
            f"this makes an audience ({NAME!r}) at the partner, or ingests a file into it, and "
            "uses one run of the day; say --yes",
            ExitCode.USAGE,
        )
    settings = configured(config)
    if second is None:
        step = ended(lambda: first_canary(settings, destination, _tell))
    else:
        step = ended(lambda: second_canary(settings, destination, second, _tell))
    if as_json:
        show_json(step)
        return
    for line in _next(step, is_second=second is not None):
        typer.echo(cell(line))


def _next(step: CanaryStep, *, is_second: bool) -> list[str]:
    seen = f"after {step.look_after}, look at audience {step.audience_id} at the partner"
    if is_second:
        return [
            f"a file with 1 of the 2 people was ingested at {step.ingested_at}",
            f"{seen}: with 1 profile, absence from a file means exit",
            "with 2 profiles it does not: removed members stay, so do not use this destination",
            "then delete the audience at the partner",
        ]
    return [
        f"a file with 2 people was ingested at {step.ingested_at}",
        f"{seen}: it must have 2 profiles before you go on",
        f"then: audience-pipeline canary --second {step.audience_id} --yes",
    ]


def _tell(line: str) -> None:
    typer.echo(cell(line), err=True)
