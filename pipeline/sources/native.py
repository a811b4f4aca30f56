"""The native event: the format for upstreams that can choose their own.

Strict in what decides something (the action, the ids, the time, the shape of identities): nothing
is coerced, and what does not fit is rejected with the key that is wrong. Keys it does not know
are passed over.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

from pipeline.domain.change import Action, MembershipChange
from pipeline.domain.reasons import Ignored, Rejected
from pipeline.identity.normalize.fields import FIELDS
from pipeline.sources.timestamps import ISO_PATTERN, NUMBER_BOUNDS, epoch_milliseconds

_TOMBSTONE: Final = Ignored("tombstone")
_FIELDS: Final = frozenset(FIELDS)


class _Malformed(Exception):
    """The value is no native event; the message names the key and never quotes it."""


def read(value: bytes | None) -> Sequence[MembershipChange] | Ignored | Rejected:
    """The changes one event states: one, or one for each audience a withdrawal lists.

    A withdrawal of consent becomes removes; without a list of audiences it is one remove with
    `audience=None`, which means every configured audience. A null value is ignored as a tombstone.
    The identities and the consent are handed on as upstream wrote them.

    >>> read(b'{"audience": "vip", "action": "join"}')
    Rejected(reason='malformed', detail='action: must be add, remove or withdraw_consent')
    """
    if value is None:
        return _TOMBSTONE
    try:
        event = orjson.loads(value)
        return _usual(event) or _changes(event)
    except orjson.JSONDecodeError as error:
        return Rejected("malformed", f"not JSON: see line {error.lineno}, column {error.colno}")
    except _Malformed as error:
        return Rejected("malformed", str(error))


# `type(x) is` and not isinstance: what orjson gives is never a subclass, and it is quicker.
def _usual(event: Any) -> tuple[MembershipChange] | None:
    """What `_changes` makes of an event of the usual shape; None for any other, right or wrong.

    Asking everything at once, in one call, takes half as long as finding out what is wrong.
    """
    try:
        action, audience, member = event["action"], event["audience"], event["member"]
        member_id, country, identities = member["id"], member.get("country"), member["identities"]
        consent = event.get("consent")
        occurred_at_ms = epoch_milliseconds(event["occurred_at"])
        if not (
            (action == "add" or action == "remove")
            and type(audience) is type(member_id) is type(event.get("event_id", "")) is str
            and audience
            and member_id
            and (country is None or type(country) is str)
            and (consent is None or type(consent) is dict)
            and type(identities) is list
            and occurred_at_ms is not None
        ):
            return None
        for identity in identities:
            for value in identity.values():
                if type(value) is not str:
                    return None
    except (KeyError, TypeError, AttributeError):
        return None
    # Half the price of the class's own constructor, which does the same.
    return (
        tuple.__new__(
            MembershipChange,
            (
                audience,
                action,
                member_id,
                country,
                identities,
                consent,
                occurred_at_ms,
                None,
                False,
            ),
        ),
    )


def _changes(event: object) -> Sequence[MembershipChange]:
    if type(event) is not dict:
        raise _Malformed("the event must be a JSON object")
    if type(event.get("event_id", "")) is not str:
        raise _Malformed("event_id: must be a string")
    action = event.get("action")
    if action == "withdraw_consent":
        return [_change(event, "remove", audience) for audience in _withdrawn(event)]
    if action != "add" and action != "remove":
        raise _Malformed("action: must be add, remove or withdraw_consent")
    return (_change(event, action, _named(event.get("audience"), "audience")),)


def _change(event: Mapping[str, object], action: Action, audience: str | None) -> MembershipChange:
    member = event.get("member")
    if type(member) is not dict:
        raise _Malformed("member: must be an object")
    occurred_at_ms = epoch_milliseconds(event.get("occurred_at"))
    if occurred_at_ms is None:
        raise _Malformed(
            "occurred_at: must be ISO 8601 with an offset, or seconds or milliseconds as a number"
        )
    member_id = member.get("id")
    if type(member_id) is not str or not member_id:
        raise _Malformed("member.id: must be a string that is not empty")
    country = member.get("country")
    if country is not None and type(country) is not str:
        raise _Malformed("member.country: must be a string")
    consent = event.get("consent")
    if consent is not None and type(consent) is not dict:
        raise _Malformed("consent: must be an object")
    identities = _identities(member.get("identities"))
    return MembershipChange(
        audience, action, member_id, country, identities, consent, occurred_at_ms
    )


def _withdrawn(event: Mapping[str, object]) -> Sequence[str | None]:
    audiences = event.get("audiences")
    if audiences is None:
        audience = event.get("audience")
        return (None,) if audience is None else (_named(audience, "audience"),)
    if not isinstance(audiences, list) or not audiences:
        raise _Malformed("audiences: must be a list of names, or absent for all audiences")
    return [_named(audience, "audiences") for audience in audiences]


def _identities(identities: object) -> Sequence[Mapping[str, str]]:
    if identities is None:
        return ()
    if type(identities) is not list:
        raise _Malformed("member.identities: must be a list")
    try:
        for identity in identities:
            "".join(identity.values())  # the quickest way to ask whether all are strings
    except (TypeError, AttributeError):
        return [_identity(identity) for identity in identities]
    return identities


def _identity(identity: object) -> Mapping[str, str]:
    """The fields that have a value: null is absent, and unknown keys may hold anything."""
    if not isinstance(identity, dict):
        raise _Malformed("member.identities: every identity must be an object")
    fields: dict[str, str] = {}
    for field in _FIELDS & identity.keys():
        value = identity[field]
        if isinstance(value, str):
            fields[field] = value
        elif value is not None:
            raise _Malformed(f"member.identities: {field} must be a string")
    return fields


def _named(value: object, place: str) -> str:
    if type(value) is str and value:
        return value
    raise _Malformed(f"{place}: must be a string that is not empty")


_NAME: Final = {"type": "string", "minLength": 1}
_OPTIONAL_TEXT: Final = {"type": ["string", "null"]}

EVENT_SCHEMA: Final[Mapping[str, object]] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Audience membership event",
    "description": "One change of one member: in or out of an audience, or consent withdrawn.",
    "type": "object",
    "required": ["action", "occurred_at", "member"],
    "properties": {
        "event_id": {
            "type": "string",
            "description": "Any identifier, for people who search.",
        },
        "audience": {"description": "The audience's name; required to add and to remove."},
        "audiences": {"description": "For withdraw_consent: the audiences; absent means all."},
        "action": {"enum": ["add", "remove", "withdraw_consent"]},
        "occurred_at": {
            "description": "When it happened: ISO 8601 with an offset, or seconds or milliseconds.",
            "anyOf": [
                {"type": "string", "pattern": ISO_PATTERN},
                {
                    "type": "number",
                    "minimum": NUMBER_BOUNDS[0],
                    "exclusiveMaximum": NUMBER_BOUNDS[1],
                },
            ],
        },
        "member": {
            "type": "object",
            "required": ["id"],
            "properties": {
                "id": _NAME,
                "country": {
                    **_OPTIONAL_TEXT,
                    "description": "ISO 3166 alpha-2; over the audience's and the destination's.",
                },
                "identities": {
                    "type": ["array", "null"],
                    "description": "Fields that belong together; each plain or SHA-256 in hex.",
                    "items": {
                        "type": "object",
                        "properties": dict.fromkeys(FIELDS, _OPTIONAL_TEXT),
                    },
                },
            },
        },
        "consent": {
            "type": ["object", "null"],
            "description": "At most one of tcf, gpp (strings) and amazon: {ad_storage, user_data}, "
            "each GRANTED or DENIED. Anything else counts as no signal.",
        },
    },
    "allOf": [
        {
            "if": {"properties": {"action": {"enum": ["add", "remove"]}}},
            "then": {"required": ["audience"], "properties": {"audience": _NAME}},
            "else": {
                "properties": {
                    "audiences": {"type": ["array", "null"], "minItems": 1, "items": _NAME}
                },
                "if": {"properties": {"audiences": {"type": "null"}}},
                "then": {"properties": {"audience": {**_OPTIONAL_TEXT, "minLength": 1}}},
            },
        }
    ],
}
"""The native event as a JSON Schema; `read` takes what it accepts, but for days a month lacks."""
