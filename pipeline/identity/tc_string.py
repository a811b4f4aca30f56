"""Decodes the IAB's Transparency and Consent string, version 2.

Source: the IAB Tech Lab's "Consent string and vendor list formats v2". A string has segments with
dots between: the core, and optional ones whose first three bits are their type. A string that ends
early or has a malformed segment is not decoded at all, because half a string is not reliable.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from pipeline.identity.bits import BitReader, BitsError

LONGEST: Final = 16_384
"""The most characters of a string that is decoded; a thousand vendors with restrictions need less.
"""

_VERSION: Final = 2
_LETTERS: Final = 26
_PURPOSES: Final = 24

Ranges: TypeAlias = Sequence[tuple[int, int]]
"""The first and last id of each range."""


@dataclass(frozen=True, slots=True)
class Vendors:
    """A set of vendor ids, stored as one bit for each or as ranges."""

    bits: str = ""
    ranges: Ranges = ()

    def __contains__(self, vendor: int) -> bool:
        """Whether the set has this vendor; ids begin at 1."""
        if self.bits:
            return self.bits[vendor - 1 : vendor] == "1"
        return any(first <= vendor <= last for first, last in self.ranges)


@dataclass(frozen=True, slots=True)
class Restriction:
    """A publisher's restriction of one purpose for some vendors."""

    purpose: int
    requires_consent: bool
    """False: the purpose is forbidden, or allowed only on legitimate interest."""
    vendors: Vendors


@dataclass(frozen=True, slots=True, repr=False)
class TCString:
    """The choices of a person. The form of legitimate interests is checked; they are not stored.

    It has no repr, because the choices identify a person.
    """

    purposes: str
    """One bit for each purpose from 1 to 24: whether it has consent."""
    vendors: Vendors
    restrictions: Sequence[Restriction]

    def grants(self, vendor: int, purposes: Sequence[int]) -> bool:
        """Whether the vendor has consent, and each of the purposes as well.

        A restriction that forbids a purpose, or allows it only on legitimate interest, cancels the
        consent for it.
        """
        return (
            vendor in self.vendors
            and all(self.purposes[purpose - 1] == "1" for purpose in purposes)
            and not any(
                restriction.purpose in purposes
                and not restriction.requires_consent
                and vendor in restriction.vendors
                for restriction in self.restrictions
            )
        )


def decoded(text: str) -> TCString | None:
    """The choices in the string, or None if it is not a valid TC string.

    >>> denies = decoded("CPXxRfAPXxRfAAfKABENB-CgAAAAAAAAAAYgAAAAAAAA")
    >>> denies.grants(793, [1])
    False
    >>> decoded("CONSENT_DENIED") is None
    True
    """
    if len(text) > LONGEST:
        return None
    core, *others = text.split(".")
    try:
        said = _core(BitReader(core))
        for segment in others:
            _check(BitReader(segment))
    except BitsError:
        return None
    return said


# Positions of the fields that we read. The fields between them (times, the CMP, the vendor list,
# flags, legitimate interests) are skipped.
_FIXED: Final = 213
_PURPOSES_AT: Final = 152
_LETTERS_AT: Final = (108, 114, 201, 207)  # of the language, and of the publisher's country


def _core(bits: BitReader) -> TCString:
    fixed = bits.taken(_FIXED)
    if int(fixed[:6], 2) != _VERSION:
        raise BitsError
    # Most texts that are not TC strings have no letters here.
    if any(int(fixed[at : at + 6], 2) >= _LETTERS for at in _LETTERS_AT):
        raise BitsError
    vendors = _vendors(bits)
    _vendors(bits)  # on legitimate interest
    restrictions = [_restriction(bits) for _ in range(bits.number(12))]
    purposes = fixed[_PURPOSES_AT : _PURPOSES_AT + _PURPOSES]
    return TCString(purposes, vendors, restrictions)


def _vendors(bits: BitReader) -> Vendors:
    largest = bits.number(16)
    if bits.taken(1) == "0":
        return Vendors(bits=bits.taken(largest))
    vendors = _ranges(bits)
    if any(last > largest for _, last in vendors.ranges):
        raise BitsError
    return vendors


def _ranges(bits: BitReader) -> Vendors:
    ranges = []
    for _ in range(bits.number(12)):
        is_range = bits.taken(1) == "1"
        first = bits.number(16)
        last = bits.number(16) if is_range else first
        if not 1 <= first <= last:
            raise BitsError
        ranges.append((first, last))
    return Vendors(ranges=ranges)


_REQUIRES_CONSENT: Final = 1


def _restriction(bits: BitReader) -> Restriction:
    purpose, kind = bits.number(6), bits.number(2)
    return Restriction(purpose, kind == _REQUIRES_CONSENT, _ranges(bits))


_DISCLOSED_VENDORS: Final = 1
_ALLOWED_VENDORS: Final = 2
_PUBLISHER: Final = 3


def _check(bits: BitReader) -> None:
    """Raise BitsError if an optional segment is incomplete or of an unknown type."""
    match bits.number(3):
        case kind if kind in (_DISCLOSED_VENDORS, _ALLOWED_VENDORS):
            _vendors(bits)
        case kind if kind == _PUBLISHER:
            bits.taken(2 * _PURPOSES)
            bits.taken(2 * bits.number(6))  # its own purposes, by consent and by interest
        case _:
            raise BitsError
