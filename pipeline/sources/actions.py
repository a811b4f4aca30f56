"""Decides whether an event adds or removes, by the rules of the configuration; never guesses."""

from collections.abc import Callable, Sequence
from typing import Final

from pipeline.domain.change import Action
from pipeline.domain.reasons import Ignored, Rejected
from pipeline.sources.expression_settings import ACTIONS, ActionRule, Condition
from pipeline.sources.expressions import Evaluate, evaluator
from pipeline.sources.reading import NOT_MEMBERSHIP, malformed
from pipeline.sources.scope import Scope
from pipeline.sources.typed import TypedTable, kind_of, typed

Decision = Action | Ignored | Rejected
Decide = Callable[[Scope], Decision]
Predicate = Callable[[Scope], bool]

_NEXT: Final = "next"
_UNLISTED: Final = "unlisted"
_PLAIN: Final = {typed("add"): "add", typed("remove"): "remove"}
"""The values of a rule that has no lists."""


def decider(rules: Sequence[ActionRule], place: str) -> Decide:
    """A function that tries the rules in turn; `place` is their key, for messages."""
    made = [_rule(rule) for rule in rules]

    def decide(scope: Scope) -> Decision:
        value: object = None
        for evaluate, table, absent, present in made:
            value = evaluate(scope)
            outcome = absent if value is None else table.get(value) or present
            if outcome == "add" or outcome == "remove":
                return outcome
            if outcome == "ignore":
                return NOT_MEMBERSHIP
            if outcome != _NEXT:
                break
        return _rejected(value, place)

    return decide


def _rule(rule: ActionRule) -> tuple[Evaluate, TypedTable, str, str]:
    listed: dict[tuple[bool, object], object] = {
        typed(value): action for action in ACTIONS for value in getattr(rule, action)
    }
    is_bare = not listed and rule.absent is None and rule.present is None
    table = TypedTable(_PLAIN if is_bare else listed)
    return evaluator([rule]), table, rule.absent or _UNLISTED, rule.present or _UNLISTED


def _rejected(value: object, place: str) -> Rejected:
    if value is None:
        return malformed(place, "has no value, and no rule says what that means")
    return malformed(place, f"{kind_of(value)} that no rule lists; list it, or correct it upstream")


def conditions(all_of: Sequence[Condition]) -> Predicate:
    """A function that tells whether every condition holds; true without conditions."""
    made = [
        (evaluator([one]), TypedTable({typed(value): True for value in one.one_of}))
        for one in all_of
    ]

    def hold(scope: Scope) -> bool:
        return all(table.get(evaluate(scope)) is True for evaluate, table in made)

    return hold
