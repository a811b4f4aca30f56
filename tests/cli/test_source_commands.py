"""`test` and `config init --format`, as they are typed."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from typer.testing import CliRunner, Result

from pipeline.cli.main import app
from pipeline.operations.sources.starting_files import formats
from pipeline.sandbox.broker import EmbeddedBroker
from pipeline.sources.formats import FORMATS
from tests.servers.kafka_clients import create_topics, producing


def typed(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(one) for one in arguments])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A configuration for Segment with its examples."""
    assert typed("config", "init", tmp_path / "pipeline.yaml", "--format", "segment").exit_code == 0
    return tmp_path


def examples(folder: Path, *cases: object, name: str = "more.json") -> Path:
    path = folder / name
    path.write_text(json.dumps(list(cases)))
    return path


def outcome_of(folder: Path, *arguments: object) -> Result:
    return typed("test", "--config", folder / "pipeline.yaml", *arguments)


PAGE: dict[str, Any] = {"name": "a page", "topic": "segment.events", "value": {"type": "page"}}


@pytest.mark.parametrize("name", formats())
def test_a_first_configuration_passes_its_examples_as_written(tmp_path: Path, name: str) -> None:
    begun = typed("config", "init", tmp_path / "pipeline.yaml", "--format", name)
    outcome = outcome_of(tmp_path, tmp_path / "examples")

    assert begun.exit_code == 0, begun.output
    assert outcome.exit_code == 0, outcome.output
    assert " 0 failed, 0 sources without an example" in outcome.output


@pytest.mark.parametrize("name", formats())
def test_a_first_configuration_shows_all_four_ends(tmp_path: Path, name: str) -> None:
    typed("config", "init", tmp_path / "pipeline.yaml", "--format", name)
    cases = json.loads((tmp_path / "examples" / f"{name}.json").read_text())

    actions = {change["action"] for case in cases for change in case.get("changes", ())}

    assert actions == {"add", "remove"}
    assert {key for case in cases for key in case} >= {"ignored", "rejected", "records"}


def test_every_format_that_is_shown_has_a_first_configuration() -> None:
    assert set(formats()) == {name for name, known in FORMATS.items() if known.is_shown}


def test_nothing_is_overwritten(folder: Path) -> None:
    (folder / "pipeline.yaml").write_text("mine")

    outcome = typed("config", "init", folder / "pipeline.yaml", "--format", "segment")
    other = typed("config", "init", folder / "other.yaml", "--format", "segment")

    assert (outcome.exit_code, other.exit_code) == (2, 2)
    assert (folder / "pipeline.yaml").read_text() == "mine"
    assert not (folder / "other.yaml").exists()
    assert "is there already" in outcome.output


def test_what_differs_is_named_with_its_place_and_its_key(folder: Path) -> None:
    case = json.loads((folder / "examples" / "segment.json").read_text())[0]
    case["name"] = "custom exit"
    case["changes"][0]["action"] = "remove"
    path = examples(folder, PAGE | {"ignored": "not_membership"}, case)

    outcome = outcome_of(folder, path)

    assert outcome.exit_code == 1
    line = (
        f'FAIL {path}#2 "custom exit": changes[0].action: expected "remove", was "add" '
        "(mapping.action)"
    )
    assert line in outcome.output.splitlines()
    assert "1 passed, 1 failed" in outcome.output


@pytest.mark.parametrize(
    ("expectation", "said"),
    [
        ({"changes": []}, "changes: expected 0, was ignored: not_membership"),
        ({"ignored": "tombstone"}, 'ignored: expected "tombstone", was ignored: not_membership'),
        ({"rejected": "malformed"}, 'rejected: expected "malformed", was ignored: not_membership'),
    ],
)
def test_another_end_than_expected_is_named(
    folder: Path, expectation: dict[str, object], said: str
) -> None:
    outcome = outcome_of(folder, examples(folder, PAGE | expectation))

    assert outcome.exit_code == 1
    assert said in outcome.output


def test_an_extra_change_and_an_extra_key_of_an_exact_example_differ(folder: Path) -> None:
    case = json.loads((folder / "examples" / "segment.json").read_text())[0]
    exact = {**case, "exact": True, "changes": [{"audience": "vip-customers", "action": "add"}]}
    none = {**case, "changes": []}

    outcome = outcome_of(folder, examples(folder, exact, none))

    assert 'changes[0].member: expected null, was "u-1001" (mapping.member)' in outcome.output
    assert "changes: expected 0, were 1: add vip-customers" in outcome.output


def test_a_message_that_is_rejected_in_part_has_to_say_so(tmp_path: Path) -> None:
    typed("config", "init", tmp_path / "pipeline.yaml", "--format", "mparticle")
    case = json.loads((tmp_path / "examples" / "mparticle.json").read_text())[0]
    case["value"]["user_profiles"].append({"audiences": [{"audience_id": 456, "action": "add"}]})
    said = case | {"rejected_in_part": "malformed", "name": "said"}
    other = case | {"rejected_in_part": "unknown_audience", "name": "other"}

    outcome = outcome_of(tmp_path, examples(tmp_path, case | {"name": "silent"}, said, other))

    failed = [line for line in outcome.output.splitlines() if line.startswith("FAIL")]
    assert len(failed) == 2
    assert '"silent": rejected_in_part: expected null, was malformed: user_profiles' in failed[0]
    assert 'rejected_in_part: expected "unknown_audience", was malformed' in failed[1]


def test_routing_and_consent_are_seen_in_records(folder: Path) -> None:
    case = json.loads((folder / "examples" / "segment.json").read_text())[2]
    case["records"] = [{"destination": "amazon-na", "withheld": "consent_missing"}]

    outcome = outcome_of(folder, examples(folder, case))

    said = 'records[0].withheld: expected "consent_missing", was "consent_denied"'
    assert said in outcome.output


@pytest.mark.parametrize(
    ("case", "said"),
    [
        (PAGE, "#1: must have exactly one of changes, ignored, rejected"),
        (PAGE | {"ignored": "x", "rejected": "y"}, "must have exactly one of changes"),
        (PAGE | {"ignored": "x", "value_text": "{}"}, "must have exactly one of value, value_text"),
        (PAGE | {"ignored": "x", "topic": "segment.event"}, "did you mean 'segment.events'?"),
        ({"event_id": "e-1"}, "event_id: unknown key; an event stands under 'value', beside"),
        (PAGE | {"ignored": "x", "vaule": 1}, "vaule: unknown key; did you mean 'value'?"),
        (PAGE | {"ignored": "x", "timestamp": "soon"}, "timestamp: is no time"),
        (PAGE | {"changes": {}}, "changes: must be a list of objects"),
        (PAGE | {"ignored": 7}, "ignored: must be a reason"),
        ({"topic": "segment.events", "ignored": "x", "value_base64": "%"}, "is not base64"),
        ({"topic": "segment.events", "ignored": "x", "value_file": "none"}, "no such file"),
        ({"value": {}, "ignored": "x"}, "topic: is required and missing"),
        ([], "a case must be an object"),
    ],
)
def test_an_unusable_example_is_no_difference(folder: Path, case: object, said: str) -> None:
    outcome = outcome_of(folder, examples(folder, case))

    assert outcome.exit_code == 2
    assert said in outcome.output


@pytest.mark.parametrize(
    ("name", "text"), [("a.json", "{"), ("a.jsonl", "{}\n{"), ("a.yaml", "a: [")]
)
def test_a_file_that_cannot_be_read_is_named(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(text)

    assert outcome_of(folder, folder / name).exit_code == 2
    assert outcome_of(folder, folder / "none.json").exit_code == 2
    assert "none: no such file or directory" in outcome_of(folder, folder / "none").output
    assert outcome_of(folder, folder / "pipeline.toml").exit_code == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("test {0}/examples --schemas {0}/none", "{0}/none: no such file or directory; --schemas"),
        ("test {0}/examples --schemas {1}", "{1}: not a directory; --schemas: name a folder"),
        ("test {0}/examples --schemas {0}/broken", "{0}/broken/7.avsc: is a directory; let"),
        ("test {0}/examples --schemas {0}/latin", "{0}/latin/7.avsc: is not UTF-8 text; save it"),
        ("test {0}/examples --junit {0}/none/j.xml", "{0}/none/j.xml: no such file or directory;"),
        ("test {0}/examples --junit {0}", "{0}: is a directory; --junit: name a file in a folder"),
        ("test {1}/examples", "{1}/examples: not a directory; give examples as files"),
        ("test {0}/" + "a" * 300, "file name too long; give examples as files or folders"),
        ("config init {1}/new.yaml --format segment", "{1}/examples: not a directory; choose"),
        ("config init {1}/new.yaml", "{1}/new.yaml: not a directory; choose another name, in a"),
        ("simulator --kind adobe_external_audiences --files {1}", "{1}: not a directory; --files"),
    ],
)
def test_a_file_or_folder_that_cannot_be_used_is_named_with_its_remedy(
    folder: Path, words: str, said: str
) -> None:
    """
    In words, without the number that the system has for it.
    """
    file = folder / "pipeline.yaml"
    (folder / "broken" / "7.avsc").mkdir(parents=True)
    (folder / "latin").mkdir()
    (folder / "latin" / "7.avsc").write_bytes(b"\xff")
    config = ("--config", file) if words.startswith("test") else ()

    outcome = typed(*words.format(folder, file).split(), *config)

    assert outcome.exit_code == 2, outcome.output
    assert said.format(folder, file) in outcome.output
    assert "Errno" not in outcome.output


def test_examples_that_cannot_be_written_back_are_named_with_the_remedy(folder: Path) -> None:
    """
    And stay as they were. Here no file may be large, because root may write to every file.
    """
    large = PAGE | {"value": {"type": "page", "title": "x" * 100_000}, "rejected": "malformed"}
    path = examples(folder, large)
    before = path.read_bytes()
    command = (
        f"{sys.executable} -m pipeline test {path} --update --config {folder / 'pipeline.yaml'}"
    )

    outcome = subprocess.run(
        ["/bin/sh", "-c", f"ulimit -f 64; exec {command}"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert outcome.returncode == 2, outcome.stderr
    remedy = "--update: let this user write to its folder"
    assert outcome.stderr == f"error: {path}: file too large; {remedy}\n"
    assert path.read_bytes() == before
    assert [one.name for one in folder.glob(".*")] == []


def test_no_example_at_all_is_no_success(folder: Path) -> None:
    (folder / "empty").mkdir()

    outcome = outcome_of(folder, folder / "empty")

    assert outcome.exit_code == 2
    assert "no example found" in outcome.output


def test_values_may_be_text_bytes_or_a_file(folder: Path) -> None:
    event = json.dumps(PAGE["value"])
    (folder / "event.bin").write_text(event)
    bare = {"topic": "segment.events", "ignored": "not_membership"}

    outcome = outcome_of(
        folder,
        examples(
            folder,
            {**bare, "value_text": event},
            {**bare, "value_base64": "eyJ0eXBlIjoicGFnZSJ9"},
            {**bare, "value_file": "event.bin"},
            {**bare, "value": None, "ignored": "tombstone"},
        ),
    )

    assert outcome.exit_code == 0, outcome.output


def test_one_case_lines_and_yaml_are_files_too(folder: Path) -> None:
    case = json.dumps(PAGE | {"ignored": "not_membership"})
    (folder / "one.json").write_text(case)
    (folder / "lines.jsonl").write_text(f"{case}\n\n{case}\n")
    (folder / "case.yaml").write_text(
        "- topic: segment.events\n  value: {type: page}\n  ignored: not_membership\n"
    )

    outcome = outcome_of(folder, folder / "one.json", folder / "lines.jsonl", folder / "case.yaml")

    assert outcome.exit_code == 0, outcome.output
    assert "4 passed" in outcome.output


def test_a_source_without_an_example_is_named(folder: Path) -> None:
    config = folder / "pipeline.yaml"
    config.write_text(
        config.read_text().replace("sources:\n", "sources:\n  - {topic: cdp.other}\n", 1)
    )

    outcome = outcome_of(folder, folder / "examples")

    assert outcome.exit_code == 0
    assert "no example of the source cdp.other" in outcome.output


def test_programs_and_build_servers_get_theirs(folder: Path) -> None:
    path = examples(folder, PAGE | {"ignored": "tombstone", "name": 'a "page" & <more>\x07'})

    outcome = outcome_of(folder, path, "--json", "--junit", folder / "junit.xml")

    report = json.loads(outcome.output)
    suite = ET.fromstring((folder / "junit.xml").read_text())
    assert (report["passed"], report["failed"]) == (0, 1)
    assert report["cases"][0]["differences"][0]["place"] == "ignored"
    assert (suite.attrib["tests"], suite.attrib["failures"]) == ("1", "1")
    assert suite.find("testcase/failure") is not None


def test_an_update_writes_what_came_out(folder: Path) -> None:
    case = json.loads((folder / "examples" / "segment.json").read_text())[0]
    case["changes"][0] |= {"action": "remove", "member": "other"}
    path = examples(folder, PAGE | {"rejected": "malformed"}, case)

    first = outcome_of(folder, path, "--update")
    second = outcome_of(folder, path)

    assert first.exit_code == 0, first.output
    assert second.exit_code == 0, second.output
    assert json.loads(path.read_text())[0]["ignored"] == "not_membership"
    assert json.loads(path.read_text())[1]["changes"][0]["action"] == "add"


def test_a_configuration_that_is_wrong_is_said_and_needs_no_secret(folder: Path) -> None:
    config = folder / "pipeline.yaml"
    config.write_text(config.read_text().replace("format: segment", "format: segmnt", 1))

    outcome = outcome_of(folder, folder / "examples")

    assert outcome.exit_code == 2
    assert "did you mean 'segment'?" in outcome.output
    assert "secret" not in outcome.output


def test_avro_examples_need_their_schemas(folder: Path) -> None:
    config = folder / "pipeline.yaml"
    mapping = (
        "{member: {pointer: /id}, audience: {value: vip-customers}, action: {value: add}, "
        "occurred_at: {timestamp: record}}"
    )
    source = (
        f'  - {{topic: avro, encoding: avro, registry: {{url: "http://r"}}, mapping: {mapping}}}\n'
    )
    config.write_text(config.read_text().replace("sources:\n", "sources:\n" + source, 1))
    (folder / "schemas").mkdir()
    schema = {"type": "record", "name": "M", "fields": [{"name": "id", "type": "long"}]}
    (folder / "schemas" / "7.avsc").write_text(json.dumps(schema))
    case = {"topic": "avro", "schema_id": 7, "value": {"id": 5}, "timestamp": 1766300000}
    path = examples(folder, case | {"changes": [{"member": "5"}]})

    without = outcome_of(folder, path)
    outcome = outcome_of(folder, path, "--schemas", folder / "schemas")

    assert without.exit_code == 2
    assert "--schemas" in without.output
    assert outcome.exit_code == 0, outcome.output


async def test_a_topic_is_inspected_without_showing_a_person(
    folder: Path, embedded_broker: EmbeddedBroker, namespace: str
) -> None:
    config = folder / "pipeline.yaml"
    (folder / "secrets").mkdir()
    for name in ("client-secret", "refresh-token"):
        (folder / "secrets" / name).write_text("hush")
    text = config.read_text().replace("localhost:9092", embedded_broker.bootstrap_servers)
    config.write_text(text.replace("segment.events", f"{namespace}.segment"))
    await create_topics(embedded_broker, f"{namespace}.segment", partitions=2)
    case = json.loads((folder / "examples" / "segment.json").read_text())[0]
    async with producing(embedded_broker) as producer:
        value = json.dumps(case["value"]).encode()
        await producer.send_and_wait(f"{namespace}.segment", value)
    arguments = ("sources", "inspect", f"{namespace}.segment", "--config", config)

    lines = await asyncio.to_thread(typed, *arguments, "--values", "/type")
    as_json = await asyncio.to_thread(typed, *arguments, "--json")

    assert lines.exit_code == 0, lines.output
    assert "keys: null 1" in lines.output
    assert "order is broken: of 1 messages, 1 have no key" in lines.output
    assert '/type = "track"  1 times' in lines.output
    assert "  /userId  a text  in 1/1" in lines.output
    assert json.loads(as_json.output)["inspection"]["values"] == {"JSON": 1}
    assert "ana@" not in lines.output + as_json.output
