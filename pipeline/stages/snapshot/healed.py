"""The mark of every record that a pass writes: the record changes nothing about a member.

The mark says up to which offset the pass has read. A reader whose file covers that offset knows the
statement already. For any other reader it may be all that compaction has left of a change.
"""

from collections.abc import Sequence

from pipeline.domain.message import Headers

_NAME = "healed"
_LONGEST = 19
"""Digits of an offset."""


def healed(end: int) -> Headers:
    """Return the header for records of a pass that has read a partition up to this offset.

    >>> healed(42)
    (('healed', b'42'),)
    """
    return ((_NAME, str(end).encode()),)


def healed_before(headers: Sequence[tuple[str, bytes | None]]) -> int | None:
    """Return the offset up to which the pass had read; None for a record that no pass wrote.

    >>> healed_before(healed(42)), healed_before([("t", b"5")])
    (42, None)
    """
    value = next((value for name, value in headers if name == _NAME), None) or b""
    return int(value) if value.isdigit() and len(value) <= _LONGEST else None
