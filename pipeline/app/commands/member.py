"""`ledger --member`: what became of each change of one member, and nothing else about anybody."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import typer

from pipeline.adapters.kafka.ledger import LedgerTopics
from pipeline.adapters.kafka.member import read_member
from pipeline.app.cluster import reader
from pipeline.app.commands.ending import ended, fail
from pipeline.app.commands.showing import moment, show_json, show_table
from pipeline.app.names import Names
from pipeline.app.settings.errors import suggestion
from pipeline.app.settings.lanes import RouteSettings, routes
from pipeline.app.settings.model import Settings
from pipeline.app.supervisor import ExitCode
from pipeline.core.ledger.member import ChangeEnd
from pipeline.destinations.amazon_ads.records import hashed_id

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
    settings: Settings, member: str, wanted: Sequence[RouteSettings]
) -> Sequence[ChangeLine]:
    lines: list[ChangeLine] = []
    async with reader(settings.kafka) as open_reader:
        for route in wanted:
            lane = route.lane
            topics = ledger_topics(Names(settings.kafka.namespace), {lane.name: lane.topic})
            key = f"{route.audience_id}|{_sent_id(settings, lane.destination, member)}".encode()
            changes = await read_member(open_reader, topics, lane.name, key)
            lines += [_line(lane.name, change) for change in changes]
    return lines


def _sent_id(settings: Settings, destination: str, member: str) -> str:
    is_hashed = settings.destinations[destination].external_user_id == "sha256"
    return hashed_id(member) if is_hashed else member


def _line(lane: str, change: ChangeEnd) -> ChangeLine:
    return ChangeLine(
        lane=lane,
        offset=change.offset,
        changed_at=moment(change.changed_at_ms),
        end=change.end,
        detail=change.detail,
    )
