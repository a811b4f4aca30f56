"""Twilio Segment Engage: the boolean under the audience's key decides, not the event's name.

(Source: the rule of Segment's own destinations, and the documentation of Engage.)
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from pipeline.domain.reasons import Ignored
from pipeline.sources.actions import Decision
from pipeline.sources.consent_signals import of_categories
from pipeline.sources.identity_fields import Identity
from pipeline.sources.instants import milliseconds
from pipeline.sources.members import inner, joined, person
from pipeline.sources.parts import Parts
from pipeline.sources.pointers import lookup
from pipeline.sources.reading import NOT_MEMBERSHIP, malformed
from pipeline.sources.scope import Scope
from pipeline.sources.source_format import SourceFormat

MERGE: Final = Ignored("identity_merge")
_NOTHING: Final[dict[str, object]] = {}
_CLASSES: Final = frozenset({"audience", "journey_step"})
_STANDARD_NAMES: Final = {"Audience Entered": True, "Audience Exited": False}
_NAMES: Final = ("computation_key", "computation_id", "external_audience_id")
_VALUES: Final = {"track": "properties", "identify": "traits"}
_USER: Final = lookup("/userId")


def parts(categories: Iterable[str]) -> Parts:
    """The parts of an event; `categories` of its consent become a signal."""
    return Parts(
        audience=_audience,
        action=_action,
        member=lambda scope: _USER(scope.root),
        occurred_at=_occurred_at,
        identities=_identities,
        consent=of_categories(categories, consented),
        places={
            "audience": "context.personas.computation_key (or set mapping.audience)",
            "member": "userId (or set mapping.member)",
            "occurred_at": "timestamp (or set mapping.occurred_at)",
        },
    )


def _audience(scope: Scope) -> object:
    scope.inner = personas = inner(scope.root, "context", "personas")
    if type(personas) is not dict:
        return None
    return tuple([name for name in map(personas.get, _NAMES) if name]) or None


def _action(scope: Scope) -> Decision:
    root = scope.root if type(scope.root) is dict else _NOTHING
    kind = root.get("type")
    if kind == "alias":
        return MERGE
    personas = inner(root, "context", "personas") if scope.inner is None else scope.inner
    if not isinstance(kind, str) or kind not in _VALUES or type(personas) is not dict:
        return NOT_MEMBERSHIP
    computation = personas.get("computation_class")
    if not isinstance(computation, str) or computation not in _CLASSES:
        return NOT_MEMBERSHIP
    key = personas.get("computation_key")
    if not isinstance(key, str) or not key:
        return malformed("context.personas.computation_key", "has no value")
    return _told(root, kind, key)


def _told(root: Mapping[str, object], kind: str, key: str) -> Decision:
    is_member = inner(root.get(_VALUES[kind]), key)
    if type(is_member) is not bool:
        return malformed(
            f"{_VALUES[kind]}.<computation_key>", "must be true or false, and nothing else decides"
        )
    name = root.get("event")
    if isinstance(name, str) and _STANDARD_NAMES.get(name, is_member) != is_member:
        return malformed("event", "its name contradicts the boolean under the audience's key")
    return "add" if is_member else "remove"


def _occurred_at(scope: Scope) -> int | None:
    at = milliseconds(inner(scope.root, "timestamp"))
    return milliseconds(inner(scope.root, "receivedAt")) if at is None else at


def _identities(scope: Scope) -> Sequence[Identity]:
    root = scope.root if type(scope.root) is dict else _NOTHING
    context = root.get("context")
    main = person(root.get("traits"))
    for traits in (inner(context, "traits"), root.get("properties")):
        if traits is not None:
            main = person(traits) | main
    external_ids = inner(context, "externalIds")
    if external_ids is None:
        return [main] if main else []
    return joined(main, _external_ids(external_ids))


def _external_ids(listed: object) -> Iterable[tuple[str, str]]:
    for one in listed if type(listed) is list else ():
        kind, value = inner(one, "type"), inner(one, "id")
        if kind in ("email", "phone") and isinstance(value, str) and value:
            yield str(kind), value


def consented(scope: Scope, category: str) -> object:
    """The answer under `context.consent.categoryPreferences`; `conflict` is none."""
    preferences = inner(scope.root, "context", "consent", "categoryPreferences")
    answers: Mapping[str, object] = preferences if type(preferences) is dict else {}
    return answers.get(category)


SEGMENT = SourceFormat(
    name="segment",
    keys="Segment writes an empty key unless it is mapped; map it to $.userId",
    parts=lambda options: parts(options.event_consent),
    has_consent=True,
    is_shown=True,
)
