"""Tells a value that upstream hashed already from a plain one."""

import re
from typing import Final

_HEX: Final = re.compile(r"[0-9a-fA-F]+")
_SHA256: Final = 64
_OTHER_DIGESTS: Final = frozenset({32, 40, 56, 96, 128})  # MD5, SHA-1, SHA-224, SHA-384, SHA-512
_OF_NOTHING: Final = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def hashed_already(value: str) -> str | None:
    """The SHA-256 that `value` is, in small letters; "" for a useless digest; None if it is plain.

    Useless are digests of another kind, since the partner matches SHA-256 only and a hash of a
    hash matches nobody, and the SHA-256 of the empty string, which would link strangers.
    (Source: Amazon's own tag passes 64 hexadecimal digits on, whatever their case.)

    >>> hashed_already(" 9ECEB13483D7F187EC014FD6D4854D1420CFC634328AF85F51D0323BA8622E21")
    '9eceb13483d7f187ec014fd6d4854d1420cfc634328af85f51d0323ba8622e21'
    >>> hashed_already("d41d8cd98f00b204e9800998ecf8427e")
    ''
    """
    text = value.strip()
    if len(text) != _SHA256 and len(text) not in _OTHER_DIGESTS:
        return None
    if _HEX.fullmatch(text) is None:
        return None
    digest = text.lower()
    return digest if len(text) == _SHA256 and digest != _OF_NOTHING else ""
