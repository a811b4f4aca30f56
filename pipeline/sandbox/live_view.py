"""Shows a run: a live picture on a terminal, otherwise a line from time to time."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from pipeline.sandbox.adobe_reconciliation import Ingested
from pipeline.sandbox.readings import LaneReading
from pipeline.sandbox.reconciliation import LaneCounts
from pipeline.sandbox.scene import Scene

LINE_EVERY_SECONDS = 5.0
BAR_WIDTH = 32
CAP_BAR_WIDTH = 20
SHORT_NAME = 8
STATE_STYLES = {
    "running": "green",
    "taking_over": "cyan",
    "throttled": "yellow",
    "blocked": "bold red",
}


class View(Protocol):
    """Shows the moments of a run."""

    def show(self, scene: Scene) -> None: ...


@contextmanager
def view_on(console: Console) -> Iterator[View]:
    """A picture if the console is a terminal, otherwise lines."""
    if not console.is_terminal:
        yield _Lines(console)
        return
    with Live(console=console, auto_refresh=False, transient=True) as live:
        yield _Picture(live)


class _Picture:
    def __init__(self, live: Live) -> None:
        self._live = live

    def show(self, scene: Scene) -> None:
        self._live.update(picture(scene), refresh=True)


class _Lines:
    def __init__(self, console: Console) -> None:
        self._console = console
        self._said_at = -LINE_EVERY_SECONDS

    def show(self, scene: Scene) -> None:
        if scene.seconds >= self._said_at + LINE_EVERY_SECONDS:
            self._said_at = scene.seconds
            self._console.print(line(scene), highlight=False, soft_wrap=True)


def line(scene: Scene) -> str:
    """One moment as one line."""
    total = sum(scene.expected.values())
    parts = [
        f"{scene.seconds:5.0f} s  {scene.phase}",
        f"{scene.consumed:,}/{scene.options.events:,} events consumed",
        f"records {scene.delivered:,}/{total:,} delivered, {scene.ended:,} ended",
    ]
    if scene.reading is not None:
        parts.append(f"{scene.reading.told.pending_jobs:,} jobs pending")
    if scene.ingested is not None:
        held = scene.ingested
        parts.append(f"Adobe {held.members:,}/{scene.to_ingest:,} members, {_runs(scene, held)}")
    parts.append(f"{sum(scene.faults.values()):,} faults")
    return ", ".join(parts)


def picture(scene: Scene) -> RenderableType:
    """One moment as a panel."""
    options = scene.options
    title = Text.assemble(
        ("audience-pipeline sandbox", "bold"),
        f" · seed {options.seed} · {options.faults} faults"
        f" · fewer than {options.cap.records:,} records in any {options.cap.window:g} s",
    )
    parts: list[RenderableType] = [_progress(scene), Text(), _lanes(scene), Text(), _counts(scene)]
    return Panel(
        Group(*parts),
        title=title,
        title_align="left",
        subtitle=Text(f"{scene.phase} · {scene.seconds:.0f} s", style="dim"),
        subtitle_align="right",
        padding=(1, 2),
    )


def _progress(scene: Scene) -> Table:
    records = sum(scene.expected.values())
    events = scene.options.events
    grid = Table.grid(padding=(0, 2))
    for justify in ("left", "left", "right", "right"):
        grid.add_column(justify=justify)
    rows = [
        ("upstream writes", scene.written, events, "events", ""),
        ("ingest", scene.consumed, events, "events", f"{scene.events_a_second:,.0f}/s"),
        ("upload", scene.delivered, records, "records", f"{scene.records_a_second:,.0f}/s"),
        ("poll", scene.ended, records, "records", ""),
    ]
    if scene.ingested is not None:
        held = scene.ingested
        rows.append(("snapshots", held.members, scene.to_ingest, "members", _runs(scene, held)))
    for name, done, whole, unit, speed in rows:
        bar = ProgressBar(total=max(1, whole), completed=min(done, whole), width=BAR_WIDTH)
        grid.add_row(Text(name, style="bold"), bar, f"{done:,} of {whole:,} {unit}", speed)
    return grid


def _runs(scene: Scene, held: Ingested) -> str:
    """The number of runs; before the first one, what it waits for."""
    if held.runs["SUCCESS"]:
        return f"{held.runs['SUCCESS']:,} runs"
    if scene.consumed < scene.options.events:
        return "first files wait for ingest"
    return "first runs begin"


def _lanes(scene: Scene) -> RenderableType:
    if scene.reading is None or not scene.reading.lanes:
        return Text("the pipeline is starting …", style="dim")
    table = Table(box=None, padding=(0, 2), pad_edge=False, header_style="dim")
    for name in ("connection", "state"):
        table.add_column(name)
    table.add_column("waiting", justify="right")
    table.add_column("window against the cap")
    for name in ("", "accepted", "jobs pending"):
        table.add_column(name, justify="right")
    for lane in scene.reading.lanes:
        counts = scene.reading.told.lanes.get(lane.connection, LaneCounts())
        table.add_row(*_lane(lane, counts, scene.options.cap.records))
    return table


def _lane(lane: LaneReading, counts: LaneCounts, cap: int) -> list[RenderableType]:
    used = min(lane.window_records, cap)
    state = lane.state if lane.cause is None else f"{lane.state}: {lane.cause}"
    return [
        f"{lane.connection[:SHORT_NAME]}…",
        Text(state, style=STATE_STYLES.get(lane.state, "")),
        f"{max(0, counts.prepared - counts.superseded - counts.accepted):,}",
        ProgressBar(total=cap, completed=used, width=CAP_BAR_WIDTH, finished_style="bold red"),
        f"{100 * lane.window_records / cap:.0f} %",
        f"{counts.accepted:,}",
        f"{lane.jobs_pending:,}",
    ]


def _counts(scene: Scene) -> RenderableType:
    if scene.reading is None:
        return Text()
    told = scene.reading.told
    total = told.total()
    facts = {
        "jobs ended": scene.reading.jobs_ended,
        "applied": total.applied,
        "superseded": total.superseded,
        "invalid": total.invalid,
        "withheld": sum(told.withheld.values()),
        "dead letters": sum(told.letters.values()),
    }
    return Group(_facts(facts, ""), _facts(scene.faults, "faults so far: ", none="none"))


def _facts(facts: Mapping[str, int], before: str, none: str = "") -> Text:
    text = Text(before, style="dim")
    if not facts:
        return text.append(none)
    for place, (name, count) in enumerate(facts.items()):
        text.append(" · " if place else "", style="dim")
        text.append(f"{name.replace('_', ' ')} ", style="dim")
        text.append(f"{count:,}", style="bold")
    return text
