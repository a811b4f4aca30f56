"""Decodes the IAB's Global Privacy Platform string: a header with numbers, and its sections.

Sources: the IAB Tech Lab's "Global Privacy Platform, consent string specification" and the
specifications of the sections of the United States.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from pipeline.identity.bits import BitReader, BitsError

LONGEST: Final = 16_384
"""The most characters of a string that is decoded."""

EUROPE: Final = 2
"""The section that holds a TC string, version 2."""

_TYPE: Final = 3
_VERSION: Final = 1


def sections(text: str) -> Mapping[int, str] | None:
    """The sections by their number, not yet decoded, or None if it is no GPP string.

    >>> sections("DBACNYA~CPXxRfAPXxRfAAfKABENB-CgAAAAAAAAAAYgAAAAAAAA~1YNN").keys()
    dict_keys([2, 6])
    >>> sections("DB_x~DENIED") is None
    True
    """
    if len(text) > LONGEST:
        return None
    header, *parts = text.split("~")
    try:
        numbers = _numbers(BitReader(header), len(parts))
    except BitsError:
        return None
    return dict(zip(numbers, parts, strict=True)) if numbers else None


def _numbers(bits: BitReader, count: int) -> list[int]:
    """The numbers in a header; exactly `count`, because a range could name very many."""
    if bits.number(6) != _TYPE or bits.number(6) != _VERSION:
        raise BitsError
    numbers: list[int] = []
    last = 0
    for _ in range(bits.number(12)):
        is_range = bits.taken(1) == "1"
        first = last + bits.fibonacci()
        last = first + bits.fibonacci() if is_range else first
        if len(numbers) + last - first >= count:
            raise BitsError
        numbers.extend(range(first, last + 1))
    if len(numbers) != count:
        raise BitsError
    return numbers


class _Layout(NamedTuple):
    """The positions of opt-outs in a section of the United States; each choice has two bits."""

    opt_outs: tuple[int, ...]
    """The first bits of the choices about sale, and about sharing or targeted advertising."""
    bits: int
    """The least number of bits of the first segment."""
    has_signal: bool = True
    """Whether its second segment tells if the browser sent a Global Privacy Control."""


_UNITED_STATES: Final[Mapping[int, _Layout]] = MappingProxyType(
    {
        7: _Layout((18, 20, 22), 60),  # all of them
        8: _Layout((12, 14), 46),  # California
        9: _Layout((12, 14), 40, has_signal=False),  # Virginia
        10: _Layout((12, 14), 38),  # Colorado
        11: _Layout((14, 16), 42, has_signal=False),  # Utah
        12: _Layout((12, 14), 44),  # Connecticut
        13: _Layout((12, 14), 46, has_signal=False),  # Florida
        14: _Layout((12, 14), 46),  # Montana
        15: _Layout((12, 14), 52),  # Oregon
        16: _Layout((12, 14), 42),  # Texas
        17: _Layout((12, 14), 52),  # Delaware
        18: _Layout((14, 16), 42),  # Iowa
        19: _Layout((12, 14), 42),  # Nebraska
        20: _Layout((12, 14), 46),  # New Hampshire
        21: _Layout((12, 14), 54),  # New Jersey
        22: _Layout((12, 14), 42),  # Tennessee
        23: _Layout((12, 14), 42),  # Minnesota
        24: _Layout((16, 18), 22),  # Maryland
        25: _Layout((16, 18), 24, has_signal=False),  # Indiana
        26: _Layout((16, 18), 24, has_signal=False),  # Kentucky
        27: _Layout((16, 18), 24, has_signal=False),  # Rhode Island
    }
)
_US_PRIVACY: Final = 6  # the older string of four characters, "1YNN"
_US_PRIVACY_LENGTH: Final = 4
_VERSIONS: Final = (1, 2)
_OPTED_OUT: Final = 1


def opted_out(number: int, section: str) -> bool | None:
    """Whether a section of the United States opts out of sale, sharing or targeted advertising.

    A Global Privacy Control counts as an opt-out of sale and sharing, as state laws require. None
    for a section of another region, or one that cannot be decoded.

    >>> opted_out(6, "1YYN"), opted_out(6, "1YNN"), opted_out(2, "1YYN")
    (True, False, None)
    """
    if number == _US_PRIVACY:
        return _sale_opted_out(section)
    layout = _UNITED_STATES.get(number)
    if layout is None:
        return None
    try:
        return _has_opted_out(section, layout)
    except BitsError:
        return None


def is_of_united_states(number: int) -> bool:
    """Whether this is the number of a section of the United States."""
    return number == _US_PRIVACY or number in _UNITED_STATES


def _sale_opted_out(section: str) -> bool | None:
    letters = section.upper()
    if (
        len(letters) != _US_PRIVACY_LENGTH
        or letters[0] != "1"
        or not set(letters[1:]) <= set("YN-")
    ):
        return None
    return letters[2] == "Y"


def _has_opted_out(section: str, layout: _Layout) -> bool:
    core, *others = section.split(".")
    bits = BitReader(core).taken(layout.bits)
    if int(bits[:6], 2) not in _VERSIONS:
        raise BitsError
    chosen = any(int(bits[at : at + 2], 2) == _OPTED_OUT for at in layout.opt_outs)
    signals = map(_is_signalled, others) if layout.has_signal else ()
    return any([chosen, *signals])


def _is_signalled(segment: str) -> bool:
    return BitReader(segment).taken(3) == "011"  # type 1, and yes
