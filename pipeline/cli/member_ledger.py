"""`ledger --member`: what became of each change of one member, and nothing else about anybody."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import typer

from pipeline.app.supervisor import ExitCode
from pipeline.cli.ending import ended, fail
from pipeline.cli.showing import moment, show_json, show_table
from pipeline.configuration.model import Settings
from pipeline.configuration.routing import RouteSettings, routes
from pipeline.destinations.registry import PARTNERS
from pipeline.domain.names import Names
from pipeline.operations.cluster_setup import reader
from pipeline.operations.ledger.member_changes import ChangeEnd
from pipeline.operations.ledger.member_reading import read_member
from pipeline.operations.ledger.reading import LedgerTopics
from pipeline.settings.problems import suggestion

COLUMNS = ("lane", "offset", "changed_at", "end", "detail")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeLine:
    """One change as it is shown."""

    lane: str
    offset: int
    changed_at: str | None
    end: str
    detail: str


def tell_member(settings: Settings, member: str, audience: str, *, as_json: bool) -> None:
    """Print the member's changes; leaves the program with 1 if one of them is lost."""
    known = routes(settings)
    if audience not in known:
        fail(
            f"--audience: no audience {audience!r}; {suggestion(audience, sorted(known))}",
            ExitCode.USAGE,
        )
    lines = ended(lambda: _read(settings, member, known[audience]))
    if as_json:
        show_json(lines)
    else:
        rows = ([getattr(line, column) for column in COLUMNS] for line in lines)
        show_table(COLUMNS, rows, "no change of this member stands in a lane")
    if any(line.end == "lost" for line in lines):
        raise typer.Exit(ExitCode.FAILED)


def ledger_topics(names: Names, lanes: Mapping[str, str]) -> LedgerTopics:
    """What the ledger reads, of these lanes."""
    return LedgerTopics(
        lanes=lanes,
        jobs=names.jobs,
        outcomes=names.outcomes,
        dead_letters=names.dead_letters,
        upload_group=names.group("upload"),
        poll_group=names.group("poll"),
    )


async def _read(
    settings: Settings, member: str, requested: Sequence[RouteSettings]
) -> Sequence[ChangeLine]:
    lines: list[ChangeLine] = []
    async with reader(settings.kafka) as open_reader:
        for route in requested:
            lane = route.lane
            topics = ledger_topics(Names(settings.kafka.namespace), {lane.name: lane.topic})
            key = f"{route.audience_id}|{_sent_id(settings, lane.destination, member)}".encode()
            changes = await read_member(open_reader, topics, lane.name, key)
            lines += [_line(lane.name, change) for change in changes]
    return lines


def _sent_id(settings: Settings, destination: str, member: str) -> str:
    found = settings.destinations[destination]
    return PARTNERS[found.kind].member_id(found, member)


def _line(lane: str, change: ChangeEnd) -> ChangeLine:
    return ChangeLine(
        lane=lane,
        offset=change.offset,
        changed_at=moment(change.changed_at_ms),
        end=change.end,
        detail=change.detail,
    )
