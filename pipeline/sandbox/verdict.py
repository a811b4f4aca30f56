"""The end of a run: the ledger, the partner's side, and whether they agree."""

from collections.abc import Iterator, Mapping, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipeline.operations.ledger.statement import Equation
from pipeline.sandbox.adobe_reconciliation import Ingested
from pipeline.sandbox.expectation import Expectation
from pipeline.sandbox.live_view import SHORT_NAME
from pipeline.sandbox.reconciliation import Held, Told


def show(
    console: Console,
    expected: Expectation,
    held: Held,
    told: Told,
    differences: Sequence[str],
    ingested: Ingested | None = None,
) -> None:
    """Print the tables, and the verdict in one line or one for each difference."""
    console.print()
    console.print(_ledger(told))
    for equation in _equations(told):
        console.print(equation, highlight=False, soft_wrap=True)
    console.print()
    console.print(_reasons(expected, told))
    console.print()
    console.print(_windows(held))
    console.print()
    if ingested is not None:
        console.print(_snapshots(expected, ingested))
        console.print()
    for difference in differences:
        # Text, and not markup: a difference may quote brackets.
        console.print(Text.assemble(("differs  ", "bold red"), difference), soft_wrap=True)
    if differences:
        console.print(f"[bold red]not reconciled[/]: {len(differences)} differences")
        return
    members = sum(len(each) for each in expected.membership.values())
    console.print(
        f"[bold green]reconciled[/]: {members:,} memberships compared one by one"
        f"{_invalid(held, told)}{_at_adobe(ingested)}; "
        "every record has its end, and no window reached the cap",
        highlight=False,
        soft_wrap=True,
    )


def _invalid(held: Held, told: Told) -> str:
    """The number of members whose last change is invalid, and of invalid records."""
    members, records = len(held.last_invalid), told.total().invalid
    if not members:
        return ""
    return (
        f" (of {members:,} of them the last change is one of the {records:,} invalid records, "
        "which have dead letters)"
    )


def _at_adobe(ingested: Ingested | None) -> str:
    if ingested is None:
        return ""
    return f", and {ingested.members:,} members of Adobe's audiences"


def _snapshots(expected: Expectation, ingested: Ingested) -> Table:
    table = Table(title="Adobe, by files", title_justify="left", box=None, padding=(0, 2))
    table.add_column("", style="dim")
    table.add_column("", justify="right", style="bold")
    runs = ingested.runs
    for name, said in (
        ("audiences", f"{len(ingested.files):,}"),
        ("members implied", f"{expected.snapshots.members:,}"),
        ("members ingested", f"{ingested.members:,}"),
        ("runs that ended well", f"{runs['SUCCESS']:,}"),
        ("runs that failed", f"{runs['FAILED']:,}"),
    ):
        table.add_row(name, said)
    return table


def _ledger(told: Told) -> Table:
    table = Table(title="Every record has an end", title_justify="left", box=None, padding=(0, 2))
    table.add_column("records", style="dim")
    lanes = sorted(told.lanes)
    for connection in lanes:
        table.add_column(f"{connection[:SHORT_NAME]}…", justify="right")
    table.add_column("together", justify="right", style="bold")
    total = told.total()
    for name in ("prepared", "superseded", "accepted", "applied", "invalid", "failed", "unknown"):
        counts = [getattr(told.lanes[connection], name) for connection in lanes]
        table.add_row(name, *(f"{count:,}" for count in counts), f"{getattr(total, name):,}")
    return table


def _equations(told: Told) -> Iterator[str]:
    """The two equations of the ledger, in numbers."""
    total = told.total()
    letters = told.letters_of("upload")
    ends = {name: getattr(total, name) for name in ("applied", "invalid", "failed", "unknown")}
    for equation in (
        Equation(
            "prepared",
            total.prepared,
            {
                "superseded": total.superseded,
                "dead-lettered": letters,
                "accepted": total.accepted,
            },
        ),
        Equation("accepted", total.accepted, ends),
    ):
        mark = "[yellow]≠[/]" if equation.difference else "[green]✓[/]"
        yield f"  {mark} {equation}"


def _reasons(expected: Expectation, told: Told) -> Table:
    """A table of changes that ingest did not prepare, and of invalid records, by reason."""
    table = Table(title="Not sent, and why", title_justify="left", box=None, padding=(0, 2))
    table.add_column("", style="dim")
    table.add_column("implied", justify="right")
    table.add_column("counted", justify="right", style="bold")
    table.add_row("events", f"{expected.events:,}", f"{told.consumed:,}")
    groups: Sequence[tuple[str, Mapping[str, int], Mapping[str, int]]] = (
        ("ignored", dict(expected.ignored.items()), told.ignored),
        ("withheld", dict(expected.withheld.items()), told.withheld),
        ("dead letter", dict(expected.rejected.items()), told.rejected),
    )
    for group, wanted, found in groups:
        for name in sorted({*wanted, *found}):
            reason = f"{group}: {name.replace('_', ' ')}"
            table.add_row(reason, f"{wanted.get(name, 0):,}", f"{found.get(name, 0):,}")
    return table


def _windows(held: Held) -> Table:
    table = Table(title="The fullest window", title_justify="left", box=None, padding=(0, 2))
    table.add_column("connection", style="dim")
    table.add_column("records", justify="right", style="bold")
    table.add_column("of fewer than", justify="right")
    table.add_column("", justify="right")
    for connection, largest in sorted(held.largest_windows.items()):
        share = f"{100 * largest / held.cap:.1f} %"
        table.add_row(f"{connection[:SHORT_NAME]}…", f"{largest:,}", f"{held.cap:,}", share)
    return table
