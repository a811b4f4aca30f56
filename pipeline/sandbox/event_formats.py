"""The formats in which the sandbox's upstream writes events, one for each platform."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import orjson

from pipeline.identity.normalize.fields import FIELDS

Event = Mapping[str, Any]
"""A native add or remove, right or wrong; every format writes it with the same errors."""

ATTRIBUTES: Final = ("tier", "visits")
"""Attributes of a member that become columns of a file."""
_IS_IN: Final = {"add": True, "remove": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFormat:
    """The form in which one platform writes events, and the source that reads it."""

    write: Callable[[Event], Any]
    """The JSON value of the message."""
    source: Mapping[str, Any]
    """The keys of the source in the configuration, beside its topic."""
    withdraws: bool = False
    """Whether the format has withdrawals of consent."""
    counts_unknown: bool = False
    """Whether a change of an unknown audience is counted as one before it is rejected."""

    def message(self, event: Event) -> bytes:
        return orjson.dumps(self.write(event))


def _mapping(*, person: str, consent: str, **more: Any) -> Mapping[str, Any]:
    """A mapping for parts that platforms do not have: all fields, any country and consent."""
    identity = {name: {"item": f"/{name}"} for name in FIELDS}
    return {
        "country": {"pointer": f"{person}/country"},
        "attributes": {name: {"pointer": f"{person}/attributes/{name}"} for name in ATTRIBUTES},
        "identities": [{"for_each": f"{person}/identities", **identity}],
        "consent": {
            "tcf": {"pointer": f"{consent}/tcf"},
            "gpp": {"pointer": f"{consent}/gpp"},
            "amazon": {
                "ad_storage": {"pointer": f"{consent}/amazon/ad_storage"},
                "user_data": {"pointer": f"{consent}/amazon/user_data"},
            },
        },
        **more,
    }


def _segment(event: Event) -> Any:
    audience, action = event.get("audience"), event["action"]
    traits = {"person": event["member"], str(audience): _IS_IN.get(action, action)}
    personas = {"computation_class": "audience", "computation_key": audience}
    return {
        "type": "identify",
        "userId": event["member"].get("id"),
        "timestamp": event["occurred_at"],
        "traits": traits,
        "context": {"personas": personas, "signals": event.get("consent")},
    }


def _mparticle(event: Event) -> Any:
    action = {"add": "add", "remove": "delete"}.get(event["action"], event["action"])
    member = event["member"]
    profile = {
        "mpid": member.get("id"),
        "user_identities": [],
        "audiences": [{"audience_id": event.get("audience"), "action": action}],
    }
    return {
        "type": "audience_membership_change_request",
        "timestamp_ms": event["occurred_at"],
        "user_profiles": [profile],
        "person": member,
        "signals": event.get("consent"),
    }


def _adobe(event: Event) -> Any:
    status = {"add": "realized", "remove": "exited"}.get(event["action"], event["action"])
    state = {"status": status, "lastQualificationTime": event["occurred_at"]}
    audience, member = event.get("audience"), event["member"]
    return {
        "segmentMembership": [] if audience is None else {"ups": {audience: state}},
        "identityMap": {"crm": [{"id": member.get("id")}]},
        "person": member,
        "signals": event.get("consent"),
    }


def _rudderstack(event: Event) -> Any:
    action = {"add": "insert", "remove": "delete"}.get(event["action"], event["action"])
    member = event["member"]
    return {
        "type": "record",
        "action": action,
        "identifiers": {"id": member.get("id")},
        "fields": {},
        "originalTimestamp": event["occurred_at"],
        "context": {"audience": event.get("audience"), "signals": event.get("consent")},
        "person": member,
    }


def _debezium(event: Event) -> Any:
    member, action = event["member"], event["action"]
    row = {
        "audience": event.get("audience"),
        "member": member.get("id"),
        "is_member": _IS_IN.get(action, action),
        "updated_at": event["occurred_at"],
        "person": member,
        "signals": event.get("consent"),
    }
    committed = {"ts_ms": _milliseconds(event["occurred_at"])}
    return {"op": "u", "before": None, "after": row, "source": committed}


def _milliseconds(moment: Any) -> Any:
    """The time of the commit: the time of the change, if it has one."""
    if not isinstance(moment, str):
        return moment
    return round(datetime.fromisoformat(moment).timestamp() * 1000)


def _custom(event: Event) -> Any:
    member, action = event["member"], event["action"]
    return {
        "segment": event.get("audience"),
        "op": {"add": "enter", "remove": "exit"}.get(action, action),
        "at": event["occurred_at"],
        "person": member,
        "signals": event.get("consent"),
    }


FORMATS: Final[Mapping[str, EventFormat]] = {
    "native": EventFormat(
        write=dict, source={"format": "native"}, withdraws=True, counts_unknown=True
    ),
    "segment": EventFormat(
        write=_segment,
        source={
            "format": "segment",
            "mapping": _mapping(person="/traits/person", consent="/context/signals"),
        },
    ),
    "mparticle": EventFormat(
        write=_mparticle,
        source={"format": "mparticle", "mapping": _mapping(person="/person", consent="/signals")},
    ),
    "adobe_rtcdp": EventFormat(
        write=_adobe,
        source={
            "format": "adobe_rtcdp",
            "mapping": _mapping(
                person="/person",
                consent="/signals",
                member={"pointer": "/identityMap/crm/0/id"},
            ),
        },
    ),
    "rudderstack": EventFormat(
        write=_rudderstack,
        source={
            "format": "rudderstack",
            "mapping": _mapping(
                person="/person",
                consent="/context/signals",
                audience={"pointer": "/context/audience"},
                member={"pointer": "/identifiers/id"},
            ),
        },
    ),
    "debezium": EventFormat(
        write=_debezium,
        source={
            "format": "debezium",
            "table": {
                "kind": "membership_rows",
                "audience": "audience",
                "member": "member",
                "active": "is_member",
                "changed_at": "updated_at",
            },
            "mapping": _mapping(person="/after/person", consent="/after/signals"),
        },
    ),
    "mapping": EventFormat(
        write=_custom,
        source={
            "format": "mapping",
            "mapping": _mapping(
                person="/person",
                consent="/signals",
                audience={"pointer": "/segment"},
                action={"pointer": "/op", "add": ["enter"], "remove": ["exit"]},
                member={"pointer": "/person/id"},
                occurred_at={"pointer": "/at"},
            ),
        },
    ),
}
"""The formats, by their names in `sources`."""
