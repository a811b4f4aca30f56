"""Turns the configuration's expressions into functions, once, when the process starts."""

from collections.abc import Callable, Sequence
from typing import Final

import orjson

from pipeline.sources.expression_settings import Expression
from pipeline.sources.pointers import lookup, tokens, walked
from pipeline.sources.scope import Scope
from pipeline.sources.typed import UNUSABLE, TypedTable, text_of, typed

Evaluate = Callable[[Scope], object]
"""Gives a JSON value, or None for no value, null and an empty text. Never raises."""
Step = Callable[[object], object]

LONGEST_TEXT: Final = 262_144
"""The longest text to parse or split, because that may be repeated for ten thousand items."""


def evaluator(alternatives: Sequence[Expression]) -> Evaluate:
    """A function that gives the first value of these expressions."""
    made = [_evaluator(one) for one in alternatives]
    if len(made) == 1:
        return made[0]

    def first(scope: Scope) -> object:
        for evaluate in made:
            value = evaluate(scope)
            if value is not None:
                return value
        return None

    return first


def constant(value: object) -> Evaluate:
    return lambda _: value


def _evaluator(expression: Expression) -> Evaluate:
    source = _SOURCES[expression.source()](expression)
    steps = list(_steps(expression))
    if not steps:
        return source

    def modified(scope: Scope) -> object:
        value = source(scope)
        for step in steps:
            value = step(value)
        return value

    return modified


def _of_pointer(expression: Expression) -> Evaluate:
    path = tokens(expression.pointer or "") or ()
    if len(path) == 1:
        return _at_name(path[0])
    found = lookup(expression.pointer or "")
    return lambda scope: found(scope.root)


def _at_name(name: str) -> Evaluate:
    """The most frequent expression; it saves a function call."""

    def value_of(scope: Scope) -> object:
        root = scope.root
        value = root.get(name) if type(root) is dict else walked(root, (name,))
        return None if value == "" else value

    return value_of


def _of_item(expression: Expression) -> Evaluate:
    found = lookup(expression.item or "")
    return lambda scope: found(scope.item)


def _of_item_name(_: Expression) -> Evaluate:
    return lambda scope: scope.item_name or None


def _of_key(expression: Expression) -> Evaluate:
    found = lookup(expression.key or "")
    return lambda scope: found(scope.key())


def _of_header(expression: Expression) -> Evaluate:
    name = expression.header or ""
    return lambda scope: scope.header(name) or None


def _of_value(expression: Expression) -> Evaluate:
    return constant(None if expression.value == "" else expression.value)


def _of_timestamp(_: Expression) -> Evaluate:
    def written_at(scope: Scope) -> object:
        timestamp = scope.message.timestamp
        return timestamp if timestamp >= 0 else None

    return written_at


def _of_column(expression: Expression) -> Evaluate:
    name = getattr(expression, "column", None)
    assert isinstance(name, str)

    def cell(scope: Scope) -> object:
        row = scope.row
        value = row.get(name) if isinstance(row, dict) else None
        if value is None:
            # Without replica identity FULL, a deleted row has only its key.
            key = scope.key()
            value = key.get(name) if isinstance(key, dict) else None
        return None if value == "" else value

    return cell


def _of_join(expression: Expression) -> Evaluate:
    parts = [_evaluator(one) for one in expression.join or ()]
    between = expression.between

    def joined(scope: Scope) -> object:
        texts = [text_of(part(scope)) for part in parts]
        for text in texts:
            if not isinstance(text, str):
                return text
        return between.join(map(str, texts))

    return joined


_SOURCES: dict[str, Callable[[Expression], Evaluate]] = {
    "pointer": _of_pointer,
    "item": _of_item,
    "item_name": _of_item_name,
    "key": _of_key,
    "header": _of_header,
    "value": _of_value,
    "timestamp": _of_timestamp,
    "join": _of_join,
    "column": _of_column,
}


def _steps(expression: Expression) -> Sequence[Step]:
    steps: list[Step] = []
    if expression.inside is not None:
        steps.append(_inside(expression.inside))
    if expression.after is not None:
        steps.append(_after(expression.after))
    if expression.split is not None:
        steps.append(_split(expression.split.by, expression.split.take))
    if expression.translate is not None:
        table = {typed(given): meant for given, meant in expression.translate.items()}
        steps.append(_known(TypedTable(table)))
    if expression.default is not None:
        steps.append(_or(expression.default))
    return steps


def _inside(pointer: str) -> Step:
    found = lookup(pointer)

    def parsed(value: object) -> object:
        if isinstance(value, str):
            if len(value) > LONGEST_TEXT:
                return UNUSABLE
            try:
                value = orjson.loads(value)
            except orjson.JSONDecodeError:
                return UNUSABLE
        # Some upstreams write the object itself, others write its text.
        return found(value)

    return parsed


def _after(marker: str) -> Step:
    def followed(value: object) -> object:
        text = _short(value)
        return text.partition(marker)[2] or None if isinstance(text, str) else text

    return followed


def _split(by: str, take: int) -> Step:
    def part(value: object) -> object:
        text = _short(value)
        return text.split(by)[take] or None if isinstance(text, str) else text

    return part


def _short(value: object) -> object:
    text = text_of(value)
    return UNUSABLE if isinstance(text, str) and len(text) > LONGEST_TEXT else text


def _known(table: TypedTable) -> Step:
    def translated(value: object) -> object:
        meant = table.get(value)
        return None if meant == "" else meant

    return translated


def _or(default: object) -> Step:
    return lambda value: default if value is None else value
