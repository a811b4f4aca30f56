"""The command groups, under the names that operators type."""

import typer

from pipeline.cli.audience_plan import apply_audiences, plan_audiences
from pipeline.cli.audiences import audiences_app
from pipeline.cli.connections import connections_app
from pipeline.cli.dead_letters import dead_letters_app
from pipeline.cli.directory import (
    accounts_app,
    advertisers_app,
    instances_app,
    profiles_app,
)
from pipeline.cli.jobs import jobs_app
from pipeline.cli.lanes import lanes_app
from pipeline.cli.ledger import ledger
from pipeline.cli.normalize import normalize
from pipeline.cli.terms import terms_app


def add_to(app: typer.Typer) -> None:
    """Make them part of the command."""
    app.add_typer(terms_app, name="terms")
    app.add_typer(accounts_app, name="accounts")
    app.add_typer(instances_app, name="instances")
    app.add_typer(profiles_app, name="profiles")
    app.add_typer(advertisers_app, name="advertisers")
    app.add_typer(connections_app, name="connections")
    audiences_app.command("plan")(plan_audiences)
    audiences_app.command("apply")(apply_audiences)
    app.add_typer(audiences_app, name="audiences")
    app.add_typer(jobs_app, name="jobs")
    app.add_typer(lanes_app, name="lanes")
    app.add_typer(dead_letters_app, name="dead-letters")
    app.command("ledger")(ledger)
    app.command("normalize")(normalize)
