"""The mark of every record that a pass writes: nothing about a member has changed by it.

It says up to where the pass has read. Whoever has a file of that much, or more, knows the statement
already; for whoever has less it may be all that compaction has left of a change.
"""

from collections.abc import Sequence

from pipeline.domain.message import Headers

_NAME = "healed"
_LONGEST = 19
"""Digits of an offset."""


def healed(end: int) -> Headers:
    """The header of what a pass writes that has read a partition up to this offset.

    >>> healed(42)
    (('healed', b'42'),)
    """
    return ((_NAME, str(end).encode()),)


def healed_before(headers: Sequence[tuple[str, bytes | None]]) -> int | None:
    """The offset before which the statement stood that was written again; None for another record.

    >>> healed_before(healed(42)), healed_before([("t", b"5")])
    (42, None)
    """
    value = next((value for name, value in headers if name == _NAME), None) or b""
    return int(value) if value.isdigit() and len(value) <= _LONGEST else None
