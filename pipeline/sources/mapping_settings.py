"""Settings `mapping:` and `table:` of a source: the place of each value in its events."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, model_validator

from pipeline.identity.normalize.fields import FIELDS
from pipeline.settings.problems import Problem
from pipeline.settings.values import Section, refuse
from pipeline.sources.expression_settings import (
    Action,
    ColumnAction,
    ColumnTime,
    ColumnValue,
    Condition,
    Pointer,
    Time,
    Value,
)


class IdentityMapping(Section):
    """Fields that belong to one identity, each plain or hashed."""

    for_each: Pointer | None = None
    """One identity for each item of this array or object; {item: …} reads from the item."""
    email: Value | None = None
    phone: Value | None = None
    first_name: Value | None = None
    last_name: Value | None = None
    address: Value | None = None
    city: Value | None = None
    state: Value | None = None
    postal: Value | None = None

    def fields(self) -> Mapping[str, Value]:
        """The fields that are set, in the order of the native event."""
        given = ((name, getattr(self, name)) for name in FIELDS)
        return {name: value for name, value in given if value is not None}

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        if not self.fields():
            remedy = f"add one of {', '.join(FIELDS)}"
            refuse([Problem(path=(), what="maps no field", remedy=remedy)])
        return self


class FlagsMapping(Section):
    """Amazon's two flags: GRANTED or DENIED, or true or false."""

    ad_storage: Value | None = None
    user_data: Value | None = None


def _flags(value: object) -> object:
    """One expression for both flags."""
    if not isinstance(value, Mapping) or "ad_storage" in value or "user_data" in value:
        return value
    return {"ad_storage": value, "user_data": value}


class ConsentMapping(Section):
    """The consent of an event; a missing value is no signal."""

    tcf: Value | None = None
    """A TC string."""
    gpp: Value | None = None
    """A GPP string."""
    amazon: Annotated[FlagsMapping, BeforeValidator(_flags)] | None = None
    """One expression for both flags, or ad_storage and user_data."""


class MappingSettings(Section):
    """The place of each part of a membership change in an event."""

    when: tuple[Condition, ...] = ()
    """An event is ignored unless all of these hold."""
    for_each: Pointer | None = None
    """One change for each item of this array or object of the event."""
    audience: Value | None = None
    """The audience's name: the upstream name or the configured one."""
    action: Action | None = None
    """Rules, tried in turn, for the values that add and that remove."""
    member: Value | None = None
    """The member's id, text or a whole number."""
    occurred_at: Time | None = None
    """When the membership changed."""
    country: Value | None = None
    """The member's country, ISO 3166 alpha-2."""
    identities: tuple[IdentityMapping, ...] | None = None
    """The data by which the partner can match the member; null: read by the format."""
    consent: ConsentMapping | None = None
    """The consent of the event; null: read by the format."""
    attributes: Mapping[str, Value] | None = None
    """Texts, numbers and booleans for columns of snapshots, by names that you choose."""
    backfill: tuple[Condition, ...] | None = None
    """An event is backfill, and no live change, if all of these hold."""


class TableIdentity(Section):
    """Columns that belong to one identity, each plain or hashed."""

    email: ColumnValue | None = None
    phone: ColumnValue | None = None
    first_name: ColumnValue | None = None
    last_name: ColumnValue | None = None
    address: ColumnValue | None = None
    city: ColumnValue | None = None
    state: ColumnValue | None = None
    postal: ColumnValue | None = None

    def fields(self) -> Mapping[str, ColumnValue]:
        """The fields that are set, in the order of the native event."""
        given = ((name, getattr(self, name)) for name in FIELDS)
        return {name: value for name, value in given if value is not None}


def _identities(value: object) -> object:
    return [value] if isinstance(value, Mapping) else value


class TableSettings(Section):
    """A table of memberships, read through change data capture."""

    kind: Literal["membership_rows", "append_only"]
    """membership_rows: a row is a membership; append_only: a row is a change of one."""
    audience: ColumnValue | None = None
    """The column of the audience; null: the audience of the source."""
    member: ColumnValue
    """The column of the member's id."""
    active: ColumnAction | None = None
    """For membership_rows: a boolean column, or rules, that say whether the row counts."""
    action: ColumnAction | None = None
    """For append_only: rules for the column of the action."""
    changed_at: ColumnTime | None = None
    """The column of the time; null, and for deleted rows: the commit time of the database."""
    identities: Annotated[
        tuple[TableIdentity, ...],
        BeforeValidator(
            _identities, json_schema_input_type=TableIdentity | tuple[TableIdentity, ...]
        ),
    ] = ()
    country: ColumnValue | None = None

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        refuse(self._problems())
        return self

    def _problems(self) -> Iterator[Problem]:
        if self.kind == "append_only" and self.action is None:
            remedy = "set it to rules, such as {column: event_type, add: [enter], remove: [exit]}"
            yield Problem(path=("action",), what="append_only needs it", remedy=remedy)
        if self.kind == "append_only" and self.active is not None:
            yield Problem(path=("active",), what="belongs to membership_rows", remedy="remove it")
        if self.kind == "membership_rows" and self.action is not None:
            remedy = "use active for a column that says whether the row counts"
            yield Problem(path=("action",), what="belongs to append_only", remedy=remedy)
