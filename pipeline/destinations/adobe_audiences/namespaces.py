"""Identity namespaces: the known ones, their sources, and the ones that we refuse.

No plain personal data leaves ingest, so an address or a number goes out only as a hash.
"""

from dataclasses import dataclass
from typing import Final

EMAIL: Final = "Email_LC_SHA256"
PHONE: Final = "Phone_SHA256_E.164"
ECID: Final = "ECID"
STANDARD: Final = {name.casefold(): name for name in (EMAIL, PHONE, ECID)}
"""Adobe ignores letter case in namespaces; requests use Adobe's own spelling."""

_PLAIN: Final = {
    "email": EMAIL,
    "emails": EMAIL,
    "email_lc": EMAIL,
    "phone": PHONE,
    "phone_e.164": PHONE,
    "phone_e164": PHONE,
}
"""Namespaces of plain addresses and numbers, with the hashed namespace to use instead."""

HASHED_FROM: Final = {EMAIL: "email", PHONE: "phone"}
"""The field of the native event that each hashed namespace is made from."""

MEMBER_ID: Final = "member_id"
ATTRIBUTES: Final = "attributes."
_PERSONAL: Final = frozenset(
    [
        "email", "mail", "emailaddress", "phone", "phonenumber", "mobile", "mobilephone", "msisdn",
        "firstname", "lastname", "fullname", "name", "surname", "givenname", "familyname",
        "address", "street", "streetaddress", "postal", "postalcode", "postcode", "zip", "zipcode",
        "city", "state", "birthdate", "dateofbirth", "ssn",
    ]
)  # fmt: skip
"""Names of attributes that hold plain personal data."""


@dataclass(frozen=True, slots=True)
class Flaw:
    """Why a namespace cannot have this source, and what to write instead."""

    key: str
    """The wrong key: namespace or from."""
    what: str
    remedy: str


def spelled(namespace: str) -> str:
    """A namespace in the partner's spelling."""
    return STANDARD.get(namespace.casefold(), namespace)


def flaw_of(namespace: str, source: str) -> Flaw | None:
    """Why a namespace cannot be filled from this source, or None."""
    instead = _PLAIN.get(namespace.casefold())
    if instead is not None:
        remedy = f"write {instead.lower()!r}: it matches the same people by their hash"
        return Flaw("namespace", "is for plain personal data, which never leaves ingest", remedy)
    hashed_from = HASHED_FROM.get(spelled(namespace))
    if hashed_from is not None:
        if source == hashed_from:
            return None
        return Flaw("from", f"must be {hashed_from} for this namespace", f"write {hashed_from!r}")
    if not is_open(source):
        return Flaw(
            "from",
            f"must be member_id or attributes.NAME for a namespace like {namespace!r}, your own",
            _hashed_instead(source),
        )
    return personal_flaw(source)


def _hashed_instead(source: str) -> str:
    """The remedy; names the hashed namespace if the field of the event has one."""
    for hashed, field in HASHED_FROM.items():
        if source == field:
            return f"with from: {field}, write namespace: {hashed.lower()}"
    return "write 'member_id' or 'attributes.…'; an address or a number goes out hashed only"


def is_open(source: str) -> bool:
    """Whether this source may leave ingest without a hash: the member's id or an attribute."""
    return source == MEMBER_ID or (source.startswith(ATTRIBUTES) and source != ATTRIBUTES)


def personal_flaw(source: str) -> Flaw | None:
    """Why an attribute must not leave ingest, or None."""
    attribute = source.removeprefix(ATTRIBUTES)
    if source.startswith(ATTRIBUTES) and _letters(attribute) in _PERSONAL:
        return Flaw(
            "from",
            f"names plain personal data ({attribute}), which never leaves ingest",
            "take another attribute, or rename it upstream if it holds no personal data",
        )
    return None


def _letters(name: str) -> str:
    return "".join(filter(str.isalnum, name.casefold()))
