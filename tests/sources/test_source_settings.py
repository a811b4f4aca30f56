"""The `sources:` of the file: what is taken, and what is said of what is not."""

from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from pipeline.configuration.load import settings_from
from pipeline.configuration.schema import schema
from pipeline.destinations.registry import PARTNERS
from pipeline.settings.document import read
from pipeline.settings.problems import SettingsError
from tests.configuration.test_example_files import Example

CORPUS = Path(__file__).parent / "corpus" / "pipeline.yaml"
MAPPING: dict[str, Any] = {
    "audience": {"pointer": "/a"},
    "action": {"pointer": "/b", "add": [1], "remove": [0]},
    "member": {"pointer": "/c"},
    "occurred_at": {"pointer": "/d"},
}
TABLE: dict[str, Any] = {"kind": "membership_rows", "audience": "a", "member": "m"}


def source(**keys: Any) -> Example:
    return Example().put("sources", [{"topic": "cdp", **keys}])


def mapping(**keys: Any) -> Example:
    return source(format="mapping", mapping={**MAPPING, **keys})


def test_the_schema_takes_every_configuration_of_the_corpus() -> None:
    validator = Draft202012Validator(schema(PARTNERS))

    assert [error.message for error in validator.iter_errors(read(CORPUS))] == []


@pytest.mark.parametrize(
    "keys",
    [
        {"format": "nativ"},
        {"mapping": {"member": {"ponter": "/a"}}},
        {"mapping": {"member": {"pointer": "a"}}},
        {"mapping": {"action": {"pointer": "/a", "add": [None]}}},
        {"mapping": {"occurred_at": {"pointer": "/a", "unit": "weeks"}}},
        {"mapping": {"identities": [{"mail": {"pointer": "/a"}}]}},
        {"table": {"kind": "rows", "member": "m"}},
        {"event_consent": {"Advertising": "tcf"}},
    ],
)
def test_the_schema_refuses_what_is_not_of_this_shape(keys: dict[str, Any]) -> None:
    assert not Draft202012Validator(schema(PARTNERS)).is_valid(source(**keys).document)


@pytest.mark.parametrize(
    ("example", "said"),
    [
        (mapping(membr={}), "sources[0].mapping.membr: unknown key; did you mean 'member'?"),
        (
            mapping(member={"ponter": "/a"}),
            "mapping.member.ponter: unknown key; did you mean 'pointer'?",
        ),
        (mapping(member=[{"ponter": "/a"}]), "mapping.member[0].ponter: unknown key; did you mean"),
        (
            mapping(member={"pointer": "a"}),
            "member.pointer: must be a JSON Pointer: 'a'; write it like",
        ),
        (mapping(member={"pointer": "/a~2"}), "member.pointer: must be a JSON Pointer"),
        (
            mapping(member={}),
            "mapping.member: has no source of the value; add one of pointer,",
        ),
        (mapping(member=[]), "mapping.member: must not be empty"),
        (mapping(member="/a"), "mapping.member: must be a list: a text"),
        (
            mapping(member={"pointer": "/a", "header": "h"}),
            "member.header: is set together with pointer; keep",
        ),
        (mapping(member={"pointer": "/a", "column": "c"}), "mapping.member.column: unknown key"),
        (mapping(member={"pointer": "/a", "unit": "seconds"}), "mapping.member.unit: unknown key"),
        (mapping(member={"pointer": "/a", "with": "-"}), "member.with: belongs to join; remove it"),
        (
            mapping(member={"pointer": "/a", "split": {"by": "", "take": 0}}),
            "split.by: must not be empty",
        ),
        (
            mapping(member={"pointer": "/a", "split": {"by": " ", "take": 1}}),
            "split.take: must be 0 or -1",
        ),
        (mapping(member={"pointer": "/a", "map": {}}), "member.map: must not be empty"),
        (mapping(member={"join": [{"pinter": "/a"}]}), "join[0].pinter: unknown key; did you mean"),
        (mapping(member={"timestamp": "now"}), "member.timestamp: must be 'record': 'now'"),
        (
            mapping(action={"pointer": "/a", "add": [1], "remove": [1]}),
            "remove[0]: is listed twice",
        ),
        (
            mapping(action={"pointer": "/a", "add": [""]}),
            "add[0]: is no value; write 'absent: add'",
        ),
        (
            mapping(action={"pointer": "/a", "absent": "drop"}),
            "action.absent: must be 'add', 'remove'",
        ),
        (
            mapping(action={"pointer": "/a", "ad": [1]}),
            "action.ad: unknown key; did you mean 'add'?",
        ),
        (mapping(occurred_at={"pointer": "/a", "unit": "second"}), "did you mean 'seconds'?"),
        (
            mapping(occurred_at={"pointer": "/a", "zone": "CET"}),
            "zone: must be UTC or an offset: 'CET'",
        ),
        (
            mapping(identities=[{"mail": {"pointer": "/a"}}]),
            "identities[0].mail: unknown key; did you mean 'email'?",
        ),
        (
            mapping(identities=[{"for_each": "/a"}]),
            "identities[0]: maps no field; add one of email,",
        ),
        (mapping(when=[{"pointer": "/a"}]), "mapping.when[0].is: is required and missing"),
        (
            mapping(consent={"tfc": {"pointer": "/a"}}),
            "consent.tfc: unknown key; did you mean 'tcf'?",
        ),
        (
            mapping(audience=None),
            "sources[0].mapping.audience: is required and missing: nothing names",
        ),
        (mapping(member=None), "sources[0].mapping.member: is required and missing; add 'member:"),
        (
            source(format="segment", mapping={"for_each": "/a"}),
            "mapping.for_each: needs format mapping",
        ),
        (source(format="adobe_rtcdp"), "mapping.member: is required and missing"),
        (
            source(format="rudderstack"),
            "nothing names the audience; set it, or audience for",
        ),
        (source(format="debezium"), "sources[0].table: format debezium needs it; add 'table: …'"),
        (
            source(format="debezium", table={"kind": "membership_rows", "member": "m"}),
            "nothing names the audience",
        ),
        (
            source(format="debezium", table={**TABLE, "kind": "append_only"}),
            "table.action: append_only needs it",
        ),
        (
            source(format="debezium", table={**TABLE, "memer": "m"}),
            "table.memer: unknown key; did you mean 'member'?",
        ),
        (
            source(format="debezium", table={**TABLE, "action": "op"}),
            "table.action: belongs to append_only",
        ),
        (
            source(table=TABLE),
            "sources[0].table: belongs to format debezium; remove it, or set format",
        ),
        (source(function="f"), "sources[0].function: belongs to format python"),
        (
            source(format="python", function="f", mapping=MAPPING),
            "mapping: is not read with format python",
        ),
        (
            source(audience="vip", format="mapping", mapping=MAPPING),
            "sources[0].audience: is given twice",
        ),
        (source(encoding="avro"), "sources[0].registry: avro needs it; set registry: {url: …}, or"),
        (source(encoding="avro", framing="none"), "sources[0].schema_file: framing none needs it"),
        (
            source(encoding="json", schema_file=str(CORPUS)),
            "schema_file: is used only for avro",
        ),
        (source(message="acme.M"), "sources[0].message: is not read here; remove it"),
        (
            source(encoding="protobuf", framing="none", schema_file=str(CORPUS)),
            "message: protobuf needs",
        ),
        (source(encoding="avro", registry={"url": "registry"}), "registry.url: must be a URL"),
        (
            source(encoding="avro", registry={"url": "http://r", "username": "u"}),
            "password: is required",
        ),
        (
            source(event_consent={"A": "amazon"}),
            "event_consent: events of format native carry no consent",
        ),
        (
            source(format="segment", event_consent={"A": "amzn"}),
            "event_consent.A: must be 'amazon': 'amzn'",
        ),
        (
            source(tombstone="remove"),
            "mapping.audience: tombstone: remove needs it, because a null",
        ),
        (
            source(envelope=["cloudevent"]),
            "envelope[0]: must be 'cloudevents', 'connect' or 'array'",
        ),
        (source(largest_event_bytes=0), "largest_event_bytes: must be at least 1: 0"),
    ],
)
def test_an_error_names_the_key_and_the_remedy(example: Example, said: str) -> None:
    refusal = example.refusal()

    assert said in refusal
    assert len(refusal.splitlines()) == refusal.count("settings: ")


def test_an_unknown_key_of_an_expression_is_one_problem_and_no_more() -> None:
    refusal = mapping(member={"ponter": "/a"}).refusal()

    assert len(refusal.splitlines()) <= 2
    assert "must be a list" not in refusal


@pytest.mark.parametrize("value", ["none", None, [], "array", ["cloudevents", "array"]])
def test_envelopes_are_one_or_a_list(value: object) -> None:
    settings = settings_from(source(envelope=value).document, Path())

    assert isinstance(settings.sources[0].envelope, tuple)


def test_an_upstream_name_belongs_to_one_audience() -> None:
    target = Example().document["audiences"][0]["destinations"][0]  # type: ignore[index]
    example = Example().put(
        "audiences",
        [
            {"audience": "vip", "upstream": ["456", "other"], "destinations": [target]},
            {
                "audience": "other",
                "upstream": ["456"],
                "destinations": [{**target, "audience_id": 2}],
            },
        ],
    )

    refusal = example.refusal()

    assert (
        "audiences[0].upstream[1]: is also a name of the audience 'other': 'other'; keep" in refusal
    )
    assert "audiences[1].upstream[0]: is also a name of the audience 'vip': '456'" in refusal


def test_an_upstream_number_is_written_in_quotes() -> None:
    refusal = Example().put("audiences.0.upstream", [456]).refusal()

    assert "audiences[0].upstream[0]: must be text: 456; put it in quotes" in refusal


def test_a_password_of_a_registry_is_never_shown() -> None:
    registry = {"url": "http://registry", "username": "u", "password": "hush-hush", "tmeout": 1}

    with pytest.raises(SettingsError) as refused:
        settings_from(source(encoding="avro", registry=registry).document, Path())

    assert "hush" not in str(refused.value)
