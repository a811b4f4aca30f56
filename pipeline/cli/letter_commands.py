"""`dead-letters`: lists messages that could not be delivered, with reason and origin."""

from typing import Annotated

import typer

from pipeline.cli.ending import ended
from pipeline.cli.options import AsJson, ConfigFile, Limit, SinceHours, configured, hours_ago
from pipeline.cli.showing import show_fields, show_json
from pipeline.operations.letter_list import LetterFilter, list_letters

dead_letters_app = typer.Typer(help="Messages that could not be delivered.", no_args_is_help=True)

COLUMNS = ("at", "stage", "reason", "detail", "where")


@dead_letters_app.command("list")
def letters_list(
    config: ConfigFile,
    since_hours: SinceHours = 24,
    limit: Limit = 50,
    stage: Annotated[
        str | None, typer.Option(help="Only from this stage: ingest, upload or poll.")
    ] = None,
    reason: Annotated[str | None, typer.Option(help="Only with this reason.")] = None,
    key: Annotated[
        str | None,
        typer.Option(
            help="Only messages with this key; in ingest it is upstream's, often the member's id."
        ),
    ] = None,
    show_payload: Annotated[
        bool,
        typer.Option(
            "--show-payload", help="Also show the original event: it may hold personal data."
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List the newest dead letters, oldest first, without their payload."""
    settings = configured(config)
    wanted = LetterFilter(
        since_ms=hours_ago(since_hours),
        limit=limit,
        stage=stage,
        reason=reason,
        key=None if key is None else key.encode(),
        with_payload=show_payload,
    )
    letters = ended(lambda: list_letters(settings, wanted))
    if as_json:
        show_json(letters)
        return
    columns = (*COLUMNS, "payload") if show_payload else COLUMNS
    show_fields(columns, letters, f"no dead letter in the last {since_hours:g} hours")
