"""Reads the identities of a member, by the mapping or for a built-in format."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from pipeline.sources.expression_settings import Expression
from pipeline.sources.expressions import Evaluate, evaluator
from pipeline.sources.mapping_settings import IdentityMapping
from pipeline.sources.pointers import Lookup, escaped, lookup, tokens
from pipeline.sources.scope import Scope
from pipeline.sources.typed import text_of

Identity = dict[str, str]
_NOTHING: Final[dict[str, object]] = {}
Identities = Callable[[Scope], Sequence[Mapping[str, str]]]
MOST_IDENTITIES: Final = 101
"""The most identities of a member: a partner takes at most a hundred, and one more shows that."""


def no_identities(_: Scope) -> Sequence[Mapping[str, str]]:
    return ()


def identities(mappings: Sequence[IdentityMapping]) -> Identities:
    """A function that gives one identity for each entry, or for each item of its for_each."""
    made = [_maker(mapping, place) for place, mapping in enumerate(mappings)]
    if len(made) == 1:
        return made[0]
    return lambda scope: [identity for make in made for identity in make(scope)]


def identity(fields: Mapping[str, Sequence[Expression]], place: str) -> Callable[[Scope], Identity]:
    """A function that gives the fields with a value; a field that is no text is a complaint."""
    made = [(name, evaluator(value)) for name, value in fields.items()]
    neighbours = _neighbours(fields)
    if neighbours is None:

        def one_by_one(scope: Scope) -> Identity:
            found: Identity = {}
            for name, evaluate in made:
                _put(found, name, evaluate(scope), scope, place)
            return found

        return one_by_one
    parent_of, keys = neighbours
    with_keys = [(name, key, evaluate) for (name, evaluate), key in zip(made, keys, strict=True)]

    def together(scope: Scope) -> Identity:
        parent = parent_of(scope)
        if type(parent) is not dict:
            parent = _NOTHING
        found: Identity = {}
        for name, key, evaluate in with_keys:
            value = parent.get(key)
            if type(value) is str and value:
                found[name] = value
            else:
                _put(found, name, evaluate(scope), scope, place)
        return found

    return together


def _neighbours(
    fields: Mapping[str, Sequence[Expression]],
) -> tuple[Evaluate, Sequence[str]] | None:
    """The object that holds all fields, and their names in it; None if there is no such object.

    One look-up for all fields halves the cost of an identity.
    """
    places = {_place(value) for value in fields.values()}
    parents = {place[:-1] for place in places if place is not None}
    if len(parents) != 1 or None in places:
        return None
    [(source, *path)] = parents
    names = [place[-1] for place in map(_place, fields.values()) if place is not None]
    if source == "column":
        return (lambda scope: scope.row), names
    found = lookup("".join(f"/{escaped(token)}" for token in path))
    if source == "item":
        return (lambda scope: found(scope.item)), names
    return (lambda scope: found(scope.root)), names


def _place(alternatives: Sequence[Expression]) -> tuple[str, ...] | None:
    """The source and the path of a value; None if steps change it or there are alternatives."""
    [first, *others] = alternatives
    source = first.source()
    if others or source not in {"pointer", "item", "column"} or first.is_modified():
        return None
    if source == "column":
        return (source, getattr(first, "column", ""))
    path = tokens(getattr(first, source)) or ()
    return (source, *path) if path else None


def _put(found: Identity, name: str, value: object, scope: Scope, place: str) -> None:
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


def picked(source: object, fields: Mapping[str, str]) -> Identity:
    """An identity from an object: its texts and whole numbers under the names of fields."""
    found: Identity = {}
    for name, value in source.items() if type(source) is dict else ():
        field = fields.get(name)
        if field is not None and field not in found:
            text = value if type(value) is str else text_of(value)
            if text and isinstance(text, str):
                found[field] = text
    return found
