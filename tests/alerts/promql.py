"""A reader of PromQL that knows just enough to say which series an expression asks for."""

import re
from collections.abc import Iterator
from functools import cache

from prometheus_client.parser import text_string_to_metric_families

from pipeline.telemetry.prometheus import prometheus_telemetry
from tests.telemetry.facts import state_every_fact

OF_THE_SCRAPE = {"job", "instance"}
FUNCTIONS = {
    *("absent", "count", "histogram_quantile", "increase", "label_replace", "max", "max_over_time"),
    *("rate", "sum", "time", "vector"),
}
KEYWORDS = {"and", "or", "unless", "offset"}
GROUPINGS = {"by", "without", "on", "ignoring", "group_left", "group_right"}

TOKEN = re.compile(
    r"""(?P<space>\s+)
      | (?P<text>"(?:[^"\\]|\\.)*")
      | (?P<range>\[(?:\d+[smhdw]|\$__rate_interval)\])
      | (?P<number>\d+(?:\.\d+)?[smhdw]?)
      | (?P<name>[A-Za-z_:][A-Za-z0-9_:]*)
      | (?P<operator>=~|!~|!=|==|>=|<=|[-+*/%^<>=])
      | (?P<mark>[(){},])""",
    re.VERBOSE,
)


@cache
def published() -> dict[str, set[str]]:
    """Every series the program can show, with its labels."""
    telemetry = prometheus_telemetry()
    state_every_fact(telemetry)
    text, _ = telemetry.metrics.exposition()
    labels: dict[str, set[str]] = {"up": set()}
    for family in text_string_to_metric_families(text.decode()):
        for sample in family.samples:
            labels.setdefault(sample.name, set()).update(sample.labels)
    return {name: {*own, *OF_THE_SCRAPE} for name, own in labels.items()}


def faults(expression: str) -> Iterator[str]:
    """What a server would refuse, or would answer with nothing for ever; AssertionError for text
    that is not of the language at all.
    """
    words = tokens(expression)
    yield from _unbalanced([text for kind, text in words if kind == "mark"])
    asked = [text for kind, text in words if kind == "name" and text in published()]
    if not asked:
        yield "asks for no series"
    labels = {label for metric in asked for label in published()[metric]}
    labels |= set(re.findall(r'label_replace\(.+?, "(\w+)", ', expression, re.DOTALL))
    for place, (kind, text) in enumerate(words):
        if kind == "name":
            yield from _fault_of_name(text, words[:place], words[place + 1 :], labels)


def tokens(expression: str) -> list[tuple[str, str]]:
    """Kind and text of each token."""
    found, at = [], 0
    while at < len(expression):
        match = TOKEN.match(expression, at)
        assert match is not None, f"not PromQL: {expression[at:]!r}"
        if match.lastgroup != "space":
            found.append((str(match.lastgroup), match.group()))
        at = match.end()
    return found


def _unbalanced(marks: list[str]) -> Iterator[str]:
    opened: list[str] = []
    for mark in marks:
        if mark in "({":
            opened.append(mark)
        elif mark in ")}" and (not opened or opened.pop() + mark not in ("()", "{}")):
            yield f"{mark} without its opening"
    if opened:
        yield f"{opened[-1]} is not closed"


def _fault_of_name(
    name: str, before: list[tuple[str, str]], after: list[tuple[str, str]], labels: set[str]
) -> Iterator[str]:
    follows = after[0][1] if after else ""
    opener = _opener(before)
    if opener in published():
        if name not in published()[opener]:
            yield f"{opener} has no label {name}"
    elif opener in GROUPINGS:
        if name not in labels:
            yield f"no series of this expression has the label {name}"
    elif follows == "(" and name not in FUNCTIONS | GROUPINGS | KEYWORDS:
        yield f"no function {name}"
    elif follows != "(" and name not in published().keys() | FUNCTIONS | GROUPINGS | KEYWORDS:
        yield f"no series {name}"


def _opener(before: list[tuple[str, str]]) -> str:
    """The word before the bracket that is still open here, such as `by` or a metric's name."""
    depth = 0
    for place in range(len(before) - 1, -1, -1):
        text = before[place][1]
        depth += (text in {")", "}"}) - (text in {"(", "{"})
        if depth < 0:
            return before[place - 1][1] if place > 0 else ""
    return ""
