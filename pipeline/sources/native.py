"""The native event: the format for upstreams that can choose their own.

An add is read strictly: what does not fit is rejected with the key that is wrong, and nothing is
guessed. A remove needs what decides it (action, audience, member, time) and nothing else: whatever
stands in its other keys, the person is taken out with what is usable of them. Keys that decide
nothing, such as `event_id`, and those it does not know are passed over.
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
"""Upstreams write these as numbers too; they are read as the digits they say."""

_TOMBSTONE: Final = Ignored("tombstone")
_FIELDS: Final = frozenset(FIELDS)
_SCALARS: Final = frozenset({str, int, float, bool})
_UNSAID: Final = (False, False, None)
"""The last fields of a change as they are without a word on them: no event says these itself."""
_UNREADABLE: Final = ""
"""Instead of an audience's name that is none: no configured audience has it."""


class _Malformed(Exception):
    """The value is no native event; the message names the key and never quotes it."""


def read(value: bytes | None) -> Sequence[MembershipChange] | Ignored | Rejected:
    """The changes one event states: one, or one for each audience a withdrawal lists.

    A withdrawal of consent becomes removes; without a list of audiences it is one remove with
    `audience=None`, which means every configured audience. A name on the list that cannot be read
    becomes a remove of the audience "", which nobody configured, and does not stop the others.
    Whole numbers are text where upstreams write them: names of audiences, ids of members, phones
    and postal codes. A null value is ignored as a tombstone. The identities and the consent are
    handed on as upstream wrote them.

    >>> read(b'{"audience": "vip", "action": "join"}').detail
    'action: must be add, remove or withdraw_consent'
    """
    if value is None:
        return _TOMBSTONE
    try:
        try:
            event = orjson.loads(value)
        except orjson.JSONDecodeError:
            event = loaded(value)  # once more, since a mark may stand before it
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
    # Half the price of the class's own constructor, which does the same.
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
    """What decides the removal, and of everything else what is usable."""
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
            "".join(identity.values())  # the quickest way to ask whether all are strings
    except (TypeError, AttributeError):
        return [_identity(identity) for identity in identities]
    return identities


def _identity(identity: object) -> Mapping[str, str]:
    """The fields that have a value: null is absent, and unknown keys may hold anything."""
    if type(identity) is not dict:
        raise _Malformed("member.identities: every identity must be an object")
    fields = _usable_fields(identity)
    for field, value in identity.items():
        if field in _FIELDS and value is not None and field not in fields:
            or_number = " or a whole number" if field in NUMERIC_FIELDS else ""
            raise _Malformed(f"member.identities: {field} must be a string{or_number}")
    return fields


def _usable_identities(identities: object) -> Sequence[Mapping[str, str]]:
    """The identities of a remove: one alone may stand without its list."""
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
    """Whether these are attributes as they are meant to be, none of them null."""
    return type(attributes) is dict and all(type(one) in _SCALARS for one in attributes.values())


def attributes_of(said: object) -> tuple[Attributes | None, str | None]:
    """The attributes that have a value, and what is wrong with the object, if anything is."""
    if said is None:
        return None, None
    if type(said) is not dict:
        return None, "member.attributes: must be an object"
    known = {name: value for name, value in said.items() if type(value) in _SCALARS}
    is_right = all(value is None for name, value in said.items() if name not in known)
    wrong = "member.attributes: every value must be text, a number or a boolean"
    return known or None, None if is_right else wrong


def _name(value: object) -> str:
    """A name or an id as text, or "" if it is none."""
    return value if type(value) is str else number_text(value)


def _named(value: object, place: str) -> str:
    name = _name(value)
    if name:
        return name
    raise _Malformed(f"{place}: must be a string that is not empty, or a whole number")
