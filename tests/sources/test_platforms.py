"""What the corpus does not show of the platforms: their consent, and removals by a key alone."""

from typing import Any

import orjson
import pytest

from pipeline.domain.change import MembershipChange
from pipeline.domain.reasons import Ignored, Rejected
from tests.sources.messages import Sent, reader

AT = "2026-08-20T10:15:00Z"
GRANTED = {"amazon": {"ad_storage": "GRANTED", "user_data": "GRANTED"}}
DENIED = {"amazon": {"ad_storage": "DENIED", "user_data": "DENIED"}}


def segment(**context: Any) -> bytes:
    personas = {"computation_class": "audience", "computation_key": "high_value"}
    return orjson.dumps(
        {
            "type": "identify",
            "userId": "u-1",
            "timestamp": AT,
            "traits": {"high_value": True},
            "context": {"personas": personas, **context},
        }
    )


def change(value: bytes | None, key: bytes | None = None, **keys: Any) -> MembershipChange:
    outcome = reader(**keys)(Sent(value, key))
    assert isinstance(outcome, tuple | list), outcome
    [one] = outcome
    assert isinstance(one, MembershipChange)
    return one


@pytest.mark.parametrize(
    ("preferences", "expected"),
    [
        ({"Ads": True, "Share": True}, GRANTED),
        ({"Ads": True, "Share": False}, DENIED),
        ({"Ads": False}, DENIED),
        ({"Ads": True}, None),
        ({"Ads": True, "Share": "conflict"}, None),
        ({"Ads": "true", "Share": "true"}, None),
        ({"Ads": 1, "Share": 1}, None),
        ({}, None),
        (None, None),
        ([], None),
    ],
)
def test_several_categories_grant_together_and_each_denies_alone(
    preferences: object, expected: object
) -> None:
    found = change(
        segment(consent={"categoryPreferences": preferences}),
        format="segment",
        event_consent={"Ads": "amazon", "Share": "amazon"},
    )

    assert found.consent == expected


def test_without_a_category_in_the_configuration_consent_says_nothing() -> None:
    consent = {"categoryPreferences": {"Ads": True}}

    assert change(segment(consent=consent), format="segment").consent is None


@pytest.mark.parametrize(
    ("management", "expected"),
    [
        ({"allowedConsentIds": ["Ads"], "deniedConsentIds": []}, GRANTED),
        ({"allowedConsentIds": [], "deniedConsentIds": ["Ads"]}, DENIED),
        ({"allowedConsentIds": ["Ads"], "deniedConsentIds": ["Ads"]}, DENIED),
        ({"allowedConsentIds": ["Other"]}, None),
        ({"allowedConsentIds": "Ads"}, None),
        (None, None),
    ],
)
def test_rudderstack_lists_who_was_allowed(management: object, expected: object) -> None:
    event = {
        "type": "record",
        "action": "insert",
        "userId": "u-1",
        "fields": {"email": "ana@example.com"},
        "originalTimestamp": AT,
        "context": {"consentManagement": management},
    }

    found = change(
        orjson.dumps(event), format="rudderstack", audience="vip", event_consent={"Ads": "amazon"}
    )

    assert found.consent == expected
    assert found.member_id == "u-1"


@pytest.mark.parametrize(
    ("consented", "expected"), [(True, GRANTED), (False, DENIED), (None, None)]
)
def test_mparticle_has_consent_by_purpose(consented: object, expected: object) -> None:
    profile = {
        "mpid": "1",
        "audiences": [{"audience_id": 456, "action": "add"}],
        "consent_state": {"gdpr": {"ads": {"consented": consented, "timestamp_unixtime_ms": 1}}},
    }
    event = {
        "type": "audience_membership_change_request",
        "timestamp_ms": 1_766_300_000_123,
        "user_profiles": [profile],
    }

    found = change(orjson.dumps(event), format="mparticle", event_consent={"ads": "amazon"})

    assert found.consent == expected


def test_one_audience_may_be_that_of_a_whole_topic() -> None:
    event = {"action": "add", "occurred_at": AT, "member": {"id": "u-1"}}

    found = change(orjson.dumps(event), format="native", audience="high_value")

    assert found.audience == "vip"


KEYED = {"member": {"key": "/id"}, "audience": {"key": "/audience"}}


def test_any_format_can_remove_by_the_key_of_a_null_value() -> None:
    keys: dict[str, Any] = {"format": "segment", "tombstone": "remove", "mapping": KEYED}

    found = change(None, b'{"id": 7, "audience": "high_value"}', **keys)

    assert (found.action, found.member_id, found.audience) == ("remove", "7", "vip")
    assert found.occurred_at_ms == Sent(None).timestamp


def test_a_key_of_another_audience_removes_nobody() -> None:
    keys: dict[str, Any] = {"format": "segment", "tombstone": "remove", "mapping": KEYED}
    key = b'{"id": 7, "audience": "others"}'

    rejected = reader(**keys)(Sent(None, key))
    ignored = reader(**keys, unknown_audience="ignore")(Sent(None, key))

    assert isinstance(rejected, Rejected)
    assert ignored == Ignored("unknown_audience")


def test_debezium_removes_by_its_own_columns_in_the_key() -> None:
    table = {"kind": "membership_rows", "audience": "a", "member": "m"}

    found = change(
        None,
        b'{"schema": {}, "payload": {"a": "vip", "m": "c-7"}}',
        format="debezium",
        tombstone="remove",
        table=table,
    )

    assert (found.action, found.member_id) == ("remove", "c-7")


def test_a_plain_column_that_says_whether_a_row_counts_is_a_boolean() -> None:
    table = {"kind": "membership_rows", "audience": "a", "member": "m", "active": "on"}

    def read(value: object) -> object:
        row = {"a": "vip", "m": "c-7", "on": value}
        event = {"op": "u", "before": None, "after": row, "source": {"ts_ms": 1_766_225_700_400}}
        return reader(format="debezium", table=table)(Sent(orjson.dumps(event)))

    assert [one.action for one in read(True)] == ["add"]  # type: ignore[attr-defined]
    assert [one.action for one in read(False)] == ["remove"]  # type: ignore[attr-defined]
    for value in (1, 0, "true", None, "f"):
        assert isinstance(read(value), Rejected)


def test_a_soft_delete_is_said_by_absence() -> None:
    active = {"column": "deleted_at", "absent": "add", "present": "remove"}
    table = {"kind": "membership_rows", "audience": "a", "member": "m", "active": active}

    def action(deleted_at: object) -> str:
        row = {"a": "vip", "m": "c-7", "deleted_at": deleted_at}
        event = {"op": "u", "before": None, "after": row, "source": {"ts_ms": 1_766_225_700_400}}
        return change(orjson.dumps(event), format="debezium", table=table).action

    assert action(None) == "add"
    assert action(1_766_225_700_400) == "remove"


def test_a_row_that_comes_back_counts_from_the_commit() -> None:
    """
    It has the time of its first change, and its deletion in between has a later one.
    """
    table = {"kind": "membership_rows", "audience": "a", "member": "m", "changed_at": "at"}
    row = {"a": "vip", "m": "c-7", "at": 1_766_000_000_000}

    def read(op: str, committed_ms: int) -> MembershipChange:
        images = {"before": row, "after": None} if op == "d" else {"before": None, "after": row}
        event = {"op": op, **images, "source": {"ts_ms": committed_ms}}
        return change(orjson.dumps(event), format="debezium", table=table)

    deleted, restored = read("d", 1_766_100_000_000), read("c", 1_766_200_000_000)

    assert restored.occurred_at_ms == 1_766_000_000_000
    assert (deleted.stated_at_ms, restored.stated_at_ms) == (1_766_100_000_000, 1_766_200_000_000)


@pytest.mark.parametrize("keys", [{"envelope": "array"}, {"mapping": {"country": {"value": "DE"}}}])
def test_attributes_of_a_native_event_are_read_in_an_envelope_and_beside_a_mapping(
    keys: dict[str, Any],
) -> None:
    member = {"id": "u-1", "attributes": {"tier": "gold", "city": None}}
    event = {"audience": "vip", "action": "add", "occurred_at": AT, "member": member}
    value = orjson.dumps([event] if "envelope" in keys else event)

    assert change(value, **keys).attributes == {"tier": "gold"}


def test_an_attribute_that_is_none_is_malformed_beside_a_mapping_too() -> None:
    member = {"id": "u-1", "attributes": {"tier": ["gold"]}}
    event = {"audience": "vip", "action": "add", "occurred_at": AT, "member": member}

    outcome = reader(mapping={"country": {"value": "DE"}})(Sent(orjson.dumps(event)))

    assert isinstance(outcome, Rejected)
    assert outcome.detail.startswith("member.attributes: ")


def test_a_mapping_wins_over_the_format_and_sees_its_items() -> None:
    profile = {
        "mpid": "1",
        "crm": "c-7",
        "audiences": [{"audience_id": 456, "action": "add"}],
    }
    event = {
        "type": "audience_membership_change_request",
        "timestamp_ms": 1_766_300_000_123,
        "user_profiles": [profile],
        "country": "US",
    }
    mapping = {"member": {"item": "/crm"}, "country": {"pointer": "/country"}}

    found = change(orjson.dumps(event), format="mparticle", mapping=mapping)

    assert (found.member_id, found.country) == ("c-7", "US")
