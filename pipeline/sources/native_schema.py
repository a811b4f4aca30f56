"""The native event as a JSON Schema, for upstreams that check what they write."""

from collections.abc import Mapping
from typing import Any, Final

from pipeline.identity.normalize.fields import FIELDS
from pipeline.sources.native import NUMERIC_FIELDS
from pipeline.sources.timestamps import ISO_PATTERN, NUMBER_BOUNDS

_WHOLE: Final = {"type": "integer"}
_NAME: Final = {"anyOf": [{"type": "string", "minLength": 1}, _WHOLE]}
_OPTIONAL_TEXT: Final = {"type": ["string", "null"]}
_OPTIONAL_DIGITS: Final = {"type": ["string", "null", "integer"], "minimum": 0}


def _of_action(action: str, then: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"if": {"properties": {"action": {"const": action}}}, "then": then}


_ADD: Final = {
    "required": ["audience"],
    "properties": {
        "audience": _NAME,
        "member": {
            "properties": {
                "country": _OPTIONAL_TEXT,
                "identities": {
                    "type": ["array", "null"],
                    "items": {
                        "type": "object",
                        "properties": {
                            field: _OPTIONAL_DIGITS if field in NUMERIC_FIELDS else _OPTIONAL_TEXT
                            for field in FIELDS
                        },
                    },
                },
                "attributes": {
                    "type": ["object", "null"],
                    "additionalProperties": {"type": ["string", "number", "boolean", "null"]},
                },
            },
        },
        "consent": {"type": ["object", "null"]},
    },
}
_REMOVE: Final = {"required": ["audience"], "properties": {"audience": _NAME}}
_WITHDRAW: Final = {
    "properties": {"audiences": {"type": ["array", "null"], "contains": _NAME}},
    "if": {"properties": {"audiences": {"type": "null"}}},
    "then": {"properties": {"audience": {"anyOf": [{"type": "null"}, _NAME]}}},
}

EVENT_SCHEMA: Final[Mapping[str, object]] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Audience membership event",
    "description": "One change of one member: in or out of an audience, or consent withdrawn. "
    "A remove or a withdrawal needs only action, audience, member and time.",
    "type": "object",
    "required": ["action", "occurred_at", "member"],
    "properties": {
        "event_id": {"description": "Any identifier, for people who search."},
        "audience": {"description": "The audience's name; required to add and to remove."},
        "audiences": {"description": "For withdraw_consent: the audiences; absent means all."},
        "action": {"enum": ["add", "remove", "withdraw_consent"]},
        "occurred_at": {
            "description": "When it happened: ISO 8601 with an offset, or seconds or milliseconds.",
            "anyOf": [
                {"type": "string", "pattern": ISO_PATTERN},
                *(
                    {"type": "number", "minimum": first, "exclusiveMaximum": end}
                    for first, end in NUMBER_BOUNDS
                ),
            ],
        },
        "member": {
            "type": "object",
            "required": ["id"],
            "properties": {
                "id": _NAME,
                "country": {"description": "ISO 3166 alpha-2; overrides the configured country."},
                "identities": {
                    "description": "A list of fields that belong together; each plain or SHA-256."
                },
                "attributes": {
                    "description": "Text, numbers and booleans for columns of snapshots, by name."
                },
            },
        },
        "consent": {
            "description": "At most one of tcf, gpp (strings) and amazon: {ad_storage, user_data}, "
            "each GRANTED or DENIED. Anything else counts as no signal."
        },
    },
    "allOf": [
        _of_action("add", _ADD),
        _of_action("remove", _REMOVE),
        _of_action("withdraw_consent", _WITHDRAW),
    ],
}
"""`read` accepts what this schema accepts, except dates that do not exist and inexact numbers."""
