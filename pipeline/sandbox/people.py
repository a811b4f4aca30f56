"""Invented people: names, addresses and numbers as upstreams of several countries write them.

Every email address is at example.com or a similar domain that belongs to nobody (RFC 2606).
"""

from dataclasses import dataclass
from hashlib import sha256
from typing import Final

_MAILBOXES: Final = ("example.com", "example.org", "example.net")


@dataclass(frozen=True, slots=True, kw_only=True)
class Country:
    """A country, with names, addresses and numbers in its usual forms."""

    code: str
    needs_consent: bool = False
    """Whether Amazon adds its people only with a consent signal."""
    takes_hashed_data: bool = True
    first_names: tuple[str, ...]
    last_names: tuple[str, ...]
    streets: tuple[str, ...]
    """Streets; `{}` is the house number."""
    places: tuple[tuple[str, str, str], ...]
    """Places: city, state, postal code; the state may be empty."""
    phone: str
    """A number; `{:07d}` or the like are the digits that differ between people."""


COUNTRIES: Final = (
    Country(
        code="US",
        first_names=("Ana", "James", "Mary-Jane", "Robert", "Linda", "De'Andre"),
        last_names=("Diaz", "Smith", "O'Neill", "Johnson", "Nguyen", "Washington"),
        streets=("{} Main Street", "{} N. Lake Avenue, Apt. 4", "{} Martin Luther King Jr. Blvd"),
        places=(
            ("Seattle", "WA", "98101"),
            ("New York", "New York", "10001-4321"),
            ("Saint Paul", "mn", "55101"),
        ),
        phone="+1 206 5{:06d}",
    ),
    Country(
        code="GB",
        needs_consent=True,
        first_names=("Oliver", "Amelia", "George", "Isla"),
        last_names=("Jones", "Taylor-Brown", "MacDonald", "Khan"),
        streets=("{} Baker Street", "Flat 2, {} High Road"),
        places=(("London", "", "NW1 6XE"), ("Edinburgh", "Scotland", "EH1 1YZ")),
        phone="07911 {:06d}",
    ),
    Country(
        code="DE",
        needs_consent=True,
        first_names=("Jürgen", "Änne", "Karl-Heinz", "Sophie"),
        last_names=("Müller", "Schäfer", "von der Heide", "Groß"),
        streets=("Hauptstraße {}", "Am Alten Markt {}a"),
        places=(("München", "Bayern", "80331"), ("Köln", "NRW", "50667")),
        phone="0171 {:07d}",
    ),
    Country(
        code="FR",
        needs_consent=True,
        first_names=("Élodie", "Jean-Luc", "Zoé"),
        last_names=("Lefèvre", "d'Aubigné", "Moreau"),
        streets=("{} rue de la Paix", "{} bis avenue Foch"),
        places=(("Paris", "Île-de-France", "75002"), ("Nîmes", "", "30000")),
        phone="06 12 {:06d}",
    ),
    Country(
        code="CA",
        first_names=("Noah", "Chloé", "Liam"),
        last_names=("Tremblay", "Singh", "MacKenzie"),
        streets=("{} Queen St. West", "{} boul. René-Lévesque"),
        places=(("Toronto", "Ontario", "M5V 2T6"), ("Montréal", "QC", "H2Z 1A4")),
        phone="+1-416-5{:06d}",
    ),
    Country(
        code="JP",
        first_names=("Haruto", "Yui"),
        last_names=("Sato", "Suzuki"),
        streets=("{}-chome Marunouchi",),
        places=(("Tokyo", "", "100-0001"), ("Osaka", "", "530-0001")),
        phone="+81 90 1{:07d}",
    ),
    Country(
        code="BR",
        first_names=("João", "Conceição"),
        last_names=("da Silva", "Gonçalves"),
        streets=("Rua Augusta, {}",),
        places=(("São Paulo", "São Paulo", "01310-000"), ("Curitiba", "PR", "80010-000")),
        phone="+55 11 9 8{:07d}",
    ),
    Country(
        code="IN",
        first_names=("Aarav", "Priya"),
        last_names=("Sharma", "Patel"),
        streets=("{} MG Road",),
        places=(("Mumbai", "Maharashtra", "400001"),),
        phone="+91 98200 {:05d}",
    ),
)

ELSEWHERE: Final = Country(
    code="NZ",
    takes_hashed_data=False,
    first_names=("Aroha",),
    last_names=("Te Rangi",),
    streets=("{} Queen Street",),
    places=(("Auckland", "", "1010"),),
    phone="+64 21 {:06d}",
)
"""A country from which Amazon takes no hashed data, so its people cannot be added."""
ELSEWHERE_EVERY: Final = 100
"""One of this many people lives there."""


@dataclass(frozen=True, slots=True)
class Person:
    """One member. All values follow from the number, so members need not be stored."""

    number: int

    @property
    def member(self) -> str:
        return f"u-{self.number:06d}"

    @property
    def country(self) -> Country:
        if self.number % ELSEWHERE_EVERY == ELSEWHERE_EVERY - 1:
            return ELSEWHERE
        return COUNTRIES[self.number % len(COUNTRIES)]

    @property
    def mailbox(self) -> str:
        """The member's own email address, in the member's spelling."""
        return f"Member.{self.number}@{_MAILBOXES[self.number % len(_MAILBOXES)]}"

    @property
    def email_digest(self) -> str:
        """The SHA-256 of the address in small letters; every identity of the member gives it."""
        return sha256(self.mailbox.lower().encode()).hexdigest()

    def identities(self) -> list[dict[str, str]]:
        """One identity, for some members two; fields are plain unless upstream hashed them."""
        mailbox = self.mailbox
        match self.number % 8:
            case 0 | 1:
                return [{"email": mailbox, **self._home()}]
            case 2:
                return [{"email": self.email_digest}]
            case 3:
                return [{"email": self.email_digest.upper()}]
            case 4:
                return [{"email": f" {mailbox} ", "phone": self._phone()}]
            case 5:
                return [{"email": mailbox}, {"phone": self._phone(), **self._home()}]
            case _:
                return [{"email": mailbox, "phone": self._phone(), **self._home()}]

    def _home(self) -> dict[str, str]:
        country, number = self.country, self.number
        city, state, postal = country.places[number // 8 % len(country.places)]
        return {
            "first_name": country.first_names[number // 8 % len(country.first_names)],
            "last_name": country.last_names[number // 48 % len(country.last_names)],
            "address": country.streets[number // 16 % len(country.streets)].format(number % 990),
            "city": city,
            **({"state": state} if state else {}),
            "postal": postal,
        }

    def _phone(self) -> str:
        return self.country.phone.format(self.number % 100_000)
