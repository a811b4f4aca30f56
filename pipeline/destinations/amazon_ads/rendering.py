"""Renders a membership change as one object of the `records` array of Amazon's audiences API.

The checks of an add have this order, so that a person who denied consent never becomes a dead
letter. A denial withholds the add. An invalid country is rejected (or left out, see
`UnsupportedCountry`). A missing signal withholds the add where one is needed. A country from which
Amazon takes no hashed data is rejected (or left out). A remove skips these checks: it has no
consent, and only a country that Amazon takes. Then the member's id and identities of both are
checked; if a remove has more identities than Amazon takes, it carries the first ones.
"""

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final, Literal, NamedTuple, TypeAlias

import orjson

from pipeline.destinations.amazon_ads.consent import NEEDS
from pipeline.domain.change import MembershipChange
from pipeline.domain.reasons import Rejected, Rendered, Withheld
from pipeline.identity.consent import ConsentNeeds, Residence, Signal, judged
from pipeline.identity.countries import CONSENT_COUNTRIES, country_code
from pipeline.identity.hashing import FieldHasher, HashOnce, IdentityHashes, hashed_id
from pipeline.identity.normalize.fields import Field

ExternalUserId: TypeAlias = Literal["as_is", "sha256"]
"""Whether the member's id is sent unchanged or as its SHA-256."""

UnsupportedCountry: TypeAlias = Literal["reject", "send_without_country"]
"""What happens to an add from a country from which Amazon takes no hashed data."""

_SUPPORTED: Final = "AE AU BE BR CA DE EG ES FR GB IN IT JP MX NL PL SA SE SG TR US"
HASHED_DATA_COUNTRIES: Final = frozenset(_SUPPORTED.split())
"""Countries from which Amazon takes hashed data (source: guide, "supported countries")."""

AMAZON_NAMES: Final[Mapping[Field, str]] = MappingProxyType(
    {
        "email": "email",
        "phone": "phone",
        "first_name": "firstname",
        "last_name": "lastname",
        "address": "address",
        "city": "city",
        "state": "state",
        "postal": "postal",
    }
)
"""The native event's field names to the keys of `hashedPII`."""

_is_external_user_id: Final = re.compile(r"[0-9a-zA-Z\-_]{1,128}").fullmatch
_MOST_IDENTITIES: Final = 100
_PLACES_REMEMBERED: Final = 1_024
_LONGEST_REMEMBERED: Final = 64
_GRANTED: Final = MappingProxyType({"amznAdStorage": "GRANTED", "amznUserData": "GRANTED"})
_CREATE: Final = '{"action":"CREATE",'
_DELETE: Final = '{"action":"DELETE",'

_DENIED: Final = Withheld("consent_denied")
_INVALID_ID: Final = Rejected(
    "invalid_member_id",
    "member.id: Amazon takes only 1 to 128 letters, digits, - and _; "
    "set external_user_id: sha256 for this destination",
)
_EMPTY_ID: Final = Rejected("invalid_member_id", "member.id: must not be empty")
_NO_IDENTITY: Final = Rejected(
    "no_usable_identity",
    "member.identities: no field was left after normalising; "
    "`normalize FIELD VALUE --country CC` shows why",
)
_NO_COUNTRY: Final = Rejected(
    "unsupported_country",
    "member.country: is no ISO 3166 alpha-2 code; correct it upstream, or set "
    "unsupported_country: send_without_country",
)


class _Place(NamedTuple):
    """The effect of a country, in upstream's spelling, on a record."""

    code: str | None
    """The ISO code, for normalising; None if there is none."""
    sent: str | None
    """The code that may stand in the record."""
    residence: Residence
    written_wrongly: bool
    is_open: bool
    """Whether an add without a consent signal may be sent."""
    end: str
    """The JSON at the end of a record, with `sent` if there is one."""
    hashes: IdentityHashes
    """Hashes an identity by the rules of this country."""


class RecordRenderer:
    """Renders changes for one destination; its cache of values is bounded.

    `consent_countries` are ISO codes in capitals. It is not safe to share between threads.

    >>> ana = [{"email": "ana@example.com"}]
    >>> change = MembershipChange("vip", "remove", "u-1", "US", ana, None, 0)
    >>> RecordRenderer().render(change, None).value[:41]
    b'{"action":"DELETE","externalUserId":"u-1"'
    """

    __slots__ = ("_consent_countries", "_hasher", "_hashes_ids", "_needs", "_places", "_reject")

    def __init__(
        self,
        *,
        external_user_id: ExternalUserId = "as_is",
        unsupported_country: UnsupportedCountry = "reject",
        consent_countries: frozenset[str] = CONSENT_COUNTRIES,
        consent_needs: ConsentNeeds = NEEDS,
        hasher: FieldHasher | None = None,
    ) -> None:
        self._hashes_ids = external_user_id == "sha256"
        self._reject = unsupported_country == "reject"
        self._consent_countries = consent_countries
        self._needs = consent_needs
        self._hasher = hasher or FieldHasher(AMAZON_NAMES)
        self._places: dict[str | None, _Place] = {}

    def render(
        self,
        change: MembershipChange,
        default_country: str | None,
        hash_once: HashOnce | None = None,
    ) -> Rendered | Withheld | Rejected:
        """The record that Amazon will get, or why there is none.

        The change's country has priority over `default_country` (the audience's or the
        destination's). With neither, an add needs a consent signal, as if from Europe.
        `hash_once` hashes the change's identities once for all routes with the same profile;
        None if the change has only this route.

        >>> change = MembershipChange("vip", "add", "u-1", "DE", [], None, 0)
        >>> RecordRenderer().render(change, "US")
        Withheld(reason='consent_missing')
        """
        _, action, member, country, identities, consent, _, _, _, _, _ = change
        written = country or default_country
        place = self._places.get(written) or self._learned_place(written)
        if action == "remove":
            return self._record(_DELETE, member, identities, hash_once, place)
        if consent is None and place.is_open:
            return self._record(_CREATE, member, identities, hash_once, place)
        permitted = self._permitted(consent, place)
        if permitted is None:
            return self._record(_CREATE, member, identities, hash_once, place)
        if not isinstance(permitted, Signal):
            return permitted
        return self._record(_with_consent(permitted, place), member, identities, hash_once, place)

    def _permitted(
        self, consent: Mapping[str, object] | None, place: _Place
    ) -> Signal | Withheld | Rejected | None:
        verdict = judged(consent, place.residence, self._needs)
        if self._reject and place.written_wrongly and verdict != _DENIED:
            return _NO_COUNTRY
        if isinstance(verdict, Withheld) or place.sent is not None or place.code is None:
            return verdict
        return _unsupported(place.code) if self._reject else verdict

    def _record(
        self,
        start: str,
        member: str,
        identities: Sequence[Mapping[str, str]],
        hash_once: HashOnce | None,
        place: _Place,
    ) -> Rendered | Rejected:
        if self._hashes_ids and member:
            member = hashed_id(member)
        elif not _is_external_user_id(member):
            return _INVALID_ID if member else _EMPTY_ID
        if hash_once is None and len(identities) == 1:  # without a list of one: this is usual
            objects = _hashed_pii(place.hashes(identities[0]))
        else:
            hashes = map(place.hashes, identities) if hash_once is None else hash_once(place.hashes)
            usable = list(filter(None, map(_hashed_pii, hashes)))
            if len(usable) > _MOST_IDENTITIES and start != _DELETE:
                return _too_many(len(usable))
            objects = ",".join(usable[:_MOST_IDENTITIES])
        if not objects:
            return _NO_IDENTITY
        # No JSON library, for speed: ids of these characters and digests need no escaping.
        record = f'{start}"externalUserId":"{member}","hashedPII":[{objects}]{place.end}'
        # The same as the constructor of the class, at half the cost.
        return tuple.__new__(Rendered, (member, record.encode()))

    def _learned_place(self, written: str | None) -> _Place:
        if len(self._places) >= _PLACES_REMEMBERED:
            self._places.clear()
        code = country_code(written) if written else None
        needs_signal = code is None or code in self._consent_countries
        sent = code if code in HASHED_DATA_COUNTRIES else None
        place = _Place(
            code=code,
            sent=sent,
            residence=Residence(needs_signal, None if code is None else code == "US"),
            written_wrongly=bool(written) and code is None,
            is_open=code in HASHED_DATA_COUNTRIES and not needs_signal,
            end="}" if sent is None else f',"countryCode":"{sent}"}}',
            hashes=self._hasher.of_country(code),
        )
        if written is None or len(written) <= _LONGEST_REMEMBERED:
            self._places[written] = place
        return place


def _unsupported(code: str) -> Rejected:
    return Rejected(
        "unsupported_country",
        f"member.country: Amazon takes no hashed data from {code}; set "
        "unsupported_country: send_without_country to send it without",
    )


def _too_many(count: int) -> Rejected:
    return Rejected(
        "too_many_identities",
        f"member.identities: {count} usable ones, Amazon takes {_MOST_IDENTITIES}",
    )


def _hashed_pii(hashes: tuple[str, ...] | dict[str, str]) -> str:
    """One object of `hashedPII`, "" for none; a tuple has the order of `AMAZON_NAMES`."""
    if isinstance(hashes, dict):
        return orjson.dumps(hashes).decode() if hashes else ""
    email, phone, first, last, address, city, state, postal = hashes
    return (
        f'{{"email":"{email}","phone":"{phone}","firstname":"{first}","lastname":"{last}",'
        f'"address":"{address}","city":"{city}","state":"{state}","postal":"{postal}"}}'
    )


def _with_consent(signal: Signal, place: _Place) -> str:
    """The start of an add with consent: where it was given, and exactly one signal."""
    consent = {"amzn": dict(_GRANTED)} if signal.kind == "amazon" else {signal.kind: signal.text}
    geo = {} if place.code is None else {"geo": {"countryCode": place.code}}
    return f'{_CREATE}"userConsent":{orjson.dumps({**geo, "consent": consent}).decode()},'
