"""Makes changes from an event with one function for each part of a change."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Final

from pipeline.domain.change import Action, Attributes, MembershipChange
from pipeline.domain.reasons import Ignored, Rejected
from pipeline.sources.actions import Decide, Predicate
from pipeline.sources.audiences import UNKNOWN, AudienceNames, refused
from pipeline.sources.consent_signals import Consent, no_consent
from pipeline.sources.expressions import Evaluate, constant
from pipeline.sources.identity_fields import Identities, no_identities
from pipeline.sources.instants import Instant
from pipeline.sources.reading import NOT_MEMBERSHIP, Part, Reading, malformed
from pipeline.sources.scope import Scope
from pipeline.sources.typed import text_of

Items = Callable[[Scope], Scope | Iterable[Scope | Rejected] | Ignored | Rejected]
"""Gives the items of an event, each of which may be a change; or the scope, if it is one item."""
ReadEvent = Callable[[Scope], Reading]

MOST_ITEMS: Final = 10_000
"""The most items of an event, because nothing else runs while an event is read."""
_TOO_MANY: Final = Rejected(
    "event_too_large", f"more than {MOST_ITEMS} items; have upstream write smaller batches"
)
_NO_CHANGE: Final = (Ignored, Rejected)
ACTION_PLACE: Final = "mapping.action"
NO_VALUE: Final = constant(None)


def no_attributes(_: Scope) -> Attributes | None:
    return None


def unstated(_: Scope) -> int | None:
    return None


def never(_: Scope) -> bool:
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The functions that read the parts of a change. A mapping replaces the parts that it has."""

    audience: Evaluate
    """Gives a name or a number, or a tuple of possible names of one audience."""
    action: Decide
    member: Evaluate
    occurred_at: Instant
    country: Evaluate = NO_VALUE
    identities: Identities = no_identities
    consent: Consent = no_consent
    attributes: Callable[[Scope], Attributes | None] = no_attributes
    backfill: Predicate = never
    stated_at: Instant = unstated
    """Gives the time when upstream wrote the change, if changes must be ordered by that."""
    items: Items | None = None
    """None: the event is one change."""
    places: Mapping[str, str]
    """The places of audience, member and occurred_at, for messages."""


def event_reader(parts: Parts, names: AudienceNames, *, ignores_unknown: bool) -> ReadEvent:
    """A function that reads any event; it never raises."""
    change = _ChangeReader(parts, names, ignores_unknown=ignores_unknown).read
    items = parts.items
    if items is None:

        def read_one(scope: Scope) -> Reading:
            found = change(scope)
            return found if isinstance(found, _NO_CHANGE) else (found,)

        return read_one

    def read_each(scope: Scope) -> Reading:
        found = items(scope)
        if isinstance(found, Scope):
            only = change(found)
            return only if isinstance(only, _NO_CHANGE) else (only,)
        if isinstance(found, _NO_CHANGE):
            return found
        each = list(islice(found, MOST_ITEMS + 1))
        if len(each) > MOST_ITEMS:
            return _TOO_MANY
        return gathered(one if isinstance(one, Rejected) else change(one) for one in each)

    return read_each


def gathered(found: Iterable[MembershipChange | Ignored | Rejected]) -> Reading:
    """The changes of all items, and one rejection for each reason; or why all are ignored."""
    changes: list[Part] = []
    rejected: dict[str, tuple[Rejected, int]] = {}
    ignored: Ignored | None = None
    for one in found:
        if isinstance(one, Ignored):
            ignored = ignored or one
        elif isinstance(one, Rejected):
            first, count = rejected.get(one.reason, (one, 0))
            rejected[one.reason] = (first, count + 1)
        else:
            changes.append(one)
    letters = [_counted(first, count) for first, count in rejected.values()]
    if changes:
        return [*changes, *letters]
    if len(letters) == 1:
        return letters[0]
    return letters or ignored or NOT_MEMBERSHIP


def _counted(rejected: Rejected, count: int) -> Rejected:
    if count == 1:
        return rejected
    return Rejected(rejected.reason, f"{rejected.detail} (and {count - 1} more items)")


class _ChangeReader:
    """Reads one change from one scope."""

    __slots__ = ("_ignores_unknown", "_known", "_names", "_parts")

    def __init__(self, parts: Parts, names: AudienceNames, *, ignores_unknown: bool) -> None:
        self._parts = parts
        self._names = names
        self._known = names.known
        self._ignores_unknown = ignores_unknown

    def read(self, scope: Scope) -> MembershipChange | Ignored | Rejected:
        parts = self._parts
        written = parts.audience(scope)
        # Nearly all values are a known text, and this check first costs only a quarter.
        audience = self._known.get(written) if type(written) is str else self._names.ours(written)
        if audience is None and written is not None and self._ignores_unknown:
            return UNKNOWN
        action = parts.action(scope)
        if isinstance(action, _NO_CHANGE):
            return action
        if audience is None:
            return refused(written, parts.places["audience"])
        member = text_of(parts.member(scope))
        if not isinstance(member, str):
            return _unset(member, parts.places["member"])
        at = parts.occurred_at(scope)
        if at is None or at < 0:
            return _timeless(at, parts.places["occurred_at"])
        return _change(parts, scope, audience, action, member, at)


def _change(
    parts: Parts, scope: Scope, audience: str, action: Action, member: str, at: int
) -> MembershipChange | Rejected:
    country = parts.country(scope)
    if country is not None and not isinstance(country, str):
        scope.complain("mapping.country: must be text")
        country = None
    identities, consent = parts.identities(scope), parts.consent(scope)
    attributes, is_backfill = parts.attributes(scope), parts.backfill(scope)
    # A bad country, identity or attribute must not keep a member in an audience.
    if scope.complaint is not None and action == "add":
        return Rejected("malformed", scope.complaint)
    # The same as the constructor of the class, at half the cost.
    return tuple.__new__(
        MembershipChange,
        (
            audience,
            action,
            member,
            country,
            identities,
            consent,
            at,
            attributes,
            is_backfill,
            False,
            parts.stated_at(scope),
        ),
    )


def _unset(member: object, place: str) -> Rejected:
    if member is None:
        return malformed(place, "has no value")
    return malformed(place, "must be text or a whole number")


def _timeless(at: int | None, place: str) -> Rejected:
    if at is None:
        return malformed(place, "has no value")
    return malformed(
        place,
        "is no time: ISO 8601 with an offset, or seconds or milliseconds; "
        "unit and zone say what else it is",
    )
