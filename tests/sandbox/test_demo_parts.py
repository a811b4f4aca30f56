"""The parts of the sandbox that decide: its configuration, its readings, its picture."""

import io
import uuid
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from random import Random
from types import MappingProxyType
from typing import Any

import pytest
from rich.console import Console

from pipeline.configuration.load import settings_from
from pipeline.configuration.routing import lanes
from pipeline.domain.change import Action
from pipeline.operations.ledger.statement import LetterKind
from pipeline.sandbox import verdict
from pipeline.sandbox.adobe_partner import configured_audiences
from pipeline.sandbox.adobe_reconciliation import Ingested
from pipeline.sandbox.amazon_ads.faults import PROFILES
from pipeline.sandbox.configuration import (
    ADOBE,
    DESTINATION,
    LATE_SECONDS,
    AdobeSurroundings,
    Login,
    Surroundings,
    document,
)
from pipeline.sandbox.demo_options import Cap, SandboxOptions, invented_audiences
from pipeline.sandbox.expectation import Expectation
from pipeline.sandbox.live_view import line, picture
from pipeline.sandbox.readings import LaneReading, Reading, reading
from pipeline.sandbox.reconciliation import Held, LaneCounts
from pipeline.sandbox.scene import Scene, Speed
from pipeline.telemetry.facts import LaneLabel
from pipeline.telemetry.first_values import KnownLabels
from pipeline.telemetry.prometheus import prometheus_telemetry
from tests.configuration.amazon import amazon

OPTIONS = SandboxOptions(
    events=1_000,
    members=100,
    audiences=12,
    connections=3,
    faults="mild",
    seed=1,
    cap=Cap(records=15_000, window=10.0),
    keep_running=False,
)
AROUND = Surroundings(
    broker="127.0.0.1:9092",
    has_transactions=False,
    namespace="sandbox-1",
    source_topic="sandbox-1.events",
    api_url="http://127.0.0.1:8080",
    token_url="http://127.0.0.1:8080/auth/o2/token",
    login=Login(client_id="client", client_secret="quiet", refresh_token="still"),
    admin_port=9464,
    adobe=AdobeSurroundings(
        api_url="http://127.0.0.1:8081/data/core/ais",
        token_url="http://127.0.0.1:8081/ims/token/v3",
        client_id="client",
        client_secret="hush",
        files=Path("/tmp/sandbox-files"),
    ),
)
MEMBERS = LaneLabel("adobe-sandbox", "snapshots")
LANE = LaneLabel("amazon-sandbox", str(uuid.UUID(int=7)))


INGESTED = Ingested(
    files={"vip": {"a": ["a", "gold", "1"]}},
    runs={"SUCCESS": 2, "FAILED": 1, "in_progress": 0},
    largest_day=3,
    violations={},
    faults={},
)


@pytest.mark.parametrize("connections", [1, 3, 50])
@pytest.mark.parametrize(("cap", "audiences"), [(60, 1), (15_000, 12), (15_000_000, 60)])
def test_the_configuration_of_every_run_is_valid(
    connections: int, cap: int, audiences: int
) -> None:
    capped = Cap(records=cap, window=10.0)
    options = replace(OPTIONS, connections=connections, cap=capped, audiences=audiences)
    invented = invented_audiences(options, Random(1))

    settings = settings_from(document(options, invented, AROUND), Path())

    used = {target.connection for audience in invented for target in audience.targets}
    assert used == {lane.connection for lane in lanes(settings)}
    assert amazon(settings, "amazon-sandbox").hourly_cap == cap


def test_every_audience_goes_to_both_partners() -> None:
    """
    Unless Adobe is left out.
    """
    both = settings_from(document(OPTIONS, invented_audiences(OPTIONS, Random(1)), AROUND), Path())
    options, around = replace(OPTIONS, with_adobe=False), replace(AROUND, adobe=None)
    alone = settings_from(document(options, invented_audiences(options, Random(1)), around), Path())

    for audience in both.audiences:
        assert {one.destination for one in audience.destinations} == {DESTINATION, ADOBE}
    assert list(alone.destinations) == [DESTINATION]


def test_adobe_is_made_to_know_the_audiences_as_the_pipeline_makes_their_files() -> None:
    """
    Folder, columns and types come from the configuration, so nobody has to create them first.
    """
    invented = invented_audiences(OPTIONS, Random(1))
    settings = settings_from(document(OPTIONS, invented, AROUND), Path())

    known = dict(configured_audiences(settings, ADOBE))

    assert [audience.adobe_id for audience in invented] == list(known)
    one = known[str(invented[0].adobe_id)]
    assert [(field.name, field.type) for field in one.fields] == [
        ("email", "string"),
        ("tier", "string"),
        ("visits", "integer"),
    ]
    assert one.fields[one.identity].namespace == "email_lc_sha256"
    assert one.path.startswith(invented[0].name)


def test_most_of_the_cap_can_be_used() -> None:
    """
    A demonstration that crawls under a cap of its own making would show nothing.
    """
    invented = invented_audiences(OPTIONS, Random(1))
    settings = settings_from(document(OPTIONS, invented, AROUND), Path())

    rate = amazon(settings, "amazon-sandbox").pace().rate

    assert rate * OPTIONS.cap.window > 0.85 * OPTIONS.cap.records


def test_late_effects_are_waited_for() -> None:
    """
    Or a request without an answer could undo, late, what a newer one did.
    """
    assert max(profile.late_seconds[1] for profile in PROFILES.values()) < LATE_SECONDS


def test_some_audiences_go_to_two_connections_and_none_to_one_twice() -> None:
    invented = invented_audiences(OPTIONS, Random(1))

    assert any(len(audience.targets) == 2 for audience in invented)
    for audience in invented:
        connections = [target.connection for target in audience.targets]
        assert len(connections) == len(set(connections))
    ids = [target.audience_id for audience in invented for target in audience.targets]
    assert len(ids) == len(set(ids))


def test_a_login_is_not_shown() -> None:
    assert "quiet" not in repr(AROUND)
    assert "still" not in repr(AROUND)
    assert "hush" not in repr(AROUND)


def test_a_reading_is_what_the_telemetry_was_told() -> None:
    """
    Through the real exposition, so that a metric with a new name is noticed here.
    """
    known = KnownLabels(sources=["events"], destinations=["amazon-sandbox"], lanes=[LANE, MEMBERS])
    telemetry = prometheus_telemetry(known)
    telemetry.ingest.events_consumed(source="events", count=90)
    telemetry.ingest.events_ignored(source="events", reason="tombstone", count=1)
    telemetry.ingest.changes_read(source="events", action="add", count=80)
    telemetry.ingest.changes_rejected(source="events", reason="malformed", count=2)
    telemetry.dead_letters.dead_letters_written(stage="ingest", reason="malformed", count=2)
    telemetry.ingest.changes_withheld(
        destination="amazon-sandbox", reason="consent_denied", count=3
    )
    telemetry.ingest.records_prepared(lane=LANE, count=70)
    telemetry.ingest.records_prepared(lane=MEMBERS, count=60)
    telemetry.upload.records_superseded(lane=LANE, count=10)
    telemetry.upload.records_accepted(lane=LANE, action="add", count=40)
    telemetry.upload.records_accepted(lane=LANE, action="remove", count=20)
    telemetry.poll.records_applied(lane=LANE, count=50)
    telemetry.poll.records_invalid(lane=LANE, count=1)
    telemetry.poll.records_failed(lane=LANE, count=2)
    telemetry.poll.records_unknown(lane=LANE, count=3)
    telemetry.poll.job_ended(lane=LANE, state="SUCCEEDED", seconds=1.0)
    exposition = telemetry.metrics.exposition()[0].decode()

    told = (found := reading(exposition, status(pending=4))).told

    assert told.consumed == 90
    assert told.changes == {"add": 80}
    assert told.ignored == {"tombstone": 1}
    assert told.rejected == {"malformed": 2}
    assert told.withheld == {"consent_denied": 3}
    assert told.letters == {LetterKind("ingest", "malformed"): 2}
    assert told.pending_jobs == 4
    assert found.jobs_ended == 1
    assert told.members == 60
    assert told.lanes == {
        LANE.connection: LaneCounts(
            prepared=70,
            superseded=10,
            accepted=60,
            applied=50,
            invalid=1,
            failed=2,
            unknown=3,
        )
    }


def test_a_lane_is_read_from_the_status_page() -> None:
    found = reading("", status(pending=4))

    assert found.lanes == [
        LaneReading(
            connection=LANE.connection,
            state="running",
            cause=None,
            window_records=120,
            unsettled=9,
            jobs_pending=4,
        )
    ]


def status(pending: int) -> dict[str, Any]:
    name = f"{LANE.destination}.{LANE.connection}"
    return {
        "lanes": {name: {"state": "running", "cause": None, "window_records": 120}},
        "jobs_pending": {name: pending},
        "lag": {f"sandbox-1.records.{name}[0]": 9, "sandbox-1.jobs[0]": 1, "other[0]": None},
    }


def test_speed_is_that_of_the_last_seconds() -> None:
    speed = Speed()
    for second in range(10):
        speed.seen(second, 0)

    assert speed.seen(10.0, 300) == pytest.approx(100.0)


def scene(found: Reading | None) -> Scene:
    return Scene(
        options=OPTIONS,
        seconds=12.0,
        phase="carrying",
        written=500,
        expected={LANE.connection: 600},
        reading=found,
        faults={"dropped_after_taking": 2},
        events_a_second=1_234.0,
        records_a_second=99.0,
    )


def drawn(found: Reading | None) -> str:
    console = Console(file=io.StringIO(), width=120, force_terminal=True, color_system=None)
    console.print(picture(scene(found)))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_picture_shows_every_lane_and_what_went_wrong() -> None:
    image = drawn(reading("", status(pending=4)))

    assert LANE.connection[:8] in image
    assert "running" in image
    assert "dropped after taking 2" in image
    assert "1,234/s" in image


def test_the_picture_and_the_line_show_how_far_adobe_is() -> None:
    """
    Unless it is left out.
    """
    both = replace(scene(None), ingested=INGESTED, to_ingest=3)
    console = Console(file=io.StringIO(), width=120, force_terminal=True, color_system=None)
    console.print(picture(both))

    assert isinstance(console.file, io.StringIO)
    assert "1 of 3 members" in console.file.getvalue()
    assert "Adobe 1/3 members, 2 runs" in line(both)
    assert "Adobe" not in line(scene(None))
    assert "members" not in drawn(None)


def test_before_the_first_run_the_picture_and_the_line_say_what_it_waits_for() -> None:
    """
    Ingest takes two minutes of the demonstration, and Adobe's zeros would look stuck.
    """
    none_yet = replace(INGESTED, files={}, runs={"SUCCESS": 0, "FAILED": 0})
    waiting = replace(scene(None), ingested=none_yet, to_ingest=3)
    consumed = 'audience_events_consumed_total{source="cdp"} 1000\n'
    read = replace(waiting, reading=reading(consumed, status(pending=0)))
    console = Console(file=io.StringIO(), width=120, force_terminal=True, color_system=None)
    console.print(picture(waiting))

    assert isinstance(console.file, io.StringIO)
    assert "first files wait for ingest" in console.file.getvalue()
    assert "Adobe 0/3 members, first files wait for ingest" in line(waiting)
    assert "first runs begin" in line(read)


def test_the_picture_can_be_drawn_before_anybody_answers() -> None:
    assert "the pipeline is starting" in drawn(None)
    assert "starting" not in line(scene(None))


def test_the_verdict_is_in_words_and_names_each_difference() -> None:
    """
    Colour alone would be lost in a log.
    """
    assert "reconciled: 0 memberships" in spoken([])
    said = spoken(["one is missing [sic]", "two are late"])
    assert "differs  one is missing [sic]" in said
    assert "not reconciled: 2 differences" in said


def test_the_verdict_shows_both_partners() -> None:
    assert "and 1 members of Adobe's audiences" in spoken([], INGESTED)
    assert "runs that failed" in spoken([], INGESTED)
    assert "Adobe" not in spoken([])


def test_the_verdict_says_what_each_number_of_invalid_ones_counts() -> None:
    """
    A member with two invalid records is one membership.
    """
    counted = (
        f'audience_records_invalid_total{{connection="{LANE.connection}",destination="a"}} 39\n'
    )

    said = spoken([], last_invalid={(7, "u-1"): "add", (7, "u-2"): "remove"}, exposition=counted)

    assert "(of 2 of them the last change is one of the 39 invalid records" in said
    assert "invalid records" not in spoken([])


def spoken(
    found: list[str],
    ingested: Ingested | None = None,
    *,
    last_invalid: Mapping[tuple[int, str], Action] = MappingProxyType({}),
    exposition: str = "",
) -> str:
    console = Console(file=io.StringIO(), width=120)
    held = Held(
        membership={},
        last_invalid=last_invalid,
        invalid=frozenset(),
        largest_windows={LANE.connection: 99},
        cap=100,
        overlapping_requests=0,
        repeated_in_request=0,
        unreadable_requests=0,
        polls_after_end=0,
    )
    told = reading(exposition, status(pending=0)).told
    verdict.show(console, Expectation(), held, told, found, ingested)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()
