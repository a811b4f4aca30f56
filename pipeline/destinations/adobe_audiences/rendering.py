"""Renders a membership change as what a member record holds: an identity, and cells of a row.

For an add the checks come in this order, so that whoever said no never becomes a dead letter: a
denial withholds; a missing signal withholds where one is due; then the member's id, the identity
and the cells are looked at. A member without the wanted identity is a member without a row. A
remove needs nothing but the member's id.
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
"""Of a remove: its record says nothing of the member but that they left."""

_DIGEST: Final = "digest"
_is_member_id: Final = re.compile(r"[0-9A-Za-z._:|-]{1,256}").fullmatch
_is_ecid: Final = re.compile(r"[0-9]{38}").fullmatch
_PLACES_REMEMBERED: Final = 1_024
_MISSING: Final = Withheld("consent_missing")
_INVALID_ID: Final = Rejected(
    "invalid_member_id",
    "member.id: 1 to 256 letters, digits and . _ : | - only, so that no address and no number "
    "stands in our topics; set member_ids: sha256 for this destination",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentGate:
    """Whose add needs a consent signal, and which one counts."""

    countries: frozenset[str]
    needs: ConsentNeeds
    counts_amazon_flags: bool
    """Consent for Amazon is taken for consent; its denial always counts."""

    def refusal(self, consent: Mapping[str, object] | None, country: str | None) -> Withheld | None:
        """Why a member of this country must not be added, if they must not."""
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
    """What stands in a member's row."""

    namespace: str
    source: str
    """Where the identity comes from."""
    columns: Sequence[ColumnSettings]
    rendering: str


class MemberRenderer:
    """Renders changes for one target. What it remembers of countries is bounded."""

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
        """What a member record holds of it, or why there is none."""
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
        """The identity, None where the member has none of the namespace."""
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
            what = "holds what no file may hold as it is, and an identity is never altered"
            return Rejected("no_usable_identity", f"{where}: {what}; correct it upstream")
        plain = plain_data_in(text)
        if plain is not None:
            what = f"holds {plain}, and plain personal data never leaves ingest"
            remedy = "take the namespace email_lc_sha256 or phone_sha256_e.164"
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
    """A member's id as our topics have it; None for one that may be plain personal data."""
    if ids == "sha256":
        return hashed_id(written) if written else None
    return written if _is_member_id(written) else None


def digests_of(namespace: str, country: str | None) -> IdentityHashes:
    """What hashes identities for a namespace; the same one for all who ask alike."""
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
