"""What a test of a configuration came to, for people, for programs and for build servers."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from xml.sax.saxutils import quoteattr

from pipeline.operations.sources.example_files import EXPECTATIONS
from pipeline.operations.sources.testing import Report, Tried


def lines(report: Report) -> Iterator[str]:
    """A line for each difference, for each source without an example, and the totals."""
    for tried in report.failed:
        for difference in tried.differences:
            yield f"FAIL {tried.example.place()}: {difference.line()}"
    for topic in report.untested:
        yield f"no example of the source {topic}"
    failed = len(report.failed)
    yield (
        f"{len(report.tried) - failed} passed, {failed} failed, "
        f"{len(report.untested)} sources without an example"
    )


def as_json(report: Report) -> Mapping[str, Any]:
    """The same for programs."""
    return {
        "passed": len(report.tried) - len(report.failed),
        "failed": len(report.failed),
        "untested": list(report.untested),
        "cases": [_case(tried) for tried in report.tried],
    }


def junit(report: Report) -> str:
    """The same as JUnit's XML, for build servers."""
    seconds = sum(tried.seconds for tried in report.tried)
    totals = f'tests="{len(report.tried)}" failures="{len(report.failed)}" time="{seconds:.3f}"'
    body = "".join(_junit_case(tried) for tried in report.tried)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<testsuite name="audience-pipeline test" {totals}>\n{body}</testsuite>\n'
    )


def _case(tried: Tried) -> Mapping[str, Any]:
    example, verdict = tried.example, tried.verdict
    return {
        "file": str(example.file),
        "number": example.number,
        "name": example.name,
        "topic": example.topic,
        "passed": tried.passed,
        "differences": [difference._asdict() for difference in tried.differences],
        "changes": list(verdict.changes),
        "ignored": verdict.ignored,
        "rejected": [{"reason": one.reason, "detail": one.whole} for one in verdict.rejected],
        "records": list(verdict.records),
    }


def _junit_case(tried: Tried) -> str:
    example = tried.example
    name = quoteattr(_printable(f"#{example.number} {example.name}"))
    place = quoteattr(_printable(str(example.file)))
    start = f'  <testcase classname={place} name={name} time="{tried.seconds:.3f}"'
    if tried.passed:
        return f"{start}/>\n"
    said = quoteattr(_printable("; ".join(one.line() for one in tried.differences)))
    return f"{start}>\n    <failure message={said}/>\n  </testcase>\n"


def _printable(text: str) -> str:
    """XML takes no control characters, not even escaped."""
    return "".join(one if one.isprintable() else " " for one in text)


def updated(case: Mapping[str, Any], tried: Tried) -> Mapping[str, Any] | None:
    """The case with what came out as its expectation; None where no case can say that."""
    verdict = tried.verdict
    kept = {key: value for key, value in case.items() if key not in EXPECTATIONS}
    bare = {key: value for key, value in kept.items() if key != "records"}
    if verdict.ignored is not None:
        return {**bare, "ignored": verdict.ignored}
    if verdict.rejected:
        is_whole = not verdict.changes and len(verdict.rejected) == 1
        return {**bare, "rejected": verdict.rejected[0].reason} if is_whole else None
    changes = _written(case.get("changes", ()), verdict.changes, is_exact=tried.example.is_exact)
    if "records" in case:
        kept["records"] = _written(case["records"], verdict.records, is_exact=False)
    return {**kept, "changes": changes}


def _written(
    before: Sequence[Mapping[str, Any]], found: Sequence[Mapping[str, Any]], *, is_exact: bool
) -> Sequence[Mapping[str, Any]]:
    """Those keys that the case wrote before, and of a new entry the ones that decide."""
    made: list[Mapping[str, Any]] = []
    for place, one in enumerate(found):
        names = list(before[place]) if place < len(before) else []
        if is_exact:
            names = list(one)
        wanted = names or ["audience", "action", "member", "destination", "withheld", "rejected"]
        made.append({name: one[name] for name in wanted if name in one})
    return made
