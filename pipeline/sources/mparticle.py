"""mParticle's audience_membership_change_request: a list of profiles with their audiences.

(Source: mParticle's Firehose SDK and its documentation.)
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from pipeline.domain.reasons import Ignored, Rejected
from pipeline.sources.actions import Decision
from pipeline.sources.consent_signals import of_categories
from pipeline.sources.identity_fields import Identity
from pipeline.sources.instants import milliseconds
from pipeline.sources.members import inner, is_sha_256, joined
from pipeline.sources.parts import Parts
from pipeline.sources.reading import NOT_MEMBERSHIP, malformed
from pipeline.sources.scope import Scope
from pipeline.sources.source_format import SourceFormat

_MESSAGE: Final = "audience_membership_change_request"
_OTHERS: Final = {
    "dsr_processing_request": Ignored("erasure_request"),
    "audience_subscription_request": NOT_MEMBERSHIP,
}
_AUDIENCE_DELETED: Final = Ignored("audience_deleted")
_FIELDS: Final = {
    "email": "email",
    "mobile_number": "phone",
    "phone_number_2": "phone",
    "phone_number_3": "phone",
}
_PLAIN: Final = frozenset({"raw", "none"})
_SHA_256: Final = frozenset({"sha256", "sha-256"})


def parts(categories: Iterable[str]) -> Parts:
    """In a mapping, {item: …} reads the profile; `categories` are purposes of its consent."""
    return Parts(
        items=_items,
        audience=_audience,
        action=_action,
        member=lambda scope: inner(scope.item, "mpid"),
        occurred_at=lambda scope: milliseconds(inner(scope.root, "timestamp_ms")),
        identities=_identities,
        consent=of_categories(categories, _consented),
        places={
            "audience": "user_profiles.audiences.audience_id (or set mapping.audience)",
            "member": "user_profiles.mpid (or set mapping.member)",
            "occurred_at": "timestamp_ms (or set mapping.occurred_at)",
        },
    )


def _items(scope: Scope) -> Iterable[Scope | Rejected] | Ignored | Rejected:
    kind = inner(scope.root, "type")
    if kind != _MESSAGE:
        return _other(scope.root, kind)
    profiles = inner(scope.root, "user_profiles")
    if profiles is None:
        return NOT_MEMBERSHIP  # a heartbeat, or a message that verifies the address
    if type(profiles) is not list:
        return malformed("user_profiles", "must be an array")
    return _memberships(scope, profiles)


def _other(root: object, kind: object) -> Ignored:
    if kind == "audience_subscription_request" and inner(root, "action") in ("delete", "remove"):
        return _AUDIENCE_DELETED
    return _OTHERS.get(kind, NOT_MEMBERSHIP) if isinstance(kind, str) else NOT_MEMBERSHIP


def _memberships(scope: Scope, profiles: Sequence[object]) -> Iterator[Scope | Rejected]:
    for profile in profiles:
        audiences = inner(profile, "audiences")
        if audiences is not None and type(audiences) is not list:
            yield malformed("user_profiles.audiences", "must be an array")
            continue
        for audience in audiences or ():
            at = scope.at(profile)
            at.inner = audience
            yield at


def _audience(scope: Scope) -> object:
    names = (inner(scope.inner, "audience_id"), inner(scope.inner, "audience_name"))
    return tuple(name for name in names if name is not None and name != "") or None


def _action(scope: Scope) -> Decision:
    action = inner(scope.inner, "action")
    if action == "add":
        return "add"
    if action == "delete":
        return "remove"
    if action == "attribute_update":
        return NOT_MEMBERSHIP
    return malformed("user_profiles.audiences.action", "must be add, delete or attribute_update")


def _identities(scope: Scope) -> Sequence[Identity]:
    listed = inner(scope.item, "user_identities")
    found: list[tuple[str, str]] = []
    for one in listed if type(listed) is list else ():
        kind, encoding, value = (inner(one, name) for name in ("type", "encoding", "value"))
        field = _FIELDS.get(kind) if isinstance(kind, str) else None
        if field is not None and isinstance(value, str) and _is_usable(encoding, value):
            found.append((field, value))
    return joined({}, found)


def _is_usable(encoding: object, value: str) -> bool:
    """Whether the value is plain or a SHA-256; partners match no other digest."""
    if encoding is None:
        return True
    if not isinstance(encoding, str):
        return False
    spelled = encoding.strip().lower()
    return spelled in _PLAIN or (spelled in _SHA_256 and is_sha_256(value))


def _consented(scope: Scope, purpose: str) -> object:
    return inner(scope.item, "consent_state", "gdpr", purpose, "consented")


MPARTICLE = SourceFormat(
    name="mparticle",
    keys="a bridge writes this topic; have it key by mpid",
    parts=lambda options: parts(options.event_consent),
    has_consent=True,
    is_shown=True,
)
