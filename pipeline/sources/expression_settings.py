"""Settings of an expression: the source of a value, and the steps that change it."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from pipeline.settings.problems import Problem
from pipeline.settings.values import Section, Text, Whole, refusal, refuse
from pipeline.sources.pointers import tokens

SOURCES = ("pointer", "item", "item_name", "key", "header", "value", "timestamp", "join", "column")
"""The sources of a value; an expression names exactly one."""

MODIFIERS = ("inside", "after", "split", "translate", "default")
ACTIONS = ("add", "remove", "ignore", "next")
Outcome = Literal["add", "remove", "ignore", "next"]


def _pointer(text: str) -> str:
    if tokens(text) is not None:
        return text
    raise refusal("must be a JSON Pointer", "write it like '/user/id', or '' for the whole value")


def _offset(text: str) -> str:
    digits = text[1:3] + text[4:]
    is_offset = len(text) == 6 and text[0] in "+-" and text[3] == ":" and digits.isdecimal()
    if text == "UTC" or (is_offset and text.isascii()):
        return text
    raise refusal("must be UTC or an offset", "write it like 'UTC' or '+01:00'")


def _single(value: object) -> object:
    """Turn a single expression into a list; the first expression with a value counts."""
    return [value] if isinstance(value, Mapping) else value


def _column(value: object) -> object:
    """Turn a plain text in a table into an expression for the column of this name."""
    if isinstance(value, list | tuple):
        return [_named_column(entry) for entry in value]
    return _single(_named_column(value))


def _named_column(value: object) -> object:
    return {"column": value} if isinstance(value, str) else value


Pointer = Annotated[str, AfterValidator(_pointer), Field(json_schema_extra={"pattern": "^(/|$)"})]
Zone = Annotated[str, AfterValidator(_offset)]
Scalar = Annotated[bool, Field(strict=True)] | Whole | Annotated[float, Field(strict=True)] | str
"""A JSON value: true, "true" and 1 are three different values."""


class SplitSettings(Section):
    by: Text
    """The separator of the parts."""
    take: Literal[0, -1]
    """0: the first part; -1: the last."""


class Expression(Section):
    """One value of an event: its source, then the steps that change it, in this order."""

    pointer: Pointer | None = None
    """A JSON Pointer into the event."""
    item: Pointer | None = None
    """A JSON Pointer into the present item of for_each."""
    item_name: Literal[True] | None = None
    """The name of the present item, if for_each goes through an object."""
    key: Pointer | None = None
    """A JSON Pointer into the key of the message; '' is the whole key."""
    header: Text | None = None
    """A header of the message, as text."""
    value: Scalar | None = None
    """This constant."""
    timestamp: Literal["record"] | None = None
    """record: the message's time in Kafka."""
    join: tuple["Expression", ...] | None = Field(default=None, min_length=1)
    """The joined texts of several expressions; no value if one of them has none."""
    between: str = Field(default="", alias="with")
    """The separator for join."""
    inside: Pointer | None = Field(default=None, alias="json")
    """Parse the value, a text of JSON, and take the value at this pointer."""
    after: Text | None = None
    """The text after the first occurrence of this text; no value if it does not occur."""
    split: SplitSettings | None = None
    """The first or the last part of a text."""
    translate: Mapping[bool | int | str, Scalar] | None = Field(
        default=None, alias="map", min_length=1
    )
    """The replacement of each value; other values become no value."""
    default: Scalar | None = None
    """The value to use if there is none."""

    def source(self) -> str:
        """The one of `SOURCES` that is set."""
        return next(name for name in SOURCES if getattr(self, name, None) is not None)

    def is_modified(self) -> bool:
        """Whether a step changes the value."""
        return any(getattr(self, name) is not None for name in MODIFIERS)

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        refuse(self._problems())
        return self

    def _problems(self) -> Iterator[Problem]:
        given = [name for name in SOURCES if getattr(self, name, None) is not None]
        known = [name for name in SOURCES if name in type(self).model_fields]
        if not given:
            remedy = f"add one of {', '.join(known)}"
            yield Problem(path=(), what="has no source of the value", remedy=remedy)
        for name in given[1:]:
            remedy = "keep one of the two, or write a list of expressions"
            yield Problem(path=(name,), what=f"is set together with {given[0]}", remedy=remedy)
        if self.between and self.join is None:
            yield Problem(path=("with",), what="belongs to join", remedy="remove it")


class TimeExpression(Expression):
    """When something happened: ISO 8601, or a number."""

    unit: Literal["seconds", "milliseconds", "microseconds", "nanoseconds"] | None = None
    """The unit of a number, which may be in quotes; null: seconds or milliseconds, by its size."""
    zone: Zone | None = None
    """The offset of a text that has none, UTC or such as +01:00; null: the text is no time."""


class ActionRule(Expression):
    """The values that add, remove, and so on; a value that no rule lists is rejected."""

    add: tuple[Scalar, ...] = ()
    remove: tuple[Scalar, ...] = ()
    ignore: tuple[Scalar, ...] = ()
    """Values that mean no change."""
    next: tuple[Scalar, ...] = ()
    """Values for which the next rule decides."""
    absent: Outcome | None = None
    """The meaning of a missing value."""
    present: Outcome | None = None
    """The meaning of a value that is in no list."""

    def _problems(self) -> Iterator[Problem]:
        yield from super()._problems()
        seen: set[tuple[bool, Scalar]] = set()
        for name in ACTIONS:
            listed: tuple[Scalar, ...] = getattr(self, name)
            for place, value in enumerate(listed):
                typed = (isinstance(value, bool), value)
                if typed in seen:
                    remedy = "list each value once"
                    yield Problem(path=(name, place), what="is listed twice", remedy=remedy)
                seen.add(typed)
                if value == "":
                    remedy = f"write 'absent: {name}' instead"
                    yield Problem(path=(name, place), what="is no value", remedy=remedy)


class Condition(Expression):
    """A condition: the value must be one of a list."""

    one_of: tuple[Scalar, ...] = Field(alias="is", min_length=1)


class TableExpression(Expression):
    """An expression that may also name a column of the row."""

    column: Text | None = None
    """A column of the row: after the change, or before it if the row was deleted."""


class TableTimeExpression(TimeExpression):
    """A time expression that may also name a column of the row."""

    column: Text | None = None
    """A column of the row."""


class TableActionRule(ActionRule):
    """A rule for actions that may also name a column of the row."""

    column: Text | None = None
    """A column of the row."""


Value = Annotated[
    tuple[Expression, ...],
    BeforeValidator(_single, json_schema_input_type=Expression | tuple[Expression, ...]),
    Field(min_length=1),
]
Time = Annotated[
    tuple[TimeExpression, ...],
    BeforeValidator(_single, json_schema_input_type=TimeExpression | tuple[TimeExpression, ...]),
    Field(min_length=1),
]
Action = Annotated[
    tuple[ActionRule, ...],
    BeforeValidator(_single, json_schema_input_type=ActionRule | tuple[ActionRule, ...]),
    Field(min_length=1),
]
ColumnValue = Annotated[
    tuple[TableExpression, ...],
    BeforeValidator(
        _column, json_schema_input_type=str | TableExpression | tuple[str | TableExpression, ...]
    ),
    Field(min_length=1),
]
ColumnTime = Annotated[
    tuple[TableTimeExpression, ...],
    BeforeValidator(
        _column,
        json_schema_input_type=str | TableTimeExpression | tuple[str | TableTimeExpression, ...],
    ),
    Field(min_length=1),
]
ColumnAction = Annotated[
    tuple[TableActionRule, ...],
    BeforeValidator(
        _column, json_schema_input_type=str | TableActionRule | tuple[TableActionRule, ...]
    ),
    Field(min_length=1),
]
