"""The format `mapping`, which the configuration describes; also a mapping over another format."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from pipeline.domain.change import Attributes
from pipeline.sources.actions import Decide, conditions, decider
from pipeline.sources.consent_signals import of_mapping
from pipeline.sources.expression_settings import ActionRule, Expression
from pipeline.sources.expressions import constant, evaluator
from pipeline.sources.identity_fields import identities, named_items
from pipeline.sources.instants import instant
from pipeline.sources.mapping_settings import MappingSettings
from pipeline.sources.parts import ACTION_PLACE, NO_VALUE, Items, Parts
from pipeline.sources.pointers import lookup
from pipeline.sources.reading import NOT_MEMBERSHIP, malformed
from pipeline.sources.scope import Scope
from pipeline.sources.source_format import SourceFormat

PLACES: Final = {
    "audience": "mapping.audience",
    "member": "mapping.member",
    "occurred_at": "mapping.occurred_at",
}


def mapped(mapping: MappingSettings, audience: str | None) -> Parts:
    """All parts, from the mapping; `audience` is the audience of the whole topic, or None."""
    assert mapping.action is not None
    assert mapping.member is not None
    assert mapping.occurred_at is not None
    bare = Parts(
        audience=NO_VALUE if audience is None else constant(audience),
        action=decider(mapping.action, ACTION_PLACE),
        member=evaluator(mapping.member),
        occurred_at=instant(mapping.occurred_at),
        backfill=_is_marked,
        places=PLACES,
    )
    return overlaid(bare, mapping, audience)


def overlaid(parts: Parts, mapping: MappingSettings, audience: str | None) -> Parts:
    """The parts of a format, with those of the mapping instead where it has them."""
    won: dict[str, Any] = {
        part: make(getattr(mapping, key))
        for key, (part, make) in _MAKERS.items()
        if getattr(mapping, key) is not None
    }
    if audience is not None:
        won["audience"] = constant(audience)
    places = {name: place for name, place in PLACES.items() if name in won}
    return replace(parts, **won, places={**parts.places, **places})


def _is_marked(scope: Scope) -> bool:
    """The marks of Maxwell's bootstrap and of Debezium's flattened snapshots."""
    root = scope.root
    return type(root) is dict and (
        root.get("type") == "bootstrap-insert" or root.get("__op") == "r"
    )


def _action(rules: Sequence[ActionRule]) -> Decide:
    return decider(rules, ACTION_PLACE)


def _items(pointer: str) -> Items:
    found = lookup(pointer)

    def items(scope: Scope) -> Any:
        node = found(scope.root)
        if node is None:
            return NOT_MEMBERSHIP
        pairs = named_items(node)
        if pairs is None:
            return malformed("mapping.for_each", "must be an array or an object")
        return (scope.at(item, name) for name, item in pairs)

    return items


def _attributes(values: Mapping[str, Sequence[Expression]]) -> Any:
    made = [(name, evaluator(value)) for name, value in values.items()]

    def attributes(scope: Scope) -> Attributes | None:
        found: dict[str, str | int | float | bool] = {}
        for name, evaluate in made:
            value = evaluate(scope)
            if isinstance(value, str | int | float):
                found[name] = value
            elif value is not None:
                scope.complain(f"mapping.attributes.{name}: must be text, a number or a boolean")
        return found or None

    return attributes


# For each key of a mapping: the part that it replaces, and the function that makes this part.
_MAKERS: Final[Mapping[str, tuple[str, Callable[[Any], object]]]] = {
    "for_each": ("items", _items),
    "audience": ("audience", evaluator),
    "action": ("action", _action),
    "member": ("member", evaluator),
    "occurred_at": ("occurred_at", instant),
    "country": ("country", evaluator),
    "identities": ("identities", identities),
    "consent": ("consent", of_mapping),
    "attributes": ("attributes", _attributes),
    "backfill": ("backfill", conditions),
}


MAPPING = SourceFormat(
    name="mapping",
    keys="key each event by what mapping.member is",
    parts=None,
    names_audience=False,
    needs=("action", "member", "occurred_at"),
    is_shown=True,
)
