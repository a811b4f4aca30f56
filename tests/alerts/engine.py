"""Evaluates the PromQL that our alerts are written in, over the samples of a scenario.

As the server does it, apart from extrapolation: an increase is the sum of the steps between the
samples of the range. That is less exact, and the same where "more than none" is asked for.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence

from tests.alerts.promql import tokens
from tests.alerts.samples import Labels, Samples, Series
from tests.alerts.vectors import Sample, Value, Vector, combined, increase

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
PRECEDENCE: Sequence[frozenset[str]] = (
    frozenset({"or"}),
    frozenset({"and", "unless"}),
    frozenset({">", "<", ">=", "<=", "==", "!="}),
    frozenset({"+", "-"}),
    frozenset({"*", "/"}),
)
AGGREGATE: Mapping[str, Callable[[Sequence[float]], float]] = {
    "sum": sum,
    "max": max,
    "count": lambda values: float(len(values)),
}


def evaluate(expression: str, samples: Samples, time: float) -> Vector:
    """What the expression gives at that time; an alert fires for each element."""
    reading = _Reading(tokens(expression), samples, time)
    value = reading.binary(0)
    assert not reading.rest, f"not read: {reading.rest}"
    assert not isinstance(value, float)
    return value


class _Reading:
    """Reads the tokens once, from left to right, and computes on the way."""

    def __init__(self, words: list[tuple[str, str]], samples: Samples, time: float) -> None:
        self.rest = words
        self._samples = samples
        self._time = time
        self._functions: Mapping[str, Callable[[], Value]] = {
            "(": lambda: self.binary(0),
            "rate": lambda: self._over_range(lambda values, seconds: increase(values) / seconds),
            "increase": lambda: self._over_range(lambda values, _: increase(values)),
            "max_over_time": lambda: self._over_range(lambda values, _: max(values), at_least=1),
            "absent": lambda: [] if self.binary(0) else [Sample({}, 1.0)],
            "label_replace": self._label_replace,
            "time": lambda: self._time,
            "vector": lambda: [Sample({}, float(self._take()))],
        }

    def binary(self, level: int) -> Value:
        if level == len(PRECEDENCE):
            return self._operand()
        left = self.binary(level + 1)
        while self.rest and self.rest[0][1] in PRECEDENCE[level]:
            sign = self._take()
            on = self._labels_after("on")
            self._labels_after("group_left")
            left = combined(sign, left, self.binary(level + 1), on)
        return left

    def _operand(self) -> Value:
        kind, text = self.rest[0]
        if kind == "number":
            return float(self._take())
        if text in AGGREGATE:
            return self._aggregation(AGGREGATE[self._take()])
        if text in self._functions:
            if text != "(":
                self._take()
            return self._inside(self._functions[text])
        return self._instant()

    def _inside(self, read: Callable[[], Value]) -> Value:
        assert self._take() == "("
        value = read()
        assert self._take() == ")"
        return value

    def _aggregation(self, together: Callable[[Sequence[float]], float]) -> Vector:
        by = self._labels_after("by") or []
        inner = self._inside(lambda: self.binary(0))
        assert not isinstance(inner, float)
        groups: dict[tuple[str, ...], list[float]] = defaultdict(list)
        for labels, value in inner:
            groups[tuple(labels.get(label, "") for label in by)].append(value)
        return [
            Sample(dict(zip(by, group, strict=True)), together(values))
            for group, values in groups.items()
        ]

    def _over_range(
        self, together: Callable[[Sequence[float], float], float], *, at_least: int = 2
    ) -> Vector:
        series, seconds, offset = self._selector()
        found = [(one.labels, one.within(self._time - offset, seconds)) for one in series]
        return [
            Sample(labels, together(values, seconds))
            for labels, values in found
            if len(values) >= at_least
        ]

    def _label_replace(self) -> Vector:
        inner = self.binary(0)
        assert not isinstance(inner, float)
        label, replacement, source, regex = [self._argument() for _ in range(4)]
        made = []
        for labels, value in inner:
            match = re.fullmatch(regex, labels.get(source, ""))
            text = match.expand(re.sub(r"\$(\d)", r"\\\1", replacement)) if match else None
            made.append(Sample(labels if text is None else {**labels, label: text}, value))
        return made

    def _argument(self) -> str:
        assert self._take() == ","
        return _unquoted(self._take())

    def _instant(self) -> Vector:
        series, _, offset = self._selector()
        found = ((one.labels, one.at(self._time - offset)) for one in series)
        return [Sample(labels, value) for labels, value in found if value is not None]

    def _selector(self) -> tuple[Sequence[Series], float, float]:
        name = self._take()
        matchers = list(self._matchers())
        seconds = _seconds(self._take().strip("[]")) if self._next_is("[") else 0.0
        offset = 0.0
        if self._next_is("offset"):
            self._take()
            offset = _seconds(self._take())
        found = self._samples.select(name, lambda labels: all(one(labels) for one in matchers))
        return list(found), seconds, offset

    def _matchers(self) -> Iterator[Callable[[Labels], bool]]:
        if not self._next_is("{"):
            return
        while self._take() != "}":
            if self._next_is("}"):
                continue
            label, sign, text = self._take(), self._take(), _unquoted(self._take())
            regex = text if "~" in sign else re.escape(text)
            yield _matcher(label, regex, is_negated=sign.startswith("!"))

    def _labels_after(self, word: str) -> Sequence[str] | None:
        if not self._next_is(word):
            return None
        self._take()
        self._take()
        labels = []
        while (text := self._take()) != ")":
            labels += [text] if text != "," else []
        return labels

    def _next_is(self, text: str) -> bool:
        return bool(self.rest) and self.rest[0][1].startswith(text)

    def _take(self) -> str:
        text = self.rest[0][1]
        self.rest = self.rest[1:]
        return text


def _matcher(label: str, regex: str, *, is_negated: bool) -> Callable[[Labels], bool]:
    def matches(labels: Labels) -> bool:
        return (re.fullmatch(regex, labels.get(label, "")) is None) is is_negated

    return matches


def _seconds(text: str) -> float:
    return float(text[:-1]) * UNITS[text[-1]]


def _unquoted(text: str) -> str:
    return text[1:-1].replace("\\\\", "\\")
