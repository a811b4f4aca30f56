"""Reads events from a text: JSON objects one after another, with any line breaks."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from pipeline.operations.trouble import OperationFailed

MEMBER_KEY = "member.id"
BYTE_ORDER_MARK = "\ufeff"
_DECODER = json.JSONDecoder()


class ReadEvent(NamedTuple):
    """One event to write; its key is the member, so that a member's events share a partition."""

    key: bytes | None
    value: bytes | None

    def __repr__(self) -> str:
        return "<ReadEvent>"


def events_in(lines: Iterable[str], key: str) -> Iterator[ReadEvent]:
    """Every event with its unchanged text; `key` is the dotted path of the field used as key.

    Raises:
        OperationFailed: a text is no JSON object, or lacks that field; the message names the line.
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
    """The first object and the offset of its end; None if the text is incomplete."""
    try:
        found, end = _DECODER.raw_decode(text)
    except json.JSONDecodeError as error:
        if error.pos >= len(text.rstrip()):
            return None
        raise OperationFailed(f"line {line}: not JSON ({error.msg})") from None
    except (ValueError, RecursionError) as error:
        what = "a number that is too long" if isinstance(error, ValueError) else "nested too deep"
        raise OperationFailed(f"line {line}: not JSON that can be read: {what}") from None
    if not isinstance(found, dict):
        raise OperationFailed(f"line {line}: an event must be a JSON object")
    return found, end


def _keyed(event: Mapping[str, object], text: str, key: str, line: int) -> ReadEvent:
    found: object = event
    for part in key.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    if isinstance(found, bool) or not isinstance(found, str | int) or found == "":
        raise OperationFailed(
            f"line {line}: the event has no field {key} for its key; name another one with --key"
        )
    return ReadEvent(str(found).encode(errors="replace"), text.encode(errors="replace"))
