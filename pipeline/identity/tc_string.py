"""Decodes the IAB's Transparency and Consent string, version 2.

Written from the IAB Tech Lab's "Consent string and vendor list formats v2". Its parts are
segments between dots: the core, and optional ones that say their type in three bits. A string
that ends early, or of which one segment is not well-formed, decodes to nothing: half a string
says nothing that may be relied on.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from pipeline.identity.bits import BitReader, BitsError

LONGEST: Final = 16_384
"""Characters of a string that is looked at; a thousand vendors and their restrictions need less."""

_VERSION: Final = 2
_LETTERS: Final = 26
_PURPOSES: Final = 24

Ranges: TypeAlias = Sequence[tuple[int, int]]
"""First and last id of each range."""


@dataclass(frozen=True, slots=True)
class Vendors:
    """Ids of vendors, as a bit for each or as ranges."""

    bits: str = ""
    ranges: Ranges = ()

    def __contains__(self, vendor: int) -> bool:
        """Whether this vendor, whose id is 1 or more, is one of them."""
        if self.bits:
            return self.bits[vendor - 1 : vendor] == "1"
        return any(first <= vendor <= last for first, last in self.ranges)


@dataclass(frozen=True, slots=True)
class Restriction:
    """What the publisher laid down for one purpose of some vendors."""

    purpose: int
    requires_consent: bool
    """Else it forbids the purpose, or allows it on legitimate interest alone."""
    vendors: Vendors


@dataclass(frozen=True, slots=True, repr=False)
class TCString:
    """What a person chose. Legitimate interests are checked for their form and not kept.

    Not shown, since the choices identify a person.
    """

    purposes: str
    """A bit for each of the purposes 1 to 24 that has consent."""
    vendors: Vendors
    restrictions: Sequence[Restriction]

    def grants(self, vendor: int, purposes: Sequence[int]) -> bool:
        """Whether the vendor has consent, and for each of the purposes too.

        A restriction that forbids a purpose, or that leaves legitimate interest only, takes
        the consent for it away.
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
    """What the string says, or None if it is none.

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


# Where the fields stand that every string has; created, updated, the CMP, the vendor list, flags
# and legitimate interests lie between them and are not looked at.
_FIXED: Final = 213
_PURPOSES_AT: Final = 152
_LETTERS_AT: Final = (108, 114, 201, 207)  # of the language, and of the publisher's country


def _core(bits: BitReader) -> TCString:
    fixed = bits.taken(_FIXED)
    if int(fixed[:6], 2) != _VERSION:
        raise BitsError
    # What is no string of consent has no letters here more often than not.
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
    """Fail unless an optional segment is complete; one of an unknown type is refused."""
    match bits.number(3):
        case kind if kind in (_DISCLOSED_VENDORS, _ALLOWED_VENDORS):
            _vendors(bits)
        case kind if kind == _PUBLISHER:
            bits.taken(2 * _PURPOSES)
            bits.taken(2 * bits.number(6))  # its own purposes, by consent and by interest
        case _:
            raise BitsError
