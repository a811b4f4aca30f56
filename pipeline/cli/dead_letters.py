"""`dead-letters`: what could not be carried, with why and where from."""

import heapq
import time
from dataclasses import dataclass
from typing import Annotated

import typer

from pipeline.cli.ending import ended
from pipeline.cli.options import AsJson, ConfigFile, Limit, SinceHours, configured
from pipeline.cli.showing import moment, show_json, show_table
from pipeline.domain.names import Names
from pipeline.kafka.topic_reader import Stored
from pipeline.operations.cluster_setup import read_since

dead_letters_app = typer.Typer(help="What could not be carried.", no_args_is_help=True)

HOUR_MS = 3_600_000
COLUMNS = ("at", "stage", "reason", "detail", "where")


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One dead letter; `payload` stays empty unless it was asked for."""

    at: str | None
    stage: str
    reason: str
    detail: str
    where: str
    """topic/partition/offset of the original."""
    partition: int
    offset: int
    payload_kind: str
    """original, reference or beginning."""
    payload: str | None = None

    def __repr__(self) -> str:
        return f"<Letter at {self.where}>"


class Newest:
    """Keeps the newest letters, so many and no more, whatever the topic holds."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._kept: list[tuple[int, int, int, Letter]] = []

    def add(self, at_ms: int, letter: Letter) -> None:
        # Partition and offset are unique, so letters themselves are never compared.
        entry = (at_ms, letter.partition, letter.offset, letter)
        if len(self._kept) < self._limit:
            heapq.heappush(self._kept, entry)
        else:
            heapq.heappushpop(self._kept, entry)

    def letters(self) -> list[Letter]:
        """Oldest first."""
        return [letter for *_, letter in sorted(self._kept)]


@dead_letters_app.command("list")
def list_letters(
    config: ConfigFile,
    since_hours: SinceHours = 24,
    limit: Limit = 50,
    stage: Annotated[str | None, typer.Option(help="Only of ingest, upload or poll.")] = None,
    reason: Annotated[str | None, typer.Option(help="Only for this reason.")] = None,
    show_payload: Annotated[
        bool,
        typer.Option("--show-payload", help="The original event too: it may hold personal data."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List the newest dead letters, oldest first; without what they carry."""
    settings = configured(config)
    newest = Newest(limit)

    def take(stored: Stored) -> None:
        letter = letter_of(stored, with_payload=show_payload)
        if stage in (None, letter.stage) and reason in (None, letter.reason):
            newest.add(_at_ms(stored), letter)

    since_ms = time.time_ns() // 1_000_000 - round(since_hours * HOUR_MS)
    topic = Names(settings.kafka.namespace).dead_letters
    ended(lambda: read_since(settings.kafka, [topic], since_ms, take))
    letters = newest.letters()
    if as_json:
        show_json(letters)
        return
    columns = (*COLUMNS, "payload") if show_payload else COLUMNS
    show_table(
        columns,
        ([getattr(letter, column) for column in columns] for letter in letters),
        f"no dead letter in the last {since_hours:g} hours",
    )


def letter_of(stored: Stored, *, with_payload: bool) -> Letter:
    """A dead letter by its headers; one that lacks some is shown with what it has."""
    origin = "/".join(_text(stored, name) for name in ("topic", "partition", "offset"))
    payload = stored.value.decode(errors="replace") if stored.value is not None else None
    return Letter(
        at=moment(_at_ms(stored)),
        stage=_text(stored, "stage"),
        reason=_text(stored, "reason"),
        detail=_text(stored, "detail"),
        where=origin,
        partition=stored.partition,
        offset=stored.offset,
        payload_kind=_text(stored, "payload"),
        payload=payload if with_payload else None,
    )


def _at_ms(stored: Stored) -> int:
    text = _text(stored, "at")
    return int(text) if text.isdecimal() and len(text) <= 15 else stored.timestamp_ms


def _text(stored: Stored, name: str) -> str:
    return stored.headers.get(name, b"").decode(errors="replace")
