"""What differs between what an example expects and what came out, each with its place."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import orjson

from pipeline.operations.sources.example_files import Example
from pipeline.operations.sources.trial import Verdict
from pipeline.sources.timestamps import epoch_milliseconds

KEYS_OF_MAPPING: Final = {
    "audience": "mapping.audience",
    "action": "mapping.action",
    "member": "mapping.member",
    "occurred_at": "mapping.occurred_at",
    "country": "mapping.country",
    "identities": "mapping.identities",
    "consent": "mapping.consent",
    "attributes": "mapping.attributes",
    "backfill": "mapping.backfill",
}
_COMPUTED: Final = frozenset({"connection", "audience_id", "record", "detail", "member"})
"""Keys of a record that an exact example need not name."""


class Difference(NamedTuple):
    """One thing that is not as expected."""

    place: str
    """Such as changes[0].action."""
    what: str
    key: str | None = None
    """The key of the configuration that decides it."""

    def line(self) -> str:
        return f"{self.place}: {self.what}" + (f" ({self.key})" if self.key else "")


def differences(example: Example, verdict: Verdict) -> Sequence[Difference]:
    """All of them; none if the example is right."""
    return [*_of_kind(example, verdict), *_of_records(example, verdict)]


def _of_kind(example: Example, verdict: Verdict) -> Iterator[Difference]:
    was = _was(verdict)
    if example.kind == "ignored":
        if verdict.ignored != example.expected:
            yield Difference("ignored", f"expected {_text(example.expected)}, was {was}")
    elif example.kind == "rejected":
        reasons = [rejected.reason for rejected in verdict.rejected]
        if verdict.changes or reasons != [example.expected]:
            yield Difference("rejected", f"expected {_text(example.expected)}, was {was}")
    elif verdict.ignored is not None or (verdict.rejected and not verdict.changes):
        yield Difference("changes", f"expected {len(example.expected)}, was {was}")
    else:
        yield from _of_changes(example, verdict)
        yield from _of_rejected_parts(example, verdict)


def _of_rejected_parts(example: Example, verdict: Verdict) -> Iterator[Difference]:
    wanted = example.rejected_in_part
    for rejected in verdict.rejected:
        if rejected.reason != wanted:
            what = f"expected {_text(wanted)}, was {rejected.reason}: {rejected.whole}"
            yield Difference("rejected_in_part", what)
    if wanted is not None and not verdict.rejected:
        yield Difference("rejected_in_part", f"expected {_text(wanted)}, was null")


def _was(verdict: Verdict) -> str:
    if verdict.ignored is not None:
        return f"ignored: {verdict.ignored}"
    said = [f"rejected: {rejected.reason}: {rejected.whole}" for rejected in verdict.rejected]
    if verdict.changes:
        said.insert(0, f"{len(verdict.changes)} changes")
    return ", ".join(said) or "no change"


def _of_changes(example: Example, verdict: Verdict) -> Iterator[Difference]:
    yield from _counted("changes", example.expected, verdict.changes)
    for place, (wanted, found) in enumerate(zip(example.expected, verdict.changes, strict=False)):
        names = [*wanted, *(name for name in found if name not in wanted and example.is_exact)]
        for name in names:
            if not _is_same(name, wanted.get(name), found.get(name)):
                what = f"expected {_text(wanted.get(name))}, was {_text(found.get(name))}"
                yield Difference(f"changes[{place}].{name}", what, KEYS_OF_MAPPING.get(name))


def _of_records(example: Example, verdict: Verdict) -> Iterator[Difference]:
    if example.records is None:
        return
    yield from _counted("records", example.records, verdict.records)
    for place, (wanted, found) in enumerate(zip(example.records, verdict.records, strict=False)):
        extra = [name for name in found if name not in wanted and name not in _COMPUTED]
        for name in [*wanted, *(extra if example.is_exact else ())]:
            if wanted.get(name) != found.get(name):
                what = f"expected {_text(wanted.get(name))}, was {_text(found.get(name))}"
                yield Difference(f"records[{place}].{name}", what)


def _counted(name: str, wanted: Sequence[Any], found: Sequence[Any]) -> Iterator[Difference]:
    if len(wanted) != len(found):
        yield Difference(name, f"expected {len(wanted)}, were {len(found)}: {_brief(found)}")


def _brief(found: Sequence[Mapping[str, Any]]) -> str:
    shown = ("action", "audience", "destination", "withheld", "rejected")
    return "; ".join(" ".join(str(one[key]) for key in shown if key in one) for one in found[:5])


def _is_same(name: str, wanted: object, found: object) -> bool:
    if name == "occurred_at":
        return epoch_milliseconds(wanted) == epoch_milliseconds(found)
    # Absent, null, an empty list and false all say that there is nothing.
    return (wanted or None) == (found or None) and type(wanted or None) is type(found or None)


def _text(value: object) -> str:
    return orjson.dumps(value).decode()
