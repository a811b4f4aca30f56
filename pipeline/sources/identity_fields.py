"""The identities of a member: those of the configuration, and what built-in formats share."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from pipeline.sources.expression_settings import Expression
from pipeline.sources.expressions import evaluator
from pipeline.sources.mapping_settings import IdentityMapping
from pipeline.sources.pointers import Lookup, lookup
from pipeline.sources.scope import Scope
from pipeline.sources.typed import text_of

Identity = dict[str, str]
Identities = Callable[[Scope], Sequence[Mapping[str, str]]]
MOST_IDENTITIES: Final = 101
"""Of one member: no partner takes more than a hundred, and one more shows that there are more."""


def no_identities(_: Scope) -> Sequence[Mapping[str, str]]:
    return ()


def identities(mappings: Sequence[IdentityMapping]) -> Identities:
    """One identity for each entry of the configuration, or for each item it goes through."""
    made = [_maker(mapping, place) for place, mapping in enumerate(mappings)]
    if len(made) == 1:
        return made[0]
    return lambda scope: [identity for make in made for identity in make(scope)]


def identity(fields: Mapping[str, Sequence[Expression]], place: str) -> Callable[[Scope], Identity]:
    """The fields that have a value. One that can be no text is left out, and complained about."""
    made = [(name, evaluator(value)) for name, value in fields.items()]

    def one(scope: Scope) -> Identity:
        found: Identity = {}
        for name, evaluate in made:
            value = evaluate(scope)
            if type(value) is str:
                found[name] = value
            elif value is not None:
                _other(found, name, value, scope, place)
        return found

    return one


def _other(found: Identity, name: str, value: object, scope: Scope, place: str) -> None:
    text = text_of(value)
    if isinstance(text, str):
        found[name] = text
    elif text is not None:
        scope.complain(f"{place}.{name}: must be text or a whole number")


def _maker(mapping: IdentityMapping, number: int) -> Identities:
    place = f"mapping.identities[{number}]"
    make = identity(mapping.fields(), place)
    if mapping.for_each is not None:
        return _each(lookup(mapping.for_each), make, f"{place}.for_each")

    def single(scope: Scope) -> Sequence[Mapping[str, str]]:
        found = make(scope)
        return [found] if found else ()

    return single


def _each(items: Lookup, make: Callable[[Scope], Identity], place: str) -> Identities:
    def each(scope: Scope) -> Sequence[Mapping[str, str]]:
        node = items(scope.root)
        pairs = named_items(node)
        if pairs is None:
            if node is not None:
                scope.complain(f"{place}: must be an array or an object")
            return ()
        return [
            found for name, item in pairs[:MOST_IDENTITIES] if (found := _made(scope, item, name))
        ]

    def _made(scope: Scope, item: object, name: str | None) -> Identity:
        inner = scope.at(item, name)
        found = make(inner)
        if inner.complaint is not None:
            scope.complain(inner.complaint)
        return found

    return each


def named_items(node: object) -> Sequence[tuple[str | None, object]] | None:
    """The items of an array or an object with their names; None for anything else."""
    if type(node) is list:
        return [(None, item) for item in node]
    return list(node.items()) if type(node) is dict else None


def picked(source: object, names: Mapping[str, Sequence[str]]) -> Identity:
    """Of an object, the texts and whole numbers under the first of its names for each field."""
    if type(source) is not dict:
        return {}
    found: Identity = {}
    for field, spellings in names.items():
        for spelling in spellings:
            text = text_of(source.get(spelling))
            if isinstance(text, str):
                found[field] = text
                break
    return found
