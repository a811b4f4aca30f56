"""Settings of a target at Adobe: one external audience."""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from pipeline.destinations.adobe_audiences.namespaces import (
    flaw_of,
    is_open,
    personal_flaw,
    spelled,
)
from pipeline.destinations.contract import TargetSettings
from pipeline.settings.problems import Problem
from pipeline.settings.values import Country, Section, Text, Whole, refusal, refuse

LANE = "snapshots"
"""The lane of every audience, because all audiences of a sandbox share its budget of runs."""
MOST_COLUMNS = 40
"""Adobe takes 41 fields, and one of them is the identity."""
SECONDS_OF_A_DAY = 86_400
ColumnType = Literal["string", "number", "long", "integer", "date", "datetime", "boolean"]


def _audience_id(value: str) -> str:
    # The id becomes part of our keys, of paths of requests and of messages.
    if re.fullmatch(r"[A-Za-z0-9_$-]{1,128}", value):
        return value
    raise refusal("must be an id of Adobe", "copy the whole id")


def _column_name(value: str) -> str:
    if re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,127}", value):
        return value
    raise refusal(
        "must be a name for a column",
        "begin with a letter, then letters, digits and '_'; Adobe takes no blanks and no dashes",
    )


def _custom_id(value: str) -> str:
    if re.fullmatch(r"[A-Za-z_$][A-Za-z0-9_$]{0,127}", value):
        return value
    raise refusal(
        "must begin with a letter, '_' or '$', and go on with those and digits", "write another one"
    )


AudienceId = Annotated[
    str,
    AfterValidator(_audience_id),
    Field(json_schema_extra={"pattern": "^[A-Za-z0-9_$-]{1,128}$"}),
]
ColumnName = Annotated[
    str,
    AfterValidator(_column_name),
    Field(json_schema_extra={"pattern": "^[A-Za-z][A-Za-z0-9_]{0,127}$"}),
]
CustomId = Annotated[
    str,
    AfterValidator(_custom_id),
    Field(json_schema_extra={"pattern": "^[A-Za-z_$][A-Za-z0-9_$]{0,127}$"}),
]
TtlDays = Annotated[Whole, Field(ge=1, le=90)]


class IdentitySettings(Section):
    """The identity of a member in the file, and the name of its column."""

    namespace: Text
    """email_lc_sha256, phone_sha256_e.164, ECID, or a namespace of the organisation."""
    source: Text = Field(alias="from")
    """email or phone for the hashed ones; member_id or attributes.NAME for any other."""
    column: ColumnName = "identity"
    """The column's name in the file."""

    def code(self) -> str:
        """The namespace in the partner's spelling."""
        return spelled(self.namespace)

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        flaw = flaw_of(self.namespace, self.source)
        if flaw is not None:
            refuse([Problem(path=(flaw.key,), what=flaw.what, remedy=flaw.remedy)])
        return self


class ColumnSettings(Section):
    """Another column of the file; the partner stores it, but does not match by it."""

    name: ColumnName
    source: Text = Field(alias="from")
    """member_id or attributes.NAME."""
    type: ColumnType = "string"
    labels: tuple[Text, ...] = ()
    """Data usage labels, such as core/C2."""

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        refuse(self._problems())
        return self

    def _problems(self) -> Iterator[Problem]:
        if not is_open(self.source):
            yield Problem(
                path=("from",),
                what="must be member_id or attributes.NAME",
                value=repr(self.source),
                remedy="write 'attributes.…'",
            )
        elif (flaw := personal_flaw(self.source)) is not None:
            yield Problem(path=("from",), what=flaw.what, remedy=flaw.remedy)


class AdobeTarget(TargetSettings):
    """One external audience, with its own folder in the storage."""

    id_key: ClassVar[str] = "external_audience_id"
    external_audience_id: AudienceId | None = None
    """The partner's id of the audience; null: the id in the lock file of `audiences apply`."""
    identity: IdentitySettings
    columns: tuple[ColumnSettings, ...] = Field(default=(), max_length=MOST_COLUMNS)
    ttl_days: TtlDays = 30
    """Days from the last good run until the partner removes all members; sent at creation, and
    later by `audiences update`."""
    country: Country | None = None
    """The country of members whose event names none; null: the destination's."""
    name: Text | None = None
    """The name at the partner, sent only at creation; null: the upstream name."""
    custom_audience_id: CustomId | None = None
    """Our id of the audience at the partner, sent only at creation; null: none."""
    description: str | None = None
    """Sent at creation, and later by `audiences update`."""
    labels: tuple[Text, ...] = ()
    """Access labels of the audience, such as core/C1; sent only at creation."""

    def audience(self) -> str | None:
        return self.external_audience_id

    def with_audience(self, audience: str) -> Self:
        return self.model_copy(update={"external_audience_id": audience})

    def lane(self) -> str:
        """The whole sandbox, because the budget of runs is counted for it."""
        return LANE

    def lane_keys(self) -> Mapping[str, object]:
        return {"destination": self.destination}

    def unshown_ttl_days(self) -> int | None:
        return self.ttl_days

    def unmakeable(self, upstream_name: str) -> Problem | None:
        """None: Adobe accepts any name."""
        del upstream_name
        return None

    def lifetime(self) -> float:
        """Seconds until members leave without a new run."""
        return self.ttl_days * SECONDS_OF_A_DAY

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        refuse(self._problems())
        return self

    def _problems(self) -> Iterator[Problem]:
        seen = {self.identity.column.casefold()}
        for place, column in enumerate(self.columns):
            if column.name.casefold() in seen:
                yield Problem(
                    path=("columns", place, "name"),
                    what="is the name of another column; Adobe ignores letter case",
                    value=repr(column.name),
                    remedy="rename one of the two",
                )
            seen.add(column.name.casefold())
