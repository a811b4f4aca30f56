"""`normalize`: how one value gets its hash, step by step."""

import sys
from typing import Annotated

import typer

from pipeline.app.supervisor import ExitCode
from pipeline.cli.ending import fail
from pipeline.cli.options import AsJson
from pipeline.cli.showing import show_facts, show_json
from pipeline.destinations.amazon_ads.explain import Explanation, UnknownField, explained


def normalize(
    field: Annotated[str, typer.Argument(help="email, phone, first_name, city, …")],
    value: Annotated[
        str | None,
        typer.Argument(
            help="Left out: asked for without an echo, or read from standard input, so that it "
            "need not stand in a shell's history."
        ),
    ] = None,
    country: Annotated[str | None, typer.Option(help="The member's, two letters.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show how a value is normalised and hashed for Amazon Ads."""
    given = _asked_for() if value is None else value
    try:
        explanation = explained(field, given, country)
    except UnknownField as error:
        fail(str(error), ExitCode.USAGE)
    if as_json:
        show_json(_as_json(explanation))
        return
    show_facts(
        {step: after or "(nothing is left)" for step, after in explanation.steps}
        | {explanation.name: explanation.sha256 or f"left out: {explanation.omitted_because}"}
    )


def _asked_for() -> str:
    if sys.stdin.isatty():
        return str(typer.prompt("value", hide_input=True, err=True))
    return sys.stdin.read().rstrip("\r\n")


def _as_json(explanation: Explanation) -> dict[str, object]:
    return {
        "name": explanation.name,
        "country": explanation.country,
        "steps": [{"step": step, "value": after} for step, after in explanation.steps],
        "sha256": explanation.sha256,
        "omitted_because": explanation.omitted_because,
    }
