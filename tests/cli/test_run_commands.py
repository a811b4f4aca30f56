"""The commands about snapshots: where each stands, what the partner has, what is asked for."""

import asyncio
import time
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from pipeline.destinations.snapshots import Window
from pipeline.sandbox.broker import EmbeddedBroker
from pipeline.stages.snapshot.operator_requests import request_key
from pipeline.stages.snapshot.run_records import (
    AudienceState,
    Hold,
    Ingested,
    RunRecord,
    SnapshotFile,
    encode_run,
    encode_state,
    run_key,
    state_key,
)
from tests.cli.snapshot_operator import VIP, Operator, operator
from tests.cli.test_commands import _logging_is_put_back, run
from tests.configuration.test_example_files import Example

__all__ = ["_logging_is_put_back", "operator"]

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
NOW_MS = time.time_ns() // 1_000_000
FILE = SnapshotFile(
    n=17,
    path="vip/17.csv",
    size=9000,
    sha256="",
    etag=None,
    modified_s=1000.0,
    members=120,
    rows=130,
    ends={3: 40},
    made_ms=NOW_MS,
)
INGESTED = Ingested(n=11, rows=5000, ends={3: 30}, at_ms=NOW_MS - DAY_MS)
ENDED = AudienceState(state="ended", at_ms=NOW_MS, n=17, file=FILE, ingested=INGESTED)
HELD = replace(
    ENDED, state="uploaded", hold=Hold(cause="halved", is_explained=False, since_ms=NOW_MS)
)
RUN = RunRecord(
    audience=VIP,
    n=11,
    window=Window(start_s=1, end_s=7),
    intended_ms=NOW_MS - DAY_MS,
    is_charged=True,
    rows=5000,
    members=4800,
    size=300_000,
    run_id="run-1",
    state="SUCCESS",
    end="applied",
    is_ingested=True,
    ended_ms=NOW_MS - DAY_MS + HOUR_MS,
)


async def test_each_audience_is_listed_with_what_the_partner_has_and_how_its_runs_ended(
    operator: Operator,
) -> None:
    await operator.make_topic()
    await operator.write(
        (state_key(VIP), encode_state(replace(ENDED, state="running"))),
        (run_key(VIP, 11), encode_run(RUN)),
        (state_key(VIP), encode_state(ENDED)),
    )

    listed = await operator.types("runs list --json")
    table = await operator.types("runs list")

    [line] = listed.found["audiences"]
    [run_line] = listed.found["runs"]
    assert (line["audience"], line["state"], line["in_file"]) == ("gold-customers", "ended", 120)
    assert (line["ingested"], line["number"]) == (5000, 17)
    assert (run_line["state"], run_line["is_ingested"], run_line["run_id"]) == (
        "SUCCESS",
        True,
        "run-1",
    )
    assert "gold-customers" in table.out
    assert "run-1" in table.out


async def test_what_was_ingested_is_usable_and_expires_by_the_partners_word(
    operator: Operator,
) -> None:
    """
    Adobe: 26 hours at most until every destination behind it has it; 30 days until members leave.
    """
    await operator.make_topic()
    await operator.write((state_key(VIP), encode_state(ENDED)))

    [line] = (await operator.types("runs show gold-customers --json")).found["audiences"]

    def at(text: str) -> float:
        return time.mktime(time.strptime(text, "%Y-%m-%dT%H:%M:%SZ"))

    assert at(line["activatable_by"]) - at(line["ingested_at"]) == 26 * 3600
    assert at(line["expires_at"]) - at(line["ingested_at"]) == 30 * 86_400


async def test_a_snapshot_that_begins_has_the_number_of_its_place(
    operator: Operator,
) -> None:
    await operator.make_topic()
    await operator.write(
        (state_key(VIP), encode_state(ENDED)),
        (state_key(VIP), encode_state(AudienceState(state="reading", at_ms=NOW_MS))),
    )

    [line] = (await operator.types("runs show gold-customers --json")).found["audiences"]

    assert (line["state"], line["number"], line["in_file"]) == ("reading", 1, None)


async def test_an_audience_that_left_the_configuration_is_listed_all_the_same(
    operator: Operator,
) -> None:
    await operator.make_topic()
    await operator.write((state_key("of-old"), encode_state(ENDED)))

    lines = (await operator.types("runs list --json")).found["audiences"]

    assert [(one["audience_id"], one["is_configured"]) for one in lines] == [
        (VIP, True),
        ("of-old", False),
    ]


async def test_a_start_is_asked_for_by_either_name_and_shows_until_it_is_begun(
    operator: Operator,
) -> None:
    await operator.make_topic()
    await operator.write((state_key(VIP), encode_state(replace(ENDED, n=0))))

    told = await operator.types("runs start gold-customers")
    again = await operator.types(f"runs start {VIP} --destination adobe-prod")
    shown = await operator.types("runs show gold-customers")

    assert "a snapshot is requested" in told.out
    assert "a snapshot is requested" in again.out
    assert "a start is requested" in shown.out


async def test_a_held_snapshot_goes_after_its_name_was_typed_and_no_other_does(
    operator: Operator,
) -> None:
    await operator.make_topic()
    await operator.write((state_key(VIP), encode_state(HELD)))

    refused = await operator.types("runs approve gold-customers", "yes\n")
    none_asked = await operator.asked()
    approved = await operator.types("runs approve gold-customers", "approve gold-customers\n")
    shown = await operator.types("runs show gold-customers")

    assert "stays held" in refused.err
    assert none_asked == []
    assert "120 members in 130 rows; the partner has 5000 rows" in refused.err
    assert "snapshot 17 is approved" in approved.out
    assert "removals do not explain it" in shown.out
    assert "it is approved" in shown.out


async def test_a_snapshot_that_was_held_and_goes_now_is_held_no_more(
    operator: Operator,
) -> None:
    """
    The reason stays with the file while its run goes on.
    """
    await operator.make_topic()
    await operator.write((state_key(VIP), encode_state(replace(HELD, state="running"))))

    [line] = (await operator.types("runs show gold-customers --json")).found["audiences"]
    refused = await operator.types("runs approve gold-customers --yes")

    assert (line["state"], line["why"]) == ("running", None)
    assert "no snapshot of it is held (it is running)" in refused.error


async def test_nothing_held_is_nothing_to_approve(operator: Operator) -> None:
    await operator.make_topic()
    await operator.write((state_key(VIP), encode_state(ENDED)))

    refused = await operator.types("runs approve gold-customers --yes")

    assert "no snapshot of it is held (it is ended)" in refused.error


async def test_the_ledger_says_who_is_in_the_file_and_what_the_partner_has_beside_the_lanes(
    operator: Operator,
) -> None:
    await operator.make_topic()
    await operator.make_topics_of_lanes()
    await operator.write((state_key(VIP), encode_state(ENDED)))

    document = await operator.types("ledger --json")
    table = await operator.types("ledger")
    of_a_lane = await operator.types("ledger --lane amazon-na.one --json")

    [line] = document.found["snapshots"]
    assert document.found["adds_up"]
    assert (line["in_file"], line["ingested"]) == (120, 5000)
    assert line["activatable_by"] in table.out
    assert line["expires_at"] in table.out
    assert of_a_lane.found["snapshots"] == []


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("runs show gold-custmers", "did you mean 'gold-customers'?"),
        ("runs show vip", "no audience 'vip' is delivered as snapshots"),
        ("runs list --destination amazon-na", "takes snapshots; there are adobe-prod"),
    ],
)
async def test_a_name_that_has_no_snapshots_is_refused_with_what_there_is(
    operator: Operator, line: str, said: str
) -> None:
    await operator.make_topic()

    refused = await operator.types(line)

    assert said in refused.error


async def test_before_the_first_run_the_missing_topic_is_named(operator: Operator) -> None:
    refused = await operator.types("runs start gold-customers")

    assert f"topic {operator.topic} does not exist" in refused.error


@pytest.mark.parametrize("line", ["runs list", "members count vip"])
async def test_a_configuration_without_snapshots_says_so(
    embedded_broker: EmbeddedBroker, tmp_path: Path, line: str
) -> None:
    example = Example().put("kafka.bootstrap_servers", embedded_broker.bootstrap_servers)
    config = example.write(tmp_path)

    refused = await asyncio.to_thread(run, [*line.split(), "--config", str(config)])

    assert refused.error.endswith(
        "none takes snapshots, and this command is only for snapshots; "
        "for lanes, use `lanes list` and `ledger`"
    )


async def test_what_asks_for_lanes_points_to_snapshots_where_there_are_only_those(
    operator: Operator,
) -> None:
    """
    A member of a file stands in no lane, and no run will make one.
    """
    both = await operator.types("lanes list")
    document = yaml.safe_load(operator.config.read_text())
    del document["audiences"][0]
    operator.config.write_text(yaml.safe_dump(document))

    listed = await operator.types("lanes list")
    member = await operator.types("ledger --member u-1 --audience gold-customers")
    paused = await operator.types("lanes pause gold-customers")

    assert "no lane has a topic yet" in both.out
    assert "no audience goes through a lane: its partner takes files; see `runs list`" in listed.out
    assert member.out == "no lane holds a change of this member\n"
    assert "adobe-prod gets files of this audience: see `members show`" in member.err
    assert "only lanes can be paused: adobe-prod gets files of it" in paused.error


async def test_messages_of_another_version_are_counted_and_not_guessed(
    operator: Operator,
) -> None:
    await operator.make_topic()
    await operator.write(
        (state_key(VIP), b'{"v": 99}'),
        (run_key(VIP, 3), b"no JSON"),
        (request_key(VIP), b'{"v": 1, "ask": "dance"}'),
        (b"of others", b""),
    )

    listed = await operator.types("runs list")

    assert "3 messages skipped: this release does not know their version" in listed.err
