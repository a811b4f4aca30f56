"""`lanes`: what waits for whom; an audience paused and resumed; a lane that is over, retired."""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from aiokafka import errors as kafka_errors
from aiokafka.admin import AIOKafkaAdminClient

from pipeline.app.supervisor import ExitCode
from pipeline.cli.ending import CommandTrouble, ended, fail
from pipeline.cli.options import AsJson, ConfigFile, chosen, configured
from pipeline.cli.showing import cell, moment, show_json, show_table
from pipeline.configuration.model import Settings
from pipeline.configuration.routing import lanes
from pipeline.domain.names import Names
from pipeline.kafka.cluster import admin_client
from pipeline.kafka.lane_positions import LaneTopicFacts
from pipeline.kafka.topics import Topics
from pipeline.operations.cluster_setup import client_options
from pipeline.operations.lane_topics import facts_of, lane_topics
from pipeline.operations.pauses import (
    Controls,
    Place,
    meant,
    places,
    read_controls,
    request_pauses,
)
from pipeline.settings.problems import suggestion

lanes_app = typer.Typer(
    help="Lanes: what waits in them, and audiences that are kept back.", no_args_is_help=True
)
COLUMNS = ("lane", "configured", "waiting", "oldest_waiting", "committed", "end", "clean", "paused")
RETIRE_SECONDS_MS = 30_000

Destination = Annotated[
    str | None, typer.Option("--destination", help="Only there: a name under `destinations`.")
]
Audience = Annotated[
    str, typer.Argument(help="Its name in upstream events, or its id at the partner.")
]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptLine:
    """One audience that is kept back, or is not done with what was."""

    audience_id: str
    audiences: tuple[str, ...]
    state: str
    """pausing: no owner of the lane has taken note yet; paused; resuming."""
    since: int | None
    """The offset from which on its records are still to be sent; None: not known."""

    def __str__(self) -> str:
        since = "" if self.since is None else f" since {self.since}"
        return f"{self.audience_id} {self.state}{since}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneLine:
    """One lane, as programs are shown it; a table shows the same."""

    lane: str
    configured: bool
    waiting: int
    """Offsets from the committed one to the end: markers of transactions count, too."""
    oldest_waiting: str | None
    committed: int | None
    end: int
    clean: bool | None
    """The last owner left with an answer to all that it sent; false while one is at work."""
    paused: tuple[KeptLine, ...]


@lanes_app.command("list")
def list_lanes(config: ConfigFile, as_json: AsJson = False) -> None:
    """List every lane, those that left the configuration too, with what waits in it.

    `waiting` counts offsets after the committed one: markers of transactions count, and what is
    kept back of paused audiences does not.
    """
    settings = configured(config)
    lines = ended(lambda: _lines(settings))
    if as_json:
        show_json(lines)
        return
    show_table(
        COLUMNS,
        ([getattr(line, column) for column in COLUMNS] for line in lines),
        "no lane has a topic yet: the first run makes them",
    )


@lanes_app.command("pause")
def pause(audience: Audience, config: ConfigFile, destination: Destination = None) -> None:
    """Keep an audience's records in Kafka until it is resumed; the others of its lanes go on."""
    settings = _with(config, destination)
    ended(lambda: _turn(settings, audience, destination, is_paused=True))


@lanes_app.command("resume")
def resume(audience: Audience, config: ConfigFile, destination: Destination = None) -> None:
    """Send what was kept of an audience, in its order, and then go on with it."""
    settings = _with(config, destination)
    ended(lambda: _turn(settings, audience, destination, is_paused=False))


@lanes_app.command("retire")
def retire(
    lane: Annotated[
        str, typer.Argument(help="<destination>.<connection>, as `lanes list` has it.")
    ],
    config: ConfigFile,
    yes: Annotated[bool, typer.Option("--yes", help="Do it without asking.")] = False,
) -> None:
    """Delete the topic of a lane that left the configuration, with whatever waits in it."""
    settings = configured(config)
    if lane in {one.name for one in lanes(settings)}:
        fail(f"lane {lane} is in the configuration: remove what goes to it first", ExitCode.USAGE)
    facts = ended(lambda: _left(settings, lane))
    typer.echo(f"{facts.waiting} records wait in lane {lane}; they will not be sent.", err=True)
    sentence = f"retire {lane}"
    if not yes and typer.prompt(f'Type "{sentence}" to do it', err=True) != sentence:
        fail("that was not the sentence, so nothing was removed")
    ended(lambda: _retire(settings, lane))
    typer.echo(f"lane {cell(lane)} retired: its topic {cell(facts.topic)} is deleted")


def _with(config: Path, destination: str | None) -> Settings:
    settings = configured(config)
    if destination is not None:
        chosen(settings, destination)
    return settings


async def _turn(
    settings: Settings, audience: str, destination: str | None, *, is_paused: bool
) -> None:
    controls = await read_controls(settings)
    found = meant(places(settings, controls), audience, destination)
    changing = [one for one in found if _is_paused(controls, one) is not is_paused]
    await request_pauses(settings, changing, is_paused=is_paused)
    served = {lane.name for lane in lanes(settings)}
    for one in found:
        typer.echo(cell(f"{one}: {_became(one in changing, is_paused=is_paused)}"))
        if one.lane not in served:
            typer.echo(cell(f"lane {one.lane} is not in the configuration: nobody serves it"))


def _became(has_changed: bool, *, is_paused: bool) -> str:
    match has_changed, is_paused:
        case True, True:
            return "paused; what waits and what comes is kept until `lanes resume`"
        case True, False:
            return "resumed; what was kept is sent first"
        case False, True:
            return "is paused already"
        case _:
            return "is not paused"


async def _lines(settings: Settings) -> list[LaneLine]:
    controls = await read_controls(settings)
    named = {(one.lane, one.audience_id): one.names for one in places(settings, controls)}
    async with _admin(settings) as admin:
        existing = await Topics(admin, None).partitions()
        here, left = lane_topics(settings, existing)
        facts = await facts_of(settings, admin, client_options(settings.kafka), [*here, *left])
    prefix = Names(settings.kafka.namespace).lane_prefix
    return [
        _line(one, one.topic.removeprefix(prefix), controls, named, configured=one.topic in here)
        for one in facts
    ]


def _line(
    facts: LaneTopicFacts,
    lane: str,
    controls: Controls,
    named: Mapping[tuple[str, str], tuple[str, ...]],
    *,
    configured: bool,
) -> LaneLine:
    paused = {} if facts.said is None else facts.said.paused
    requested = controls.get(lane, {})
    kept = sorted({*paused, *(audience for audience, is_paused in requested.items() if is_paused)})
    return LaneLine(
        lane=lane,
        configured=configured,
        waiting=facts.waiting,
        oldest_waiting=moment(facts.oldest_ms),
        committed=facts.committed,
        end=facts.end,
        clean=None if facts.said is None else facts.said.is_clean,
        paused=tuple(
            KeptLine(
                audience_id=audience,
                audiences=named.get((lane, audience), ()),
                state=_state(audience in paused, is_paused=requested.get(audience, False)),
                since=paused.get(audience),
            )
            for audience in kept
        ),
    )


def _state(is_held: bool, *, is_paused: bool) -> str:
    if not is_paused:
        return "resuming"
    return "paused" if is_held else "pausing"


def _is_paused(controls: Controls, place: Place) -> bool:
    return controls.get(place.lane, {}).get(place.audience_id, False)


async def _left(settings: Settings, lane: str) -> LaneTopicFacts:
    prefix = Names(settings.kafka.namespace).lane_prefix
    async with _admin(settings) as admin:
        _, left = lane_topics(settings, await Topics(admin, None).partitions())
        if prefix + lane not in left:
            known = [topic.removeprefix(prefix) for topic in left]
            raise CommandTrouble(
                f"no lane {lane!r} has left the configuration; "
                f"{suggestion(lane, known) if known else 'none has'}"
            )
        [facts] = await facts_of(settings, admin, client_options(settings.kafka), [prefix + lane])
        return facts


async def _retire(settings: Settings, lane: str) -> None:
    """The topic, and then what was requested of its audiences: a lane made anew begins afresh."""
    topic = Names(settings.kafka.namespace).lane_prefix + lane
    async with _admin(settings) as admin:
        answer = await admin.delete_topics([topic], timeout_ms=RETIRE_SECONDS_MS)
    for name, code, *_ in answer.topic_error_codes:
        if code:
            raise CommandTrouble(
                f"topic {name} cannot be deleted ({kafka_errors.for_code(code).__name__}); delete "
                f"it with: kafka-topics.sh --delete --topic {name}"
            )
    controls = await read_controls(settings)
    requests = [Place(lane, audience, ()) for audience in controls.get(lane, {})]
    if requests:
        await request_pauses(settings, requests, is_paused=None)


def _admin(settings: Settings) -> AbstractAsyncContextManager[AIOKafkaAdminClient]:
    kafka = settings.kafka
    return admin_client(client_options(kafka), kafka.startup_timeout_seconds)
