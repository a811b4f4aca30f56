"""Arithmetic of vectors, as PromQL defines it: which elements meet, and what comes out."""

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from tests.alerts.samples import Labels

COMPARE: Mapping[str, Callable[[float, float], bool]] = {
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
}
ARITHMETIC: Mapping[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": lambda one, other: one / other if other else (math.copysign(math.inf, one) * bool(one)),
}


class Sample(NamedTuple):
    """One element of a vector, without the name of its metric."""

    labels: Labels
    value: float


Vector = Sequence[Sample]
Value = float | Vector
Key = Callable[[Labels], frozenset[tuple[str, str]]]


def combined(sign: str, left: Value, right: Value, on: Sequence[str] | None) -> Value:
    """What a binary operator gives; `on` names the labels by which elements meet, None for all."""
    key = _key(on)
    if sign in {"and", "or", "unless"}:
        assert not isinstance(left, float)
        assert not isinstance(right, float)
        return _by_presence(sign, left, right, key)
    if isinstance(left, float) and isinstance(right, float):
        return ARITHMETIC[sign](left, right)
    if isinstance(right, float):
        return _each(sign, [(one, one.value, right) for one in left])  # type: ignore[union-attr]
    if isinstance(left, float):
        return _each(sign, [(one, left, one.value) for one in right])
    others = {key(other.labels): other.value for other in right}
    met = [(one, one.value, others[key(one.labels)]) for one in left if key(one.labels) in others]
    return _each(sign, met)


def increase(values: Sequence[float]) -> float:
    """The sum of the steps; a step down is a counter that began anew."""
    return sum(now - before if now >= before else now for before, now in pairwise(values))


def _each(sign: str, pairs: Sequence[tuple[Sample, float, float]]) -> Vector:
    if sign in COMPARE:
        return [one for one, left, right in pairs if COMPARE[sign](left, right)]
    return [Sample(one.labels, ARITHMETIC[sign](left, right)) for one, left, right in pairs]


def _by_presence(sign: str, left: Vector, right: Vector, key: Key) -> Vector:
    there = {key(other.labels) for other in right}
    if sign == "and":
        return [one for one in left if key(one.labels) in there]
    if sign == "unless":
        return [one for one in left if key(one.labels) not in there]
    here = {key(one.labels) for one in left}
    return [*left, *(other for other in right if key(other.labels) not in here)]


def _key(on: Sequence[str] | None) -> Key:
    def key(labels: Labels) -> frozenset[tuple[str, str]]:
        names = labels if on is None else on
        return frozenset((name, labels.get(name, "")) for name in names)

    return key
