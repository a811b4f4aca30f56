"""The native event: the format for upstreams that can choose their own.

An add is read strictly: a wrong value is rejected with its key, and nothing is guessed. A remove
needs only its action, audience, member and time. Wrong values in its other keys are left out, so
that the member is removed anyway. Unknown keys, and keys such as `event_id`, are ignored.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

from pipeline.domain.change import Attributes, MembershipChange
from pipeline.domain.reasons import Ignored, Rejected
from pipeline.identity.normalize.fields import FIELDS
from pipeline.sources.json_text import loaded
from pipeline.sources.numbers import number_text
from pipeline.sources.timestamps import epoch_milliseconds

NUMERIC_FIELDS: Final = frozenset({"phone", "postal"})
"""Upstreams also write these as numbers, which are read as text of the same digits."""

_TOMBSTONE: Final = Ignored("tombstone")
_FIELDS: Final = frozenset(FIELDS)
_SCALARS: Final = frozenset({str, int, float, bool})
_UNSAID: Final = (False, False, None)
"""The last fields of a change, which no native event can set."""
_UNREADABLE: Final = ""
"""Replaces a name of an audience that cannot be read; no configured audience has it."""


class _Malformed(Exception):
    """The value is not a native event; the message names the key, but never quotes the value."""


def read(value: bytes | None) -> Sequence[MembershipChange] | Ignored | Rejected:
    """The changes of one event: one, or one for each audience in a withdrawal of consent.

    A withdrawal becomes removes; without a list of audiences it is one remove with `audience=None`,
    which means every configured audience. An unreadable name in the list becomes a remove of the
    audience "", which is never configured, and does not stop the others. Whole numbers become text
    in names of audiences, ids of members, phones and postal codes. A null value is ignored as a
    tombstone. Identities and consent stay as upstream wrote them.

    >>> read(b'{"audience": "vip", "action": "join"}').detail
    'action: must be add, remove or withdraw_consent'
    """
    if value is None:
        return _TOMBSTONE
    try:
        try:
            event = orjson.loads(value)
        except orjson.JSONDecodeError:
            event = loaded(value)  # again, because a byte order mark may be before it
        return _usual(event) or _changes(event)
    except orjson.JSONDecodeError as error:
        return Rejected("malformed", f"not JSON: see line {error.lineno}, column {error.colno}")
    except _Malformed as error:
        return Rejected("malformed", str(error))


# `type(x) is` is faster than isinstance, and orjson never returns a subclass.
def _usual(event: Any) -> tuple[MembershipChange] | None:
    """The result of `_changes` for an event of the usual shape; None for all other events.

    To check everything in one expression takes half as long as to find the wrong key.
    """
    try:
        action, audience, member = event["action"], event["audience"], event["member"]
        member_id, country, identities = member["id"], member.get("country"), member["identities"]
        consent, attributes = event.get("consent"), member.get("attributes")
        occurred_at_ms = epoch_milliseconds(event["occurred_at"])
        if not (
            (action == "add" or action == "remove")
            and type(audience) is type(member_id) is str
            and audience
            and member_id
            and (country is None or type(country) is str)
            and (consent is None or type(consent) is dict)
            and type(identities) is list
            and occurred_at_ms is not None
            and (attributes is None or _is_plain(attributes))
        ):
            return None
        for identity in identities:
            for value in identity.values():
                if type(value) is not str:
                    return None
    except (KeyError, TypeError, AttributeError):
        return None
    attributes = attributes or None
    said = (audience, action, member_id, country, identities, consent, occurred_at_ms, attributes)
    # The same as the constructor of the class, at half the cost.
    return (tuple.__new__(MembershipChange, said + _UNSAID),)


def _changes(event: object) -> Sequence[MembershipChange]:
    if type(event) is not dict:
        raise _Malformed("the event must be a JSON object")
    action = event.get("action")
    if action == "add":
        return (_add(event, _named(event.get("audience"), "audience")),)
    if action == "remove":
        return (_remove(event, _named(event.get("audience"), "audience")),)
    if action == "withdraw_consent":
        return [
            _remove(event, audience)._replace(is_withdrawal=True) for audience in _withdrawn(event)
        ]
    raise _Malformed("action: must be add, remove or withdraw_consent")


def _add(event: Mapping[str, object], audience: str) -> MembershipChange:
    member, member_id, occurred_at_ms = _whose_and_when(event)
    country = member.get("country")
    if country is not None and type(country) is not str:
        raise _Malformed("member.country: must be a string")
    consent = event.get("consent")
    if consent is not None and type(consent) is not dict:
        raise _Malformed("consent: must be an object")
    identities = _identities(member.get("identities"))
    attributes, wrong = attributes_of(member.get("attributes"))
    if wrong is not None:
        raise _Malformed(wrong)
    return MembershipChange(
        audience, "add", member_id, country, identities, consent, occurred_at_ms, attributes
    )


def _remove(event: Mapping[str, object], audience: str | None) -> MembershipChange:
    """A remove: strict about action, audience, member and time; other values if usable."""
    member, member_id, occurred_at_ms = _whose_and_when(event)
    country, consent = member.get("country"), event.get("consent")
    attributes, _ = attributes_of(member.get("attributes"))
    return MembershipChange(
        audience,
        "remove",
        member_id,
        country if type(country) is str else None,
        _usable_identities(member.get("identities")),
        consent if type(consent) is dict else None,
        occurred_at_ms,
        attributes,
    )


def _whose_and_when(event: Mapping[str, object]) -> tuple[Mapping[str, object], str, int]:
    member = event.get("member")
    if type(member) is not dict:
        raise _Malformed("member: must be an object")
    occurred_at_ms = epoch_milliseconds(event.get("occurred_at"))
    if occurred_at_ms is None:
        raise _Malformed(
            "occurred_at: must be ISO 8601 with an offset, or seconds or milliseconds as a "
            "number, from 1970 to 2999"
        )
    return member, _named(member.get("id"), "member.id"), occurred_at_ms


def _withdrawn(event: Mapping[str, object]) -> Sequence[str | None]:
    audiences = event.get("audiences")
    if audiences is None:
        audience = event.get("audience")
        return (None,) if audience is None else (_named(audience, "audience"),)
    names = [_name(audience) for audience in audiences] if type(audiences) is list else []
    if not any(names):
        raise _Malformed("audiences: must be a list of names, or absent for all audiences")
    return [name or _UNREADABLE for name in names]


def _identities(identities: object) -> Sequence[Mapping[str, str]]:
    if identities is None:
        return ()
    if type(identities) is not list:
        raise _Malformed("member.identities: must be a list")
    try:
        for identity in identities:
            "".join(identity.values())  # the fastest check that all values are strings
    except (TypeError, AttributeError):
        return [_identity(identity) for identity in identities]
    return identities


def _identity(identity: object) -> Mapping[str, str]:
    """The fields that have a value: null counts as absent, and unknown keys are ignored."""
    if type(identity) is not dict:
        raise _Malformed("member.identities: every identity must be an object")
    fields = _usable_fields(identity)
    for field, value in identity.items():
        if field in _FIELDS and value is not None and field not in fields:
            or_number = " or a whole number" if field in NUMERIC_FIELDS else ""
            raise _Malformed(f"member.identities: {field} must be a string{or_number}")
    return fields


def _usable_identities(identities: object) -> Sequence[Mapping[str, str]]:
    """The usable identities of a remove; a single one need not be in a list."""
    if identities is None:
        return ()
    listed = identities if type(identities) is list else [identities]
    objects = [identity for identity in listed if type(identity) is dict]
    is_plain = len(objects) == len(listed) and all(
        type(value) is str for identity in objects for value in identity.values()
    )
    return objects if is_plain else [_usable_fields(identity) for identity in objects]


def _usable_fields(identity: Mapping[str, object]) -> dict[str, str]:
    fields: dict[str, str] = {}
    for field, value in identity.items():
        if field not in _FIELDS:
            continue
        if type(value) is str:
            fields[field] = value
        elif field in NUMERIC_FIELDS and (digits := number_text(value)).isdecimal():
            fields[field] = digits
    return fields


def _is_plain(attributes: object) -> bool:
    """Whether these attributes need no check: all have an allowed type, and none is null."""
    return type(attributes) is dict and all(type(one) in _SCALARS for one in attributes.values())


def attributes_of(said: object) -> tuple[Attributes | None, str | None]:
    """The attributes that have a value, and the error of the object, or None."""
    if said is None:
        return None, None
    if type(said) is not dict:
        return None, "member.attributes: must be an object"
    known = {name: value for name, value in said.items() if type(value) in _SCALARS}
    is_right = all(value is None for name, value in said.items() if name not in known)
    wrong = "member.attributes: every value must be text, a number or a boolean"
    return known or None, None if is_right else wrong


def _name(value: object) -> str:
    """A name or an id as text, or "" for any other value."""
    return value if type(value) is str else number_text(value)


def _named(value: object, place: str) -> str:
    name = _name(value)
    if name:
        return name
    raise _Malformed(f"{place}: must be a string that is not empty, or a whole number")
