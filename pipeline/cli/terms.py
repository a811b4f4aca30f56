"""`terms`: the AMC terms of a region, shown and accepted."""

import html
import re
from typing import Annotated

import typer

from pipeline.cli.ending import fail
from pipeline.cli.options import AsJson, ConfigFile, DestinationName
from pipeline.cli.showing import cell, show_facts, show_json
from pipeline.destinations.amazon_ads.terms import (
    Terms,
    compose_acceptance,
    compose_terms,
    interpret_acceptance,
    interpret_terms,
)
from pipeline.operations.partner import Destination, destination

terms_app = typer.Typer(help="The AMC terms, which uploads to AMC need.", no_args_is_help=True)

BLOCK_END = re.compile(r"</(?:p|div|li|tr|h[1-6]|ul|ol)>|<br\s*/?>", re.IGNORECASE)
TAG = re.compile(r"<[^>]*>")


@terms_app.command("show")
def show_terms(
    config: ConfigFile, destination_name: DestinationName = None, as_json: AsJson = False
) -> None:
    """Show the terms, and whether the person who granted access has accepted them."""
    terms = _terms(destination(config, destination_name))
    if as_json:
        show_json(terms)
        return
    _show_text(terms)
    show_facts({"has_accepted": terms.has_accepted, "agreement_token": terms.agreement_token})


@terms_app.command("accept")
def accept_terms(
    config: ConfigFile,
    agreement_token: Annotated[
        str | None,
        typer.Option(help="Of the text that was read (`terms show`); asks for nothing then."),
    ] = None,
    destination_name: DestinationName = None,
) -> None:
    """Accept the terms, for the person who granted access and for the region."""
    where = destination(config, destination_name)
    terms = _terms(where)
    if terms.has_accepted:
        typer.echo(f"the terms are accepted already for {where.name}")
        return
    token = agreement_token or _agreed(terms)
    where.ask(lambda partner: partner.learn(compose_acceptance(token), interpret_acceptance))
    typer.echo(f"terms accepted for {where.name}")


def plain(content: str) -> list[str]:
    """The lines of an HTML text, without its tags.

    >>> plain("<h1>Terms</h1><p>Do &amp; don't.</p>")
    ['Terms', "Do & don't."]
    """
    text = html.unescape(TAG.sub("", BLOCK_END.sub("\n", content)))
    return [cell(line) for line in text.splitlines() if line.strip()]


def _terms(where: Destination) -> Terms:
    return where.ask(lambda partner: partner.learn(compose_terms(), interpret_terms))


def _agreed(terms: Terms) -> str:
    _show_text(terms)
    if typer.prompt('Type "accept" to accept these terms', err=True) != "accept":
        fail("the terms were not accepted")
    if not terms.agreement_token:
        fail("the partner shows no agreement token; accept the terms in the AMC console")
    return terms.agreement_token


def _show_text(terms: Terms) -> None:
    for line in plain(terms.agreement_content or ""):
        typer.echo(line)
