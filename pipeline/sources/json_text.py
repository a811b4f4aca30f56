"""Reads JSON as upstreams write it, also with a byte order mark before it."""

import codecs
from collections.abc import Sequence
from typing import Any, Final

import orjson

# UTF-32 before UTF-16, because the mark of UTF-32 begins with the mark of UTF-16.
_ENCODINGS: Final[Sequence[tuple[bytes, str]]] = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def loaded(value: bytes) -> Any:
    """The value of the JSON; `orjson.JSONDecodeError` if it is not JSON.

    Without a mark the text must be UTF-8. With a mark it may also be UTF-16 or UTF-32, because then
    the encoding is not a guess.

    >>> loaded(codecs.BOM_UTF8 + b'{"action": "add"}')
    {'action': 'add'}
    """
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError:
        # Checked only after an error, so that events without a mark cost nothing more.
        text = _without_mark(value)
        if text is None:
            raise
    return orjson.loads(text)


def _without_mark(value: bytes) -> str | None:
    """The text after its marks; None if it has no mark, or does not match its mark."""
    for mark, encoding in _ENCODINGS:
        if value.startswith(mark):
            try:
                return value.decode(encoding).lstrip("\ufeff")
            except UnicodeDecodeError:
                return None
    return None
