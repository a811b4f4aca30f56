"""Writes the offsets of a batch in few characters: as runs of consecutive offsets."""

from collections.abc import Collection, Iterator, Sequence


class UnreadableRanges(ValueError):
    """The text does not come from `encode_ranges`."""


def encode_ranges(offsets: Collection[int]) -> str:
    """Return the offsets as text, counted from the smallest; at most about seven characters each.

    For each run the text has the number of offsets between it and the run before, and, after a
    colon, its length if that is not one.

    >>> encode_ranges([100, 101, 102, 110])
    '0:3,7'
    """
    written: list[str] = []
    ordered = sorted(offsets)
    first = following = ordered[0]
    skipped = 0
    for offset in ordered:
        if offset != following:
            written.append(_run(skipped, following - first))
            skipped, first = offset - following, offset
        following = offset + 1
    written.append(_run(skipped, following - first))
    return ",".join(written)


def decode_ranges(first: int, text: str) -> Sequence[range]:
    """Return the runs in rising order; the first run begins at `first`.

    Raises:
        UnreadableRanges: the text does not come from `encode_ranges`.

    >>> decode_ranges(100, "0:3,7")
    [range(100, 103), range(110, 111)]
    """
    return list(_runs(first, text))


def _run(skipped: int, length: int) -> str:
    return str(skipped) if length == 1 else f"{skipped}:{length}"


def _runs(following: int, text: str) -> Iterator[range]:
    for written in text.split(","):
        skipped, colon, length = written.partition(":")
        start = following + _number(skipped)
        following = start + (_number(length) if colon else 1)
        if following == start:
            raise UnreadableRanges("a run of no offsets")
        yield range(start, following)


def _number(digits: str) -> int:
    # An offset has 63 bits, and Python refuses to read numbers of very many digits.
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 19):
        raise UnreadableRanges("not a number of offsets")
    return int(digits)
