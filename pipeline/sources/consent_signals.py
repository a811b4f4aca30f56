"""Reads the consent of an event into the shape of the native event; absence is never a signal."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from pipeline.sources.expression_settings import Expression
from pipeline.sources.expressions import Evaluate, evaluator
from pipeline.sources.mapping_settings import ConsentMapping
from pipeline.sources.scope import Scope

Consent = Callable[[Scope], Mapping[str, object] | None]
Answers = Callable[[Scope, str], object]
"""Gives an event's answer for one category: true, false, or any other value for no answer."""

_GRANTED: Final = {"ad_storage": "GRANTED", "user_data": "GRANTED"}
_DENIED: Final = {"ad_storage": "DENIED", "user_data": "DENIED"}


def no_consent(_: Scope) -> None:
    return None


def of_mapping(mapping: ConsentMapping) -> Consent:
    """A function that reads every signal of an event; each partner later judges which counts."""
    strings = [
        (name, evaluator(value))
        for name, value in (("tcf", mapping.tcf), ("gpp", mapping.gpp))
        if value is not None
    ]
    flags = [] if mapping.amazon is None else list(_flags(mapping.amazon.ad_storage, "ad_storage"))
    if mapping.amazon is not None:
        flags += _flags(mapping.amazon.user_data, "user_data")

    def stated(scope: Scope) -> Mapping[str, object] | None:
        consent: dict[str, object] = {}
        for name, evaluate in strings:
            value = evaluate(scope)
            if isinstance(value, str):
                consent[name] = value
        amazon = {name: said for name, evaluate in flags if (said := _word(evaluate(scope)))}
        if amazon:
            consent["amazon"] = amazon
        return consent or None

    return stated


def of_categories(categories: Iterable[str], answers: Answers) -> Consent:
    """A function that gives Amazon's two flags: granted if every category is, denied if one is."""
    wanted = tuple(categories)
    if not wanted:
        return no_consent

    def stated(scope: Scope) -> Mapping[str, object] | None:
        said = [answers(scope, category) for category in wanted]
        if any(answer is False for answer in said):
            return {"amazon": _DENIED}
        return {"amazon": _GRANTED} if all(answer is True for answer in said) else None

    return stated


def _flags(value: Sequence[Expression] | None, name: str) -> Iterable[tuple[str, Evaluate]]:
    return [] if value is None else [(name, evaluator(value))]


def _word(value: object) -> str | None:
    if isinstance(value, bool):
        return "GRANTED" if value else "DENIED"
    return value if isinstance(value, str) else None
