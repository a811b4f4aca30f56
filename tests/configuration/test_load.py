"""One file in, frozen settings out, or everything that is wrong with it at once."""

import copy
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from pipeline.configuration.load import settings_from
from pipeline.configuration.schema import whole_model
from pipeline.destinations.registry import PARTNERS
from pipeline.settings.problems import SettingsError
from pipeline.settings.shape import entry_of, fields_of, is_mapping
from tests.configuration.amazon import amazon, targets
from tests.configuration.test_example_files import Example, target

WHOLE = whole_model({"amazon_ads": PARTNERS["amazon_ads"]})


def test_what_is_left_out_has_the_documented_default() -> None:
    settings = settings_from(Example().document, Path())

    found = amazon(settings)
    assert settings.kafka.bootstrap_servers == "localhost:9092"
    assert settings.kafka.exactly_once
    assert settings.upload.buffer_bytes == 134_217_728
    assert (found.hourly_cap, found.cap_window_seconds) == (15_000_000, 3_600)
    assert (found.batch.max_records, found.batch.max_bytes) == (6_000, 4_000_000)
    assert (found.max_in_flight, found.late_seconds) == (4, 10)
    assert settings.sources[0].start == "earliest"
    assert settings.dead_letters.payload == "original"
    assert (settings.admin.host, settings.admin.port) == ("0.0.0.0", 9464)


@pytest.mark.parametrize(
    ("region", "api", "token"),
    [
        ("NA", "https://advertising-api.amazon.com", "https://api.amazon.com/auth/o2/token"),
        ("EU", "https://advertising-api-eu.amazon.com", "https://api.amazon.co.uk/auth/o2/token"),
        ("FE", "https://advertising-api-fe.amazon.com", "https://api.amazon.co.jp/auth/o2/token"),
    ],
)
def test_a_region_sets_both_urls(region: str, api: str, token: str) -> None:
    example = Example().put("destinations.amazon-na.region", region)

    found = amazon(settings_from(example.document, Path()))

    assert (found.api_base(), found.token_endpoint()) == (api, token)


def test_an_override_stands_in_for_the_url_of_the_region() -> None:
    example = Example().put("destinations.amazon-na.api_url", "http://localhost:8080/")

    found = amazon(settings_from(example.document, Path()))

    assert found.api_base() == "http://localhost:8080"


def test_settings_cannot_be_changed_afterwards() -> None:
    settings = settings_from(Example().document, Path())

    with pytest.raises(ValidationError):
        settings.kafka.namespace = "other"


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("admin.port", "9464", "admin.port: must be a whole number, without quotes: '9464'"),
        ("admin.port", 70_000, "admin.port: must be at most 65535: 70000"),
        ("upload.buffer_bytes", True, "must be a whole number, without quotes: true"),
        ("kafka.exactly_once", "no", "must be true or false, without quotes: 'no'"),
        ("run.watchdog_seconds", float("inf"), "run.watchdog_seconds: "),
        ("logging.level", "INFO", "'INFO'; did you mean 'info'?"),
        ("sources.0.format", "nativ", "'nativ'; did you mean 'native'?"),
        ("sources.0.format", "segmnt", "'segmnt'; did you mean 'segment'?"),
        ("sources.0.topic", "a b", "must make a legal topic name: 'a b'; use 1 to 249"),
        ("sources", "cdp", "sources: must be a list: a text; begin each entry with '- '"),
        ("kafka", ["x"], "kafka: must be a mapping: a list; write keys below it"),
        ("kafka.bootstrap_servers", "kafka", "must be a list of host:port: 'kafka'; write it"),
        ("kafka.bootstrap_servers", "kafka:0", "must be a list of host:port: 'kafka:0'"),
        ("kafka.namespace", "a" * 250, "must make a legal topic name"),
        ("Kafka", {"namespace": "x"}, "settings: Kafka: unknown key; did you mean 'kafka'?"),
        ("destinations.amazon-na.Client_ID", "x", "Client_ID: unknown key; did you mean 'client_i"),
        ("kafka.sasl.mechanism", "SCRAM-SHA-265", "did you mean 'SCRAM-SHA-256'?"),
        ("destinations.amazon-na.kind", "tiktok", "'tiktok'; write 'amazon_ads' or 'adobe_"),
        ("destinations.amazon-na.region", "US", "must be 'NA', 'EU' or 'FE': 'US'; choose one"),
        ("destinations.amazon-na.api_url", "localhost:1", "must be a URL: 'localhost:1'; write"),
        ("destinations.amazon-na.api_url", "http://", "must be a URL: 'http://'; write"),
        ("destinations.amazon-na.api_url", "http://[x", "must be a URL: 'http://[x'; write"),
        ("destinations.amazon-na.api_url", "http://h:99999", "must be a URL: 'http://h:99999'"),
        ("destinations.amazon-na.token_url", "ftp://h", "token_url: must be a URL: 'ftp://h'"),
        ("destinations.amazon-na.country", "UK", "3166-1 alpha-2: 'UK'; did you mean 'GB'?"),
        ("destinations.amazon-na.country", "us", "'us'; did you mean 'US'?"),
        ("destinations.amazon-na.country", "XX", "'XX'; write two capital letters"),
        ("destinations.amazon-na.consent_countries", ["DE", "UK"], "consent_countries[1]: must"),
        ("destinations.amazon-na.consent.tcf.vendor", 0, "vendor: must be at least 1: 0"),
        ("destinations.amazon-na.consent.tcf.purposes", [1, 25], "must be at most 24: 25"),
        ("destinations.amazon-na.consent.tcf.purposes", [], "purposes: must not be empty"),
        ("destinations.amazon-na.consent.tcf.judge", "no", "judge: must be"),
        ("destinations.amazon-na.consent.gpp", {}, "unknown key"),
        ("destinations.amazon-na.batch.max_records", 0, "must be at least 1: 0"),
        ("destinations.amazon-na.batch.max_records", 10_001, "must be at most 10000: 10001"),
        ("destinations.amazon-na.hourly_cap", 15_000_001, "must be at most 15000000: 15000001"),
        ("destinations.amazon-na.poll.max_seconds", 5, "must not be less than initial_seconds: 5;"),
        ("destinations.a.b", {}, "destinations.a.kind: is required and missing"),
        ("audiences.0.destinations", [], "audiences[0].destinations: must not be empty"),
        ("audiences.0.destinations.0.audience_id", True, "must be a whole number"),
        ("audiences.0.destinations.0.audience_id", 1.0, "must be a whole number"),
        ("audiences.0.destinations.0.audience_id", "1e3", "up to 63 bits: '1e3'; copy only the id"),
        ("audiences.0.destinations.0.audience_id", 2**63, "must be at most 9223372036854775807"),
        ("audiences.0.destinations.0.audience_id", 0, "must be at least 1: 0"),
        ("audiences.0.destinations.0.target_types", ["DPS"], "'DPS'; did you mean 'DSP'?"),
        ("audiences.0.destinations.0.connection_id", 12, "must be text: 12; put it in quotes"),
        ("audiences.0.destinations.0.advertiser_id", 5, "is set together with advertiser_id; keep"),
        ("audiences.0.destinations.0.connection_id", None, "is required and missing; set it, or"),
        ("audiences.0.destinations.0.connection_id", "advertiser-1", "set advertiser_id instead"),
    ],
)
def test_an_error_names_the_key_the_value_and_the_remedy(
    path: str, value: object, said: str
) -> None:
    refusal = Example().put(path, value).refusal()

    assert said in refusal
    assert len(refusal.splitlines()) == refusal.count("settings: ")


@pytest.mark.parametrize(
    ("servers", "said"),
    [
        ("http://kafka:9092", "remove 'http://'; kafka.security_protocol decides the protocol"),
        ("https://kafka:9093", "remove 'https://'"),
        ("kafka-1:9092,SASL_SSL://kafka-2:9093", "remove 'SASL_SSL://'"),
        ("me:hush@kafka:9092", "must be a list of host:port"),
        ("kafka/path:9092", "must be a list of host:port"),
        ("kafka 1:9092", "must be a list of host:port"),
        (":9092", "must be a list of host:port"),
        ("::1:9092", "must be a list of host:port"),
        ("kafka:٩٠٩٢", "must be a list of host:port"),
        ("kafka:9092,", "must be a list of host:port"),
    ],
)
def test_addresses_of_brokers_that_are_none_are_refused(servers: str, said: str) -> None:
    """
    A client that is given one looks it up as a name, for ever.
    """
    refusal = Example().put("kafka.bootstrap_servers", servers).refusal()

    assert refusal.startswith("settings: kafka.bootstrap_servers: must be a list of host:port")
    assert said in refusal
    assert "hush" not in refusal


@pytest.mark.parametrize(
    "servers", ["kafka_1:9092, kafka-2.example.com:9093", "10.0.0.1:9092", "[::1]:9092"]
)
def test_addresses_of_brokers_are_taken_as_they_are_written(servers: str) -> None:
    example = Example().put("kafka.bootstrap_servers", servers)

    assert settings_from(example.document, Path()).kafka.bootstrap_servers == servers


def test_a_destination_name_that_would_make_lanes_ambiguous_is_refused() -> None:
    example = Example().put("destinations", {"amazon.na": {}})

    refusal = example.refusal()

    assert "destinations.amazon.na: must be a name for a destination: 'amazon.na'; use" in refusal


def test_digits_in_quotes_are_an_id_to_the_last_digit() -> None:
    example = Example().put("audiences.0.destinations.0.audience_id", "413642381039213537")

    settings = settings_from(example.document, Path())

    assert targets(settings)[0].audience_id == 413642381039213537


def test_everything_that_is_wrong_is_said_at_once() -> None:
    example = Example().put("admin.port", -1).put("logging.lvel", "info").drop("destinations")

    lines = example.refusal().splitlines()

    assert lines == [
        (
            "settings: destinations: is required and missing; "
            "add 'destinations: …'; config/reference.yaml shows every key"
        ),
        "settings: admin.port: must be at least 0: -1",
        "settings: logging.lvel: unknown key; did you mean 'level'?",
    ]


def test_an_unknown_key_does_not_hide_what_only_all_sections_together_show() -> None:
    example = (
        Example().put("admin.prt", 1).put("audiences.0.destinations.0.destination", "amazn-na")
    )

    lines = example.refusal().splitlines()

    assert lines == [
        "settings: admin.prt: unknown key; did you mean 'port'?",
        (
            "settings: audiences[0].destinations[0].destination: no destination of this name: "
            "'amazn-na'; did you mean 'amazon-na'?"
        ),
    ]


def test_a_key_at_the_wrong_level_is_told_where_it_belongs() -> None:
    refusal = Example().put("namespace", "audience").refusal()

    assert "namespace: unknown key; did you mean 'kafka.namespace'?" in refusal


def _keys(kind: object, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """The path of every key there is, as the example has places for it.

    Expressions may stand in expressions without end, and have tests of their own.
    """
    if path and path[-1] in {"mapping", "table"}:
        return [path]
    if is_mapping(kind):
        return _keys(entry_of(kind), (*path, "amazon-na"))
    if fields_of(entry_of(kind)):
        return _keys(entry_of(kind), (*path, "0"))
    children = fields_of(kind).items()
    below = [found for name, child in children for found in _keys(child, (*path, name))]
    return [*([path] if path and path[-1] not in {"0", "amazon-na"} else []), *below]


ALL_KEYS = _keys(WHOLE)


def test_every_section_is_walked() -> None:
    assert len(ALL_KEYS) > 90
    assert ("destinations", "amazon-na", "poll", "factor") in ALL_KEYS
    assert ("audiences", "0", "destinations", "0", "audience_id") in ALL_KEYS


@st.composite
def misspelled(draw: st.DrawFn) -> tuple[str, ...]:
    """A key with one letter left out, doubled or taken for another, or two swapped."""
    path = draw(st.sampled_from(ALL_KEYS))
    name = path[-1]
    place = draw(st.integers(0, len(name) - 2))
    wrong = draw(
        st.sampled_from(
            [
                name[:place] + name[place + 1 :],
                name[: place + 1] + name[place:],
                name[:place] + "x" + name[place + 1 :],
                name[:place] + name[place + 1] + name[place] + name[place + 2 :],
                name.upper(),
                name.replace("_", "-") + "-",
            ]
        )
    )
    return (*path[:-1], wrong)


@given(misspelled())
def test_a_misspelled_key_is_refused_with_a_suggestion_at_any_depth(path: tuple[str, ...]) -> None:
    example = Example()
    if path in ALL_KEYS:
        return

    refusal = example.put(".".join(path), "hush-hush").refusal()

    line = next(line for line in refusal.splitlines() if "unknown key" in line)
    assert path[-1] in line
    assert "did you mean '" in line
    assert "hush-hush" not in refusal


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=5,
    ),
    st.sampled_from(ALL_KEYS),
)
def test_whatever_stands_under_a_key_is_taken_or_refused_by_name(
    value: object, path: tuple[str, ...]
) -> None:
    example = Example().put(".".join(path), copy.deepcopy(value))

    said = _said_against(example)

    assert all(line.startswith("settings: ") for line in said.splitlines())


def _said_against(example: Example) -> str:
    try:
        settings_from(example.document, Path())
    except SettingsError as refused:
        return str(refused)
    return ""


def test_a_target_of_an_advertiser_takes_no_target_types() -> None:
    advertised = target(advertiser_id=5, target_types=["DSP"])
    example = Example().put("audiences.0.destinations", [advertised])

    assert "target_types: needs a connection" in example.refusal()
