"""Events out of a text: JSON objects, one or many, on one line each or over many lines."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from pipeline.operations.trouble import OperationFailed

MEMBER_KEY = "member.id"
BYTE_ORDER_MARK = "\ufeff"
_DECODER = json.JSONDecoder()


class ReadEvent(NamedTuple):
    """One event as it is to be written: keyed by its member, whose events share a partition."""

    key: bytes | None
    value: bytes | None

    def __repr__(self) -> str:
        return "<ReadEvent>"


def events_in(lines: Iterable[str], key: str) -> Iterator[ReadEvent]:
    """Every event, its text as it stands; `key` is the dotted place of what it is keyed by.

    Raises:
        OperationFailed: a text is no JSON object, or has no such key; names the line.
    """
    text, first = "", 1
    for number, line in enumerate(lines, 1):
        if not text.strip():
            text, first = "", number
        text += line.removeprefix(BYTE_ORDER_MARK) if number == 1 else line
        while text := text.lstrip():
            found = _first(text, first)
            if found is None:
                break
            event, end = found
            yield _keyed(event, text[:end], key, first)
            text, first = text[end:], number
    if text.strip():
        raise OperationFailed(f"line {first}: the JSON that begins here does not end")


def _first(text: str, line: int) -> tuple[Mapping[str, object], int] | None:
    """The first object and where it ends; None while the text ends before it does."""
    try:
        found, end = _DECODER.raw_decode(text)
    except json.JSONDecodeError as error:
        if error.pos >= len(text.rstrip()):
            return None
        raise OperationFailed(f"line {line}: not JSON ({error.msg})") from None
    except (ValueError, RecursionError) as error:
        what = "a number that is too long" if isinstance(error, ValueError) else "nested too deep"
        raise OperationFailed(f"line {line}: not JSON that anybody reads: {what}") from None
    if not isinstance(found, dict):
        raise OperationFailed(f"line {line}: an event is an object, and this is none")
    return found, end


def _keyed(event: Mapping[str, object], text: str, key: str, line: int) -> ReadEvent:
    found: object = event
    for part in key.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    if isinstance(found, bool) or not isinstance(found, str | int) or found == "":
        raise OperationFailed(
            f"line {line}: the event has no {key} to be keyed by; --key names another place"
        )
    return ReadEvent(str(found).encode(errors="replace"), text.encode(errors="replace"))
