"""Example events for a test of the configuration: files of cases, each an event and what it is."""

import binascii
import stat
from base64 import b64decode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

from pipeline.settings.document import parse
from pipeline.settings.problems import SettingsError, suggestion
from pipeline.sources.timestamps import epoch_milliseconds

VALUES: Final = ("value", "value_text", "value_base64", "value_file")
EXPECTATIONS: Final = ("changes", "ignored", "rejected")
KEYS: Final = (
    *("name", "topic", "key", "headers", "timestamp", "exact", "records", "schema_id"),
    "rejected_in_part",
    *VALUES,
    *EXPECTATIONS,
)
EVENT_ALONE: Final = (
    "an event stands under 'value', beside 'topic' and what is expected of it: 'changes', "
    "'ignored' or 'rejected'"
)
SUFFIXES: Final = (".json", ".jsonl", ".yaml", ".yml")


class UnusableExamples(Exception):
    """A file that holds no examples; the message names it and the place in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One case: a message of a topic, and what is expected of it."""

    file: Path
    number: int
    """Of the case in its file, from 1."""
    name: str
    topic: str
    key: bytes | None
    headers: Sequence[tuple[str, bytes]]
    timestamp: int | None
    """Milliseconds since the epoch; -1 for none, None where the case does not say."""
    value: bytes | None
    is_json: bool
    """Whether the value was written as JSON, so that it still has to be encoded."""
    schema_id: int | None
    kind: str
    """Which of `EXPECTATIONS` there is."""
    expected: Any
    """Changes as mappings, or a reason."""
    is_exact: bool
    rejected_in_part: str | None
    """Beside changes: why others of the same message are rejected."""
    records: Sequence[Mapping[str, Any]] | None

    def place(self) -> str:
        return f'{self.file}#{self.number} "{self.name}"'


def examples_in(paths: Sequence[Path]) -> Sequence[Example]:
    """All cases of the files, and of the files in folders by their names."""
    return [example for path in paths for file in _files(path) for example in _cases(file)]


def _files(path: Path) -> Sequence[Path]:
    try:
        if stat.S_ISDIR(path.stat().st_mode):
            found = path.rglob("*")
            return sorted(one for one in found if one.suffix in SUFFIXES and one.is_file())
    except OSError as error:
        reason = (error.strerror or "cannot be read").lower()
        raise UnusableExamples(
            f"{path}: {reason}; give examples as files or folders of them"
        ) from None
    if path.suffix not in SUFFIXES:
        raise UnusableExamples(f"{path}: must end in .json, .jsonl or .yaml")
    return [path]


def _cases(file: Path) -> Iterator[Example]:
    for number, case in enumerate(documents(file), start=1):
        place = f"{file}#{number}"
        if not isinstance(case, dict) or not all(isinstance(key, str) for key in case):
            raise UnusableExamples(f"{place}: a case must be an object")
        yield _example(case, file, number, place)


def documents(file: Path) -> Sequence[Any]:
    """The cases of a file as they are written."""
    try:
        text = file.read_text(encoding="utf-8")
        if file.suffix == ".jsonl":
            return [orjson.loads(line) for line in text.splitlines() if line.strip()]
        document = orjson.loads(text) if file.suffix == ".json" else parse(text, file)
    except OSError as error:
        raise UnusableExamples(f"{file}: {(error.strerror or 'cannot be read').lower()}") from None
    except UnicodeDecodeError:
        raise UnusableExamples(f"{file}: is not UTF-8 text") from None
    except orjson.JSONDecodeError as error:
        raise UnusableExamples(f"{file}: is not JSON, line {error.lineno}") from None
    except SettingsError as error:
        raise UnusableExamples(str(error)) from None
    return document if isinstance(document, list) else [document]


def _example(case: Mapping[str, Any], file: Path, number: int, place: str) -> Example:
    for key in case:
        if key not in KEYS:
            # An event that stands alone has no key of an example.
            remedy = EVENT_ALONE if case.keys().isdisjoint(KEYS) else suggestion(key, KEYS)
            raise UnusableExamples(f"{place}: {key}: unknown key; {remedy}")
    if not isinstance(case.get("topic"), str):
        raise UnusableExamples(f"{place}: topic: is required and missing")
    value, is_json = _value(case, file, place)
    kind = _only(case, EXPECTATIONS, place)
    return Example(
        file=file,
        number=number,
        name=str(case.get("name", "")),
        topic=case["topic"],
        key=_key(case.get("key")),
        headers=_headers(case.get("headers"), place),
        timestamp=_timestamp(case["timestamp"], place) if "timestamp" in case else None,
        value=value,
        is_json=is_json,
        schema_id=case.get("schema_id"),
        kind=kind,
        expected=_expected(case[kind], kind, place),
        is_exact=case.get("exact") is True,
        rejected_in_part=case.get("rejected_in_part"),
        records=_objects(case["records"], f"{place}: records") if "records" in case else None,
    )


def _only(case: Mapping[str, Any], names: Sequence[str], place: str) -> str:
    given = [name for name in names if name in case]
    if len(given) != 1:
        raise UnusableExamples(f"{place}: must have exactly one of {', '.join(names)}")
    return given[0]


def _value(case: Mapping[str, Any], file: Path, place: str) -> tuple[bytes | None, bool]:
    kind = _only(case, VALUES, place)
    value = case[kind]
    if value is None:
        return None, False
    if kind == "value":
        return orjson.dumps(value), True
    if not isinstance(value, str):
        raise UnusableExamples(f"{place}: {kind}: must be text")
    if kind == "value_text":
        return value.encode(), False
    return _bytes(kind, value, file, place), False


def _bytes(kind: str, value: str, file: Path, place: str) -> bytes:
    try:
        if kind == "value_base64":
            return b64decode(value, validate=True)
        return (file.parent / value).read_bytes()
    except binascii.Error:
        raise UnusableExamples(f"{place}: value_base64: is not base64") from None
    except OSError as error:
        reason = (error.strerror or "cannot be read").lower()
        raise UnusableExamples(f"{place}: value_file: {reason}") from None


def _key(key: object) -> bytes | None:
    if key is None:
        return None
    return key.encode() if isinstance(key, str) else orjson.dumps(key)


def _headers(headers: object, place: str) -> Sequence[tuple[str, bytes]]:
    if headers is None:
        return ()
    if not isinstance(headers, dict):
        raise UnusableExamples(f"{place}: headers: must be an object of texts")
    return [(name, str(value).encode()) for name, value in headers.items()]


def _timestamp(value: object, place: str) -> int:
    if value is None:
        return -1
    at = epoch_milliseconds(value)
    if at is None:
        raise UnusableExamples(f"{place}: timestamp: is no time")
    return at


def _expected(value: object, kind: str, place: str) -> Any:
    if kind == "changes":
        return _objects(value, f"{place}: changes")
    if not isinstance(value, str):
        raise UnusableExamples(f"{place}: {kind}: must be a reason")
    return value


def _objects(value: object, place: str) -> Sequence[Mapping[str, Any]]:
    if isinstance(value, list) and all(isinstance(one, dict) for one in value):
        return value
    raise UnusableExamples(f"{place}: must be a list of objects")
