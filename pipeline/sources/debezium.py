"""Debezium's change events of a table whose rows are memberships, or changes of memberships.

(Source: Debezium's documentation of its connectors' events.)
"""

from collections.abc import Iterable, Sequence
from typing import Final

import orjson

from pipeline.domain.reasons import Ignored, Rejected
from pipeline.sources.actions import Decide, Decision, decider
from pipeline.sources.expression_settings import TableActionRule
from pipeline.sources.expressions import evaluator
from pipeline.sources.identity_fields import Identities, identity
from pipeline.sources.instants import instant, milliseconds
from pipeline.sources.mapping_settings import TableSettings
from pipeline.sources.members import inner
from pipeline.sources.parts import NO_VALUE, Parts
from pipeline.sources.reading import NOT_MEMBERSHIP, malformed
from pipeline.sources.scope import Scope
from pipeline.sources.source_format import FormatOptions, SourceFormat
from pipeline.sources.typed import text_of

_TRUNCATE: Final = Ignored("truncate")
_NO_ROW: Final = malformed("op", "comes with neither a row nor a key that names the member")
_NOTHING: Final[dict[str, object]] = {}
_BOOLEAN: Final = {"add": (True,), "remove": (False,)}


def parts(table: TableSettings) -> Parts:
    """Columns are read from the row after the change, or before a deletion, or from the key."""
    rows = _Rows(table)
    return Parts(
        items=rows.items,
        audience=NO_VALUE if table.audience is None else evaluator(table.audience),
        action=rows.action,
        member=evaluator(table.member),
        occurred_at=rows.occurred_at,
        country=NO_VALUE if table.country is None else evaluator(table.country),
        identities=_identities(table),
        backfill=_is_snapshot,
        stated_at=_committed_at,
        places={
            "audience": "table.audience",
            "member": "table.member",
            "occurred_at": "table.changed_at" if table.changed_at else "source.ts_ms",
        },
    )


class _Rows:
    """Reads changes from the rows of a table."""

    def __init__(self, table: TableSettings) -> None:
        self._is_log = table.kind == "append_only"
        self._decide = _decider(table)
        self._changed_at = None if table.changed_at is None else instant(table.changed_at)
        same = [table.member] if table.audience is None else [table.audience, table.member]
        self._same = [evaluator(value) for value in same]

    def items(self, scope: Scope) -> Scope | Iterable[Scope | Rejected] | Ignored | Rejected:
        """The event as one change, or as two if an update moved a row to another membership."""
        root = scope.root if type(scope.root) is dict else _NOTHING
        op = root.get("op")
        if op == "t":
            return _TRUNCATE
        if op == "m" or (op == "d" and self._is_log):  # retention deletes rows of a log
            return NOT_MEMBERSHIP
        if op not in ("c", "r", "u", "d") or (op == "u" and self._is_log):
            return malformed("op", "is no operation of this kind of table")
        before, after = _row(root.get("before")), _row(root.get("after"))
        scope.inner = op
        scope.row = before if op == "d" else after
        if scope.row is None and (op != "d" or scope.key() is None):
            return _NO_ROW
        if op == "u" and before is not None:
            return self._moved(scope, before)
        return scope

    def _moved(self, scope: Scope, before: object) -> Scope | Iterable[Scope]:
        former = scope.at(None)
        former.row, former.inner = before, "d"
        was, now = ([text_of(one(at)) for one in self._same] for at in (former, scope))
        # A row with only some of its columns does not prove a move.
        is_known = all(isinstance(text, str) for text in was)
        return [former, scope] if is_known and was != now else scope

    def action(self, scope: Scope) -> Decision:
        return "remove" if scope.inner == "d" else self._decide(scope)

    def occurred_at(self, scope: Scope) -> int | None:
        # A deleted row still has the time of the change before it.
        is_deleted = scope.inner == "d"
        if self._changed_at is None or is_deleted:
            return _committed_at(scope)
        return self._changed_at(scope)


def _decider(table: TableSettings) -> Decide:
    if table.action is not None:
        return decider(table.action, "table.action")
    if table.active is None:
        return lambda _: "add"
    return decider([_with_booleans(rule) for rule in table.active], "table.active")


def _with_booleans(rule: TableActionRule) -> TableActionRule:
    """A column without rules is a boolean."""
    has_rules = rule.model_fields_set & {"add", "remove", "ignore", "next", "absent", "present"}
    return rule if has_rules else rule.model_copy(update=_BOOLEAN)


def _identities(table: TableSettings) -> Identities:
    made = [
        identity(one.fields(), f"table.identities[{place}]")
        for place, one in enumerate(table.identities)
    ]

    def of_row(scope: Scope) -> Sequence[dict[str, str]]:
        return [found for make in made if (found := make(scope))]

    return of_row


def _row(image: object) -> object:
    """A row as an object; MongoDB writes it as a text of JSON."""
    if type(image) is str:
        try:
            image = orjson.loads(image)
        except orjson.JSONDecodeError:
            return None
    return image if type(image) is dict else None


def _is_snapshot(scope: Scope) -> bool:
    snapshot = inner(scope.root, "source", "snapshot")
    return scope.inner == "r" or snapshot not in (None, False, "false")


def _committed_at(scope: Scope) -> int | None:
    """The commit time: a restored row has an old `changed_at`, but must count over its deletion."""
    return milliseconds(inner(scope.root, "source", "ts_ms"))


def _parts(options: FormatOptions) -> Parts:
    assert options.table is not None, "the settings of the format need it"
    return parts(options.table)


DEBEZIUM = SourceFormat(
    name="debezium",
    keys="Debezium keys by the primary key; an append-only table needs message.key.columns with "
    "the audience and the member",
    parts=_parts,
    has_payload=True,
    is_shown=True,
)
