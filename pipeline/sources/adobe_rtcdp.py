"""Adobe Real-Time CDP: an event is a profile, and each audience in its map is one change.

An audience that is not in the map is not changed. (Source: the documentation of the HTTP API
destination, and of the field group `segmentMembership`.)
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from pipeline.domain.reasons import Ignored, Rejected
from pipeline.sources.actions import Decision
from pipeline.sources.identity_fields import Identity, picked
from pipeline.sources.instants import milliseconds
from pipeline.sources.members import PERSON, PLACE, inner, is_sha_256, joined
from pipeline.sources.parts import NO_VALUE, Parts
from pipeline.sources.reading import NOT_MEMBERSHIP, malformed
from pipeline.sources.scope import Scope
from pipeline.sources.source_format import SourceFormat

_PREFIX: Final = "xdm:"
_MEMBER: Final = frozenset({"realized", "existing"})  # `existing` is the former word for realized
_NAMESPACES: Final[Mapping[str, tuple[str, bool]]] = {
    "email": ("email", False),
    "email_lc_sha256": ("email", True),
    "phone": ("phone", False),
    "phone_sha256": ("phone", True),
    "phone_sha256_e.164": ("phone", True),
}
"""The field of each namespace (in small letters), and whether its values are digests."""
_NAMES: Final = {**PERSON, **{_PREFIX + name: field for name, field in PERSON.items()}}
_HOME: Final = {**PLACE, **{_PREFIX + name: field for name, field in PLACE.items()}}


def parts() -> Parts:
    """In a mapping, {item: …} reads the state of one audience, and {item_name: true} is its id."""
    return Parts(
        items=_items,
        audience=lambda scope: scope.inner,
        action=_action,
        member=NO_VALUE,
        occurred_at=lambda scope: milliseconds(_under(scope.item, "lastQualificationTime")),
        country=lambda scope: _under(_under(scope.root, "homeAddress"), "countryCode"),
        identities=_identities,
        places={
            "audience": "segmentMembership (or set mapping.audience)",
            "member": "mapping.member",
            "occurred_at": "segmentMembership.lastQualificationTime (or set mapping.occurred_at)",
        },
    )


def _under(value: object, name: str) -> object:
    found = inner(value, name)
    return inner(value, _PREFIX + name) if found is None else found


def _items(scope: Scope) -> Iterable[Scope | Rejected] | Ignored | Rejected:
    states = _under(scope.root, "segmentMembership")
    if states is None:
        return NOT_MEMBERSHIP
    if type(states) is not dict:
        return malformed("segmentMembership", "must be an object of namespaces")
    return _memberships(scope, states)


def _memberships(scope: Scope, states: Mapping[str, object]) -> Iterator[Scope | Rejected]:
    for namespace, audiences in states.items():
        if type(audiences) is not dict:
            yield malformed("segmentMembership", "each namespace must be an object of audiences")
            continue
        for audience, state in audiences.items():
            at = scope.at(state, audience)
            at.inner = (f"{namespace.removeprefix(_PREFIX)}/{audience}", audience)
            yield at


def _action(scope: Scope) -> Decision:
    status = _under(scope.item, "status")
    if isinstance(status, str) and status in _MEMBER:
        return "add"
    if status == "exited":
        return "remove"
    return malformed("segmentMembership.status", "must be realized, existing or exited")


def _identities(scope: Scope) -> Sequence[Identity]:
    root = scope.root
    main = picked(_under(_under(root, "person"), "name"), _NAMES)
    main |= picked(_under(root, "homeAddress"), _HOME)
    known = [
        ("email", _under(_under(root, "personalEmail"), "address")),
        ("phone", _under(_under(root, "mobilePhone"), "number")),
    ]
    listed = [(field, value) for field, value in known if isinstance(value, str) and value]
    return joined(main, [*listed, *_mapped(_under(root, "identityMap"))])


def _mapped(identity_map: object) -> Iterator[tuple[str, str]]:
    namespaces = identity_map.items() if type(identity_map) is dict else ()
    for namespace, entries in namespaces:
        field, is_digest = _NAMESPACES.get(namespace.lower(), ("", False))
        for entry in entries if field and type(entries) is list else ():
            value = _under(entry, "id")
            if isinstance(value, str) and value and (not is_digest or is_sha_256(value)):
                yield field, value


ADOBE_RTCDP = SourceFormat(
    name="adobe_rtcdp",
    keys="Event Hubs or a bridge writes this topic; have it key by mapping.member",
    parts=lambda _: parts(),
    needs=("member",),
    is_shown=True,
)
