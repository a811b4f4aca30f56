"""Decodes JSON: strict, UTF-8, at most a thousand levels; the last of equal names counts."""

import orjson

from pipeline.domain.reasons import Rejected
from pipeline.sources.encodings.schemas import Decode, Schema
from pipeline.sources.json_text import loaded


def decode(value: bytes) -> object:
    """The JSON value, or why it is not JSON; integers over 64 bits become floats, so no ids.

    >>> decode(b"[NaN]")
    Rejected(reason='malformed', detail='not JSON: see line 1, column 2')
    """
    try:
        return loaded(value)
    except orjson.JSONDecodeError as error:
        return Rejected("malformed", f"not JSON: see line {error.lineno}, column {error.colno}")


def of_schema(_: Schema) -> Decode:
    """A decoder that ignores the schema: validation is slow, and the mapping checks its values."""
    return decode


def loose(value: bytes) -> object:
    """The value of a key: JSON if it is an object or a text in quotes, otherwise text.

    So an id such as 0042 or 1e5 stays text. A key that is not UTF-8 gives None.
    """
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return None
    if text[:1] in ("{", '"'):
        found = decode(value)
        if not isinstance(found, Rejected):
            return found
    return text or None
