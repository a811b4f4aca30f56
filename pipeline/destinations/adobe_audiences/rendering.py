"""Renders a membership change for a member record: an identity, and the cells of a row.

The checks of an add have this order, so that a person who denied consent never becomes a dead
letter: a denial withholds the add; a missing signal withholds it where one is needed; then come the
member's id, the identity and the cells. A member without the configured identity has no row. A
remove needs only the member's id.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final, Literal

import orjson

from pipeline.destinations.adobe_audiences.cells import NoSuchCell, Value, cell, is_safe
from pipeline.destinations.adobe_audiences.namespaces import ATTRIBUTES, ECID, EMAIL, PHONE
from pipeline.destinations.adobe_audiences.targets import ColumnSettings
from pipeline.domain.change import MembershipChange
from pipeline.domain.reasons import Rejected, Rendered, Withheld
from pipeline.identity.consent import ConsentNeeds, Residence, judged
from pipeline.identity.countries import country_code
from pipeline.identity.hashing import HashOnce, IdentityHashes, hashed_id
from pipeline.identity.match_keys import email_digest, phone_digest, plain_data_in

MemberIds = Literal["as_is", "sha256"]
NO_VALUE: Final = b""
"""The content of a remove's record: only that the member left."""

_DIGEST: Final = "digest"
_is_member_id: Final = re.compile(r"[0-9A-Za-z._:|-]{1,256}").fullmatch
_is_ecid: Final = re.compile(r"[0-9]{38}").fullmatch
_PLACES_REMEMBERED: Final = 1_024
_MISSING: Final = Withheld("consent_missing")
_INVALID_ID: Final = Rejected(
    "invalid_member_id",
    "member.id: must be 1 to 256 letters, digits and . _ : | -, so that our topics hold no address "
    "or phone number; set member_ids: sha256 for this destination",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentGate:
    """Decides whose add needs a consent signal, and which signals count."""

    countries: frozenset[str]
    needs: ConsentNeeds
    counts_amazon_flags: bool
    """Whether consent for Amazon also counts here; its denial always counts."""

    def refusal(self, consent: Mapping[str, object] | None, country: str | None) -> Withheld | None:
        """Why a member of this country must not be added, or None."""
        needs_signal = country is None or country in self.countries
        if not consent:
            return _MISSING if needs_signal else None
        residence = Residence(needs_signal, None if country is None else country == "US")
        verdict = judged(consent, residence, self.needs)
        if isinstance(verdict, Withheld):
            return verdict
        is_for_another = verdict is not None and verdict.kind == "amazon"
        if needs_signal and is_for_another and not self.counts_amazon_flags:
            return _MISSING
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class RowShape:
    """The content of a member's row."""

    namespace: str
    source: str
    """The source of the identity."""
    columns: Sequence[ColumnSettings]
    rendering: str


class MemberRenderer:
    """Renders changes for one target; its cache of countries is bounded."""

    def __init__(
        self, *, shape: RowShape, gate: ConsentGate, member_ids: MemberIds, country: str | None
    ) -> None:
        self._shape = shape
        self._gate = gate
        self._member_ids = member_ids
        self._country = country
        self._codes: dict[str, str | None] = {}

    def render(
        self, change: MembershipChange, hash_once: HashOnce | None = None
    ) -> Rendered | Withheld | Rejected:
        """The content of the change's member record, or why there is none."""
        if change.action == "remove":
            member = member_id(self._member_ids, change.member_id)
            return _INVALID_ID if member is None else Rendered(member, NO_VALUE)
        country = self._code(change.country or self._country)
        refusal = self._gate.refusal(change.consent, country)
        if refusal is not None:
            return refusal
        member = member_id(self._member_ids, change.member_id)
        if member is None:
            return _INVALID_ID
        identity = self._identity(change, member, country, hash_once)
        if isinstance(identity, Rejected):
            return identity
        cells = self._cells(change, member)
        if isinstance(cells, Rejected):
            return cells
        said = {"r": self._shape.rendering, "i": identity, "c": cells}
        return Rendered(member, orjson.dumps(said))

    def _identity(
        self, change: MembershipChange, member: str, country: str | None, once: HashOnce | None
    ) -> str | Rejected | None:
        """The identity; None if the member has none of the namespace."""
        namespace = self._shape.namespace
        if namespace in (EMAIL, PHONE):
            hasher = digests_of(namespace, country)
            found = map(hasher, change.identities) if once is None else once(hasher)
            return next((one[_DIGEST] for one in found if isinstance(one, dict) and one), None)
        value = _value(change, member, self._shape.source)
        if value is None or value == "":
            return None
        return self._own_identity(value)

    def _own_identity(self, value: Value) -> str | Rejected:
        where = _where(self._shape.source)
        text = str(value)
        if isinstance(value, bool | float) or not is_safe(text):
            what = "has characters that no file may hold, and an identity is never altered"
            return Rejected("no_usable_identity", f"{where}: {what}; correct it upstream")
        plain = plain_data_in(text)
        if plain is not None:
            what = f"holds {plain}, and plain personal data never leaves ingest"
            remedy = "use the namespace email_lc_sha256 or phone_sha256_e.164"
            return Rejected("no_usable_identity", f"{where}: {what}; {remedy}")
        if self._shape.namespace == ECID and not _is_ecid(text):
            return Rejected("no_usable_identity", f"{where}: an ECID has 38 digits")
        return text

    def _cells(self, change: MembershipChange, member: str) -> list[str] | Rejected:
        try:
            return [_cell(one, _value(change, member, one.source)) for one in self._shape.columns]
        except NoSuchCell as error:
            return Rejected("malformed", f"{error}; correct it upstream")

    def _code(self, written: str | None) -> str | None:
        if not written:
            return None
        if written not in self._codes:
            if len(self._codes) >= _PLACES_REMEMBERED:
                self._codes.clear()
            self._codes[written] = country_code(written)
        return self._codes[written]


def member_id(ids: MemberIds, written: str) -> str | None:
    """A member's id as stored in our topics; None if it may be plain personal data."""
    if ids == "sha256":
        return hashed_id(written) if written else None
    return written if _is_member_id(written) else None


def digests_of(namespace: str, country: str | None) -> IdentityHashes:
    """The hash functions for a namespace and country; equal arguments get the same object."""
    return _emails if namespace == EMAIL else _phones_of(country)


def _emails(identity: Mapping[str, str]) -> dict[str, str]:
    digest = email_digest(identity.get("email", ""))
    return {} if digest is None else {_DIGEST: digest}


@cache
def _phones_of(country: str | None) -> IdentityHashes:
    def phones(identity: Mapping[str, str]) -> dict[str, str]:
        digest = phone_digest(identity.get("phone", ""), country)
        return {} if digest is None else {_DIGEST: digest}

    return phones


def _cell(column: ColumnSettings, value: Value | None) -> str:
    try:
        return cell(column.type, value)
    except NoSuchCell as error:
        what = f"{_where(column.source)}: {error} (column {column.name})"
        raise NoSuchCell(what) from None


def _value(change: MembershipChange, member: str, source: str) -> Value | None:
    if not source.startswith(ATTRIBUTES):
        return member
    return (change.attributes or {}).get(source.removeprefix(ATTRIBUTES))


def _where(source: str) -> str:
    return f"member.{source}" if source.startswith(ATTRIBUTES) else "member.id"
