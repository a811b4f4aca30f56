"""What single keys cannot show: names, lanes, the cap's arithmetic, memory and clocks."""

from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pipeline.configuration.advice import advice
from pipeline.configuration.load import settings_from
from pipeline.configuration.model import Settings
from pipeline.configuration.routing import lanes, routes
from pipeline.destinations.registry import PARTNERS
from pipeline.settings.problems import SettingsError
from tests.configuration.amazon import amazon
from tests.configuration.test_example_files import (
    CONNECTION,
    OTHER_CONNECTION,
    Example,
    destination,
    target,
)


def settings_of(example: Example) -> Settings:
    return settings_from(example.document, Path())


def two_destinations(*targets: dict[str, object]) -> Example:
    return (
        Example()
        .put("destinations.amazon-eu", destination(region="EU", country="DE"))
        .put("audiences.0.destinations", list(targets))
    )


def test_lanes_are_the_connections_and_advertisers_in_use_each_once() -> None:
    example = two_destinations(
        target(audience_id=1),
        target(audience_id=2),
        target(audience_id=3, advertiser_id="585806696618602999"),
        target(audience_id=1, destination="amazon-eu", connection_id=OTHER_CONNECTION),
    ).put("kafka.namespace", "test")

    found = lanes(settings_of(example))

    assert [lane.name for lane in found] == [
        f"amazon-na.{CONNECTION}",
        "amazon-na.advertiser-585806696618602999",
        f"amazon-eu.{OTHER_CONNECTION}",
    ]
    assert found[0].topic == f"test.records.amazon-na.{CONNECTION}"
    assert found[1].connection == "advertiser-585806696618602999"


def test_routes_give_each_audience_its_targets_and_their_country() -> None:
    example = two_destinations(
        target(audience_id=1, country="US", target_types=["DSP"]),
        target(audience_id=2),
        target(audience_id=3, destination="amazon-eu", connection_id=OTHER_CONNECTION),
    )

    found = routes(settings_of(example))

    assert list(found) == ["vip"]
    assert [(route.audience_id, route.lane.destination) for route in found["vip"]] == [
        ("1", "amazon-na"),
        ("2", "amazon-na"),
        ("3", "amazon-eu"),
    ]


AUDIENCE = "audiences[0].destinations[1]"


@pytest.mark.parametrize(
    ("second", "said"),
    [
        (target(audience_id=1), f"{AUDIENCE}.audience_id: is already fed by audiences[0].dest"),
        (
            target(audience_id=1, connection_id=OTHER_CONNECTION),
            f"{AUDIENCE}.audience_id: goes through another connection at",
        ),
        (
            target(audience_id=1, advertiser_id=5),
            f"{AUDIENCE}.audience_id: goes through another connection at",
        ),
        (
            target(audience_id=2, connection_id=CONNECTION.upper()),
            f"and its cap would count twice: '{CONNECTION.upper()}'; write it the same way",
        ),
        (
            target(audience_id=2, destination="amazon-eu", connection_id=CONNECTION.upper()),
            f"{AUDIENCE}.connection_id: is also used by the destination 'amazon-na'",
        ),
        (
            target(audience_id=2, destination="amazon-eu"),
            f"would count twice: '{CONNECTION}'; use each connection under one destination",
        ),
        (
            target(destination="amazon-n"),
            f"{AUDIENCE}.destination: no destination of this name: 'amazon-n'; did you mean 'am",
        ),
        (
            target(audience_id=2, connection_id="x" * 240),
            "kafka.namespace: makes the topic of audiences[0].destinations[1] 267 characters long",
        ),
    ],
)
def test_two_targets_that_cannot_stand_together_are_refused(
    second: dict[str, object], said: str
) -> None:
    assert said in two_destinations(target(audience_id=1), second).refusal()


def test_one_advertiser_under_two_destinations_is_refused() -> None:
    example = two_destinations(
        target(audience_id=1, advertiser_id=5),
        target(audience_id=2, advertiser_id=5, destination="amazon-eu"),
    )

    assert "advertiser_id: is also used by the destination 'amazon-na'" in example.refusal()


def test_two_audiences_may_share_a_connection() -> None:
    example = Example().put(
        "audiences.1", {"audience": "lapsed", "destinations": [target(audience_id=2)]}
    )

    assert len(lanes(settings_of(example))) == 1


def test_one_audience_of_the_partner_under_two_names_is_refused() -> None:
    example = Example().put("audiences.1", {"audience": "lapsed", "destinations": [target()]})

    assert "audiences[1].destinations[0].audience_id: is already fed by audien" in example.refusal()


@pytest.mark.parametrize(
    "keys",
    [
        {},
        {"client_id": "another"},
        {"api_url": "http://localhost:8080"},
        {"api_url": "http://localhost:8080", "client_id": "another"},
    ],
)
def test_one_audience_of_the_partner_by_two_destinations_is_refused(keys: dict[str, str]) -> None:
    """
    An id means one audience in a whole region, whoever asks and whatever stands in between.
    """
    other = target(destination="second", connection_id=OTHER_CONNECTION)
    example = Example().put("destinations.second", destination(**keys))
    example.put("audiences.1", {"audience": "lapsed", "destinations": [other]})

    assert (
        "audiences[1].destinations[0].audience_id: is already fed by "
        "audiences[0].destinations[0] through the destination 'amazon-na', which reaches the same "
        "audience: each would undo the other's changes: 1; remove one of the two"
    ) in example.refusal()


def test_one_id_in_two_regions_is_two_audiences() -> None:
    example = two_destinations(
        target(), target(destination="amazon-eu", connection_id=OTHER_CONNECTION)
    )

    assert len(lanes(settings_of(example))) == 2


def test_topics_that_kafka_would_take_for_one_are_refused() -> None:
    example = two_destinations(
        target(audience_id=1, connection_id="a.b"), target(audience_id=2, connection_id="a_b")
    )

    assert "which Kafka refuses" in example.refusal()


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (
            "audiences.1",
            {"audience": "vip", "destinations": [target(audience_id=2)]},
            "audiences[1].audience: is configured twice: 'vip'; put all its destinations",
        ),
        (
            "audiences.0.upstream",
            ["a", "b", "a"],
            "audiences[0].upstream[2]: is in the list twice: 'a'; remove one of the two",
        ),
        ("sources.1", {"topic": "cdp.membership"}, "sources[1].topic: is read twice: 'cdp.mem"),
        ("sources.0.topic", "audience.jobs", "is a topic that this program writes, so"),
        ("sources.0.topic", "audience.records.x.y", "is a topic that this program writes"),
        ("sources.0.topic", "audience.dead-letters", "is a topic that this program writes"),
        ("destinations.Amazon_NA", destination(), "destinations.Amazon_NA: differs from another"),
        ("kafka.heartbeat_interval_ms", 3_334, "3334; set it to 3333 or less"),
        ("kafka.rebalance_timeout_ms", 13_000, "13000; set it above 13000, or to null"),
        ("upload.drain_seconds", 25, "run.grace_seconds: must be more than upload.drain_seconds"),
        ("upload.buffer_bytes", 7_999_999, "7999999; set it to 8000000 or more, or lower batch"),
        ("destinations.amazon-na.hourly_cap", 60_001, "above 60001: 60001"),
    ],
)
def test_keys_that_contradict_each_other_are_refused(path: str, value: object, said: str) -> None:
    refusal = Example().put(path, value).refusal()

    assert said in refusal
    assert len(refusal.splitlines()) == 1


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("sources.0.topic", "audience.events"),
        ("kafka.heartbeat_interval_ms", 3_333),
        ("kafka.rebalance_timeout_ms", 13_001),
        ("upload.buffer_bytes", 8_000_000),
        ("destinations.amazon-na.hourly_cap", 60_002),
    ],
)
def test_the_last_value_before_a_contradiction_is_taken(path: str, value: object) -> None:
    assert isinstance(settings_of(Example().put(path, value)), Settings)


def test_every_lane_needs_two_batches_of_its_own_destination() -> None:
    example = two_destinations(
        target(audience_id=1),
        target(audience_id=2, advertiser_id=5),
        target(audience_id=3, destination="amazon-eu", connection_id=OTHER_CONNECTION),
    )
    example.put("destinations.amazon-eu.batch", {"max_bytes": 1_000_000})
    example.put("upload.buffer_bytes", 17_999_999)

    refusal = example.refusal()

    assert "two batches of each of the 3 lanes: 17999999; set it to 18000000 or more" in refusal


@given(
    st.integers(3_000, 100_000), st.integers(100, 100_000), st.floats(0, 100), st.integers(0, 500)
)
def test_the_derived_rebalance_outlasts_session_drain_and_heartbeat(
    session_ms: int, heartbeat_ms: int, drain: float, spare: int
) -> None:
    assume(heartbeat_ms * 3 <= session_ms)
    example = Example().put("upload.drain_seconds", drain).put("run.grace_seconds", drain + 1)
    example.put("kafka.session_timeout_ms", session_ms)
    example.put("kafka.heartbeat_interval_ms", heartbeat_ms)

    derived = settings_of(example).rebalance_timeout_ms()

    assert derived > session_ms + 1_000 * drain + heartbeat_ms


@given(st.integers(1, 15_000_000), st.floats(1, 7_200), st.integers(1, 10_000), st.integers(1, 100))
def test_a_cap_is_taken_exactly_where_its_arithmetic_leaves_something_to_send(
    cap: int, window: float, batch: int, in_flight: int
) -> None:
    keys = destination(
        hourly_cap=cap,
        cap_window_seconds=window,
        batch={"max_records": batch},
        max_in_flight=in_flight,
    )
    example = Example().put("destinations.amazon-na", keys)
    reserve = 2 * batch + 2 * in_flight * batch
    is_enough = cap - 1 - reserve > 0

    try:
        found = amazon(settings_of(example))
    except SettingsError as refused:
        assert not is_enough, refused  # noqa: PT017 -- what is refused depends on the numbers
    else:
        assert is_enough
        assert found.pace().rate == pytest.approx((cap - 1 - reserve) / (1.001 * window))
        assert found.pace().burst == 2 * batch


def test_the_example_needs_no_advice() -> None:
    assert advice(settings_of(Example()), PARTNERS) == []


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("kafka.exactly_once", False, "kafka.exactly_once: false, so delivery is at least once"),
        ("kafka.instance_id", "pod-0", "kafka.instance_id: 'pod-0', so the platform must"),
        ("destinations.amazon-na.batch", {"max_records": 6_001}, "batch.max_records: 6001 is more"),
        ("destinations.amazon-na.hourly_cap", 7_499_999, "hourly_cap: 0.8% of 7499999 is reserved"),
        ("destinations.amazon-na.hourly_cap", 1_000_000, "hourly_cap: 6.0% of 1000000 is reserved"),
        ("destinations.amazon-na.max_in_flight", 1, "late_seconds: 10 is longer than the 2.9 s"),
        ("destinations.amazon-na.cap_window_seconds", 60, "cap_window_seconds: 60 is shorter"),
        (
            "destinations.amazon-na.batch",
            {"linger_seconds": 5_000},
            "batch.linger_seconds: 5000 is longer than cap_window_seconds (3600)",
        ),
        (
            "audiences.0.destinations.0.connection_id",
            "5a523424",
            "destinations.amazon-na.connection_id: '5a523424' does not look like a connection id",
        ),
        (
            "audiences.1",
            {"audience": "Vip", "destinations": [target(audience_id=2)]},
            "audiences[1]: 'Vip' differs from 'vip' of audiences[0] only in letter case",
        ),
        (
            "audiences.1",
            {"audience": "x", "upstream": ["VIP"], "destinations": [target(audience_id=2)]},
            "audiences[1]: 'VIP' differs from 'vip' of audiences[0] only in letter case",
        ),
        ("destinations.amazon-na.api_url", "http://proxy:80", "api_url: 'http://proxy:80' sends"),
        ("destinations.amazon-eu", destination(), "destinations.amazon-eu: no audience goes there"),
        ("sources", [], "sources: none, so there is nothing to ingest"),
        (
            "sources",
            [{"topic": "cdp", "format": "segment"}],
            "sources[0]: format segment: Segment writes an empty key unless it is mapped",
        ),
        ("audiences", [], "audiences: none, so every event becomes a dead letter"),
    ],
)
def test_what_may_not_be_meant_is_advised_against_and_taken(
    path: str, value: object, said: str
) -> None:
    lines = advice(settings_of(Example().put(path, value)), PARTNERS)

    assert len(lines) == 1
    assert said in lines[0]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("destinations.amazon-na.hourly_cap", 7_500_000),
        ("destinations.amazon-na.api_url", "http://127.0.0.1:80"),
        ("destinations.amazon-na.api_url", "http://localhost:80"),
        ("destinations.amazon-na.batch", {"max_records": 6_000}),
        ("destinations.amazon-na.batch", {"linger_seconds": 3_600}),
        ("audiences.0.destinations.0.connection_id", CONNECTION.upper()),
        ("audiences.0.upstream", ["Vip", "VIP"]),
    ],
)
def test_what_is_within_its_bounds_gets_no_advice(path: str, value: object) -> None:
    assert advice(settings_of(Example().put(path, value)), PARTNERS) == []


def test_a_password_that_travels_unencrypted_is_advised_against() -> None:
    sasl = {"mechanism": "PLAIN", "username": "me", "password": "hush"}
    example = Example().put("kafka", {"security_protocol": "SASL_PLAINTEXT", "sasl": sasl})

    assert "use SASL_SSL" in advice(settings_of(example), PARTNERS)[0]


@pytest.mark.parametrize("window_seconds", [3, 4])
def test_a_session_outlasts_the_window_of_a_file_on_both_sides(window_seconds: int) -> None:
    """
    Else a run could take the file of a former owner, too, which it began right before it was gone.
    """
    adobe = {
        "kind": "adobe_external_audiences",
        "org_id": "org@AdobeOrg",
        "client_id": "client",
        "client_secret": "hush",
        "storage": {"kind": "folder", "path": "files"},
        "snapshot": {"window_seconds": window_seconds},
    }
    example = (
        Example()
        .put("destinations.adobe", adobe)
        .put("kafka.session_timeout_ms", 7_000)
        .put("kafka.heartbeat_interval_ms", 1_000)
    )

    if window_seconds == 3:
        assert settings_of(example).kafka.session_timeout_ms == 7_000
        return
    with pytest.raises(SettingsError) as refused:
        settings_of(example)
    assert "kafka.session_timeout_ms" in str(refused.value)
    assert "set it above 8000" in str(refused.value)


def test_one_audience_of_the_partner_in_two_letter_cases_is_one() -> None:
    """
    Ids are copied by hand. Two owners of one audience would let all members of the other leave.
    """
    adobe = {
        "kind": "adobe_external_audiences",
        "org_id": "org@AdobeOrg",
        "client_id": "client",
        "client_secret": "hush",
        "storage": {"kind": "folder", "path": "files"},
    }
    example = Example().put("destinations.adobe", adobe)
    for place, one in enumerate(("60ccea95-1435", "60CCEA95-1435"), start=1):
        said = {
            "destination": "adobe",
            "external_audience_id": one,
            "identity": {"namespace": "ECID", "from": "attributes.ecid"},
        }
        example.put(f"audiences.{place}", {"audience": f"vip-{place}", "destinations": [said]})

    assert "is already fed by audiences[1].destinations[0]" in example.refusal()
