"""JSON: strict, UTF-8, nested at most a thousand deep; of a name given twice the last counts."""

import orjson

from pipeline.domain.reasons import Rejected
from pipeline.sources.encodings.schemas import Decode, Schema
from pipeline.sources.json_text import loaded


def decode(value: bytes) -> object:
    """The value, or why it is none; numbers of more than 64 bits become fractions, so no ids.

    >>> decode(b"[NaN]")
    Rejected(reason='malformed', detail='not JSON: see line 1, column 2')
    """
    try:
        return loaded(value)
    except orjson.JSONDecodeError as error:
        return Rejected("malformed", f"not JSON: see line {error.lineno}, column {error.colno}")


def of_schema(_: Schema) -> Decode:
    """The mapping checks what decides; validating the rest would cost more than all else."""
    return decode


def loose(value: bytes) -> object:
    """A key as a value: JSON if it is an object or a text in quotes, else as text.

    An id such as 0042 or 1e5 is no number. A key that is no UTF-8 has no value.
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
