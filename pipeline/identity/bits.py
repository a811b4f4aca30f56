"""Reads the fields of a consent string: numbers in the bits of a web-safe base64 text."""

import re
from base64 import urlsafe_b64decode
from typing import Final

_is_base64: Final = re.compile(r"[A-Za-z0-9_-]++").fullmatch
_BITS_OF_A_CHARACTER: Final = 6
_LONGEST_FIBONACCI: Final = 32  # bits: numbers of millions, where those in use are below a hundred


class BitsError(ValueError):
    """The string is not base64, ends too early, or has a number that its field does not allow."""


class BitReader:
    """Reads the bits of one segment from left to right; raises BitsError at the end of the bits."""

    __slots__ = ("_at", "_bits")

    def __init__(self, segment: str) -> None:
        if _is_base64(segment) is None:
            raise BitsError
        filled = segment + "A" * (-len(segment) % 4)
        raw = urlsafe_b64decode(filled)
        # As text, because every slice of a text costs the same; to shift a large number costs more
        # the more bits follow.
        bits = f"{int.from_bytes(raw):0{8 * len(raw)}b}"
        self._bits = bits[: _BITS_OF_A_CHARACTER * len(segment)]
        self._at = 0

    def taken(self, width: int) -> str:
        """The next `width` bits, each "0" or "1"."""
        end = self._at + width
        if end > len(self._bits):
            raise BitsError
        taken = self._bits[self._at : end]
        self._at = end
        return taken

    def number(self, width: int) -> int:
        """The next `width` bits, at least one, as a number."""
        return int(self.taken(width), 2)

    def fibonacci(self) -> int:
        """The next number in Fibonacci's coding, which ends with two ones; 1 or more."""
        end = self._bits.find("11", self._at, self._at + _LONGEST_FIBONACCI)
        if end < 0:
            raise BitsError
        value, one, two = 0, 1, 2
        for bit in self.taken(end + 1 - self._at):
            value += one if bit == "1" else 0
            one, two = two, one + two
        self.taken(1)
        return value
