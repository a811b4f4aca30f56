"""The form of identities in each namespace."""

import re
from collections.abc import Mapping
from typing import Final

_FORMS: Final[Mapping[str, re.Pattern[str]]] = {
    "email": re.compile(r"[^\s@]+@[^\s@]+"),
    "phone": re.compile(r"\+[1-9]\d{6,14}"),
    "email_lc_sha256": re.compile(r"[0-9a-f]{64}"),
    "phone_sha256": re.compile(r"[0-9a-f]{64}"),
    "phone_sha256_e.164": re.compile(r"[0-9a-f]{64}"),
    "ecid": re.compile(r"\d{38}"),
    "idfa": re.compile(r"[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}", re.IGNORECASE),
    "gaid": re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE),
}
_CUSTOM: Final = re.compile(r"\S(.{0,1022}\S)?")


def is_identity(namespace: str, value: str) -> bool:
    """Whether the value fits the namespace; unknown namespaces, of the customer, take any value.

    >>> is_identity("ECID", "1" * 38), is_identity("email_lc_sha256", "ana@example.com")
    (True, False)
    """
    return _FORMS.get(namespace.lower(), _CUSTOM).fullmatch(value) is not None
