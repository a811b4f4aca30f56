r"""Recognises values that upstream has already hashed, in every usual spelling of a digest.

A SHA-256 is written as 64 hexadecimal digits, or as pairs of them with dashes or colons between, or
as base64 of its 32 bytes, standard or web-safe. `0x`, `\x` or the name of the algorithm may stand
before it, and quotes and blanks around it. (Sources: PostgreSQL's bytea, SQL Server's and MySQL's
binary, .NET's BitConverter, Python's bytes, the integrity attribute of the web.)
"""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Final

_SHA256: Final = 64
_OTHER_DIGESTS: Final = frozenset({32, 40, 56, 96, 128})  # MD5, SHA-1, SHA-224, SHA-384, SHA-512
_OF_NOTHING: Final = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

_AROUND: Final = " \t\r\n\"'`\u201c\u201d\u2018\u2019\ufeff\u00a0"
SHORTEST: Final = 22
"""The length of the shortest digest in characters: an MD5 as base64."""

_spelling: Final = re.compile(
    r"""
    (?: (?P<name> (?i: sha[-_]?(?:1|224|256|384|512) | md5 ) ) \s*[:=-]\s* )?
    (?: [bBxX]["'] | ["'] )?                                        # b'...', x'...'
    (?: (?: 0[xX] | \\{1,2}[xX] )? (?P<hex> [0-9a-fA-F]{32,128} )      # base64 may begin with 0x
      | (?P<pairs> [0-9a-fA-F]{2} (?: [:-] [0-9a-fA-F]{2} ){15,63} )
      | (?P<base64> [A-Za-z0-9+/_-]{22,86} ) (?P<filling> ={1,2} )?
    )
    """,
    re.VERBOSE,
).fullmatch
_no_digit: Final = re.compile(r"[:-]")
_WEB_SAFE: Final = str.maketrans("+/", "-_")
_LENGTHS_OF_BASE64: Final = frozenset({22, 27, 38, 43, 64, 86})
_SHA256_AS_BASE64: Final = 43


def hashed_already(value: str) -> str | None:
    """The SHA-256 in `value`, in small letters; "" for a useless digest; None for a plain value.

    Digests of other algorithms are useless, because partners match only SHA-256, and the hash of a
    hash matches nobody. The SHA-256 of the empty string is useless, because it would link
    strangers. Base64 without `=` and without the name of its algorithm counts as a digest only if
    it has small letters, capitals and digits: nearly every digest has all three, hardly any word
    does. (Source: Amazon's own tag passes on 64 hexadecimal digits in any letter case.)

    >>> hashed_already(" 9ECEB13483D7F187EC014FD6D4854D1420CFC634328AF85F51D0323BA8622E21")
    '9eceb13483d7f187ec014fd6d4854d1420cfc634328af85f51d0323ba8622e21'
    >>> hashed_already("sha256:ns6xNIPX8YfsAU/W1IVNFCDPxjQyivhfUdAyO6hiLiE=")
    '9eceb13483d7f187ec014fd6d4854d1420cfc634328af85f51d0323ba8622e21'
    >>> hashed_already("d41d8cd98f00b204e9800998ecf8427e")
    ''
    """
    if len(value) < SHORTEST:
        return None
    spelled = _spelling(value.strip().strip(_AROUND))
    if spelled is None:
        return None
    if spelled["base64"]:
        digits = _of_base64(spelled["base64"], spelled["filling"] or "", spelled["name"])
    else:
        digits = spelled["hex"] or _no_digit.sub("", spelled["pairs"])
    if len(digits) != _SHA256 and len(digits) not in _OTHER_DIGESTS:
        return None
    digest = digits.lower()
    return digest if len(digest) == _SHA256 and digest != _OF_NOTHING else ""


def _of_base64(text: str, filling: str, name: str | None) -> str:
    """A base64 digest in hexadecimal, or "" if it is not a SHA-256."""
    if len(text) not in _LENGTHS_OF_BASE64 or (filling and (len(text) + len(filling)) % 4):
        return ""
    if not filling and name is None and not _is_mixed(text):
        return ""
    web_safe = text.translate(_WEB_SAFE)
    raw = urlsafe_b64decode(web_safe + "=" * (-len(text) % 4))
    # Every encoder sets the bits after the last byte to zero; in a plain word they seldom are.
    return raw.hex() if urlsafe_b64encode(raw).rstrip(b"=") == web_safe.encode() else ""


def _is_mixed(text: str) -> bool:
    is_of_both_cases = not text.islower() and not text.isupper()
    return len(text) == _SHA256_AS_BASE64 and is_of_both_cases and any(map(str.isdigit, text))
