"""RudderStack: `record` events of reverse ETL, and the older `audiencelist`.

Neither names an audience. (Source: the types and destinations of rudder-transformer.)
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from pipeline.domain.reasons import Ignored, Rejected
from pipeline.sources.actions import Decision
from pipeline.sources.consent_signals import of_categories
from pipeline.sources.identity_fields import Identity
from pipeline.sources.instants import milliseconds
from pipeline.sources.members import inner, person
from pipeline.sources.parts import NO_VALUE, Parts
from pipeline.sources.reading import NOT_MEMBERSHIP, malformed
from pipeline.sources.scope import Scope
from pipeline.sources.segment import MERGE
from pipeline.sources.source_format import SourceFormat

_RECORD_ACTIONS: Final[dict[str, Decision]] = {"insert": "add", "update": "add", "delete": "remove"}
_LISTS: Final[dict[str, Decision]] = {"add": "add", "update": "add", "remove": "remove"}
_TIMES: Final = ("originalTimestamp", "timestamp", "sentAt", "receivedAt")


def parts(categories: Iterable[str]) -> Parts:
    """In a mapping, {item: …} reads the row of an audiencelist, or a record's `fields`."""
    return Parts(
        items=_items,
        audience=NO_VALUE,
        action=_action,
        member=_member,
        occurred_at=_occurred_at,
        identities=_identities,
        consent=of_categories(categories, _consented),
        places={
            "audience": "mapping.audience",
            "member": "userId (or set mapping.member)",
            "occurred_at": "originalTimestamp (or set mapping.occurred_at)",
        },
    )


def _items(scope: Scope) -> Scope | Iterable[Scope | Rejected] | Ignored | Rejected:
    kind = inner(scope.root, "type")
    if kind == "record":
        scope.item = inner(scope.root, "fields")
        return scope
    if kind == "audiencelist":
        lists = inner(scope.root, "properties", "listData")
        if type(lists) is not dict:
            return malformed("properties.listData", "must be an object of add, remove and update")
        return _rows(scope, lists)
    return MERGE if kind in ("alias", "merge") else NOT_MEMBERSHIP


def _rows(scope: Scope, lists: dict[str, object]) -> Iterator[Scope | Rejected]:
    for name, rows in lists.items():
        if rows is not None and type(rows) is not list:
            yield malformed(f"properties.listData.{name[:20]}", "must be an array")
            continue
        for row in rows or ():
            at = scope.at(row, name)
            yield at


def _action(scope: Scope) -> Decision:
    if scope.item_name is not None:
        unknown = malformed("properties.listData", "holds add, remove and update, and nothing else")
        return _LISTS.get(scope.item_name, unknown)
    action = inner(scope.root, "action")
    unknown = malformed("action", "must be insert, update or delete")
    return _RECORD_ACTIONS.get(action, unknown) if isinstance(action, str) else unknown


def _member(scope: Scope) -> object:
    # An audiencelist has many people, but only one `userId`; `recordId` is a row number.
    return None if scope.item_name is not None else inner(scope.root, "userId")


def _occurred_at(scope: Scope) -> int | None:
    for name in _TIMES:
        at = milliseconds(inner(scope.root, name))
        if at is not None:
            return at
    return None


def _identities(scope: Scope) -> Sequence[Identity]:
    found = person(scope.item)
    if scope.item_name is None:
        found = person(inner(scope.root, "identifiers")) | found
    return [found] if found else []


def _consented(scope: Scope, category: str) -> object:
    consent = inner(scope.root, "context", "consentManagement")
    for name, answer in (("deniedConsentIds", False), ("allowedConsentIds", True)):
        listed = inner(consent, name)
        if type(listed) is list and category in listed:
            return answer
    return None


RUDDERSTACK = SourceFormat(
    name="rudderstack",
    keys="RudderStack keys by userId or anonymousId, which record events may not have",
    parts=lambda options: parts(options.event_consent),
    names_audience=False,
    has_consent=True,
    is_shown=True,
)
