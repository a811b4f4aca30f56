"""Upstream's side of the sandbox: seeded events, and what each of them implies.

Most are ordinary changes. Among them is what an upstream really sends: values hashed already,
members that come and go within a second, events that are no events, people without consent.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import accumulate
from random import Random
from typing import Final, NamedTuple

from pipeline.domain.change import Action
from pipeline.domain.reasons import WithheldReason
from pipeline.sandbox.event_formats import FORMATS, EventFormat
from pipeline.sandbox.expectation import Audience, Expectation
from pipeline.sandbox.people import Person

ADDS: Final = 0.7
RESTLESS: Final = 0.1
"""Share of changes whose member and audience are those of the change before."""
BUSY_EVENTS, BUSY_MEMBERS = 0.2, 0.02
"""Such a share of the events is about such a share of the members."""
AUDIENCES_EACH: Final = 3
DENIED, FORGOTTEN = 0.01, 0.03
"""Shares of adds: members who said no, and signals that are missing where one is due."""

_TCF: Final = "CQuFeUAQuFeUAAKACBDEC0FgAPLAAAAAAAYgGMwAgF5gMZAAAAAA"
_GRANTED: Final[Sequence[dict[str, object]]] = (
    {"tcf": _TCF},
    {"gpp": f"DBABMA~{_TCF}"},
    {"amazon": {"ad_storage": "GRANTED", "user_data": "granted"}},
)
_DENYING_TCF: Final = "CPXxRfAPXxRfAAfKABENB-CgAAAAAAAAAAYgAAAAAAAA"
_DENIED: Final[Sequence[dict[str, object]]] = (
    {"amazon": {"ad_storage": "GRANTED", "user_data": "DENIED"}},
    {"tcf": _DENYING_TCF},
    {"gpp": f"DBABMA~{_DENYING_TCF}"},
)
_UNREADABLE: Final[Sequence[dict[str, object]]] = (
    {"tcf": "CONSENT_DENIED"},
    {"tcf": _TCF[:13]},
    {"gpp": "DB_x~DENIED"},
)


class Event(NamedTuple):
    """One upstream message. The key is the member, so that its changes share a partition."""

    key: bytes | None
    value: bytes | None

    def __repr__(self) -> str:
        return "<Event>"


class Traffic:
    """Makes events one after the other; `expected` always tells what those made so far imply.

    The same `random` and start give the same events.
    """

    def __init__(
        self,
        audiences: Sequence[Audience],
        members: int,
        random: Random,
        start_ms: int,
        event_format: EventFormat = FORMATS["native"],
    ) -> None:
        self.expected = Expectation()
        self._format = event_format
        self._audiences = audiences
        self._members = members
        self._random = random
        self._start_ms = start_ms
        self._last: tuple[Person, Audience] | None = None
        shares: Sequence[tuple[float, Callable[[], Event]]] = (
            (0.984, self._change),
            (0.003, self._malformed),
            (0.003, self._unknown_audience),
            (0.003, self._no_identity),
            (0.002, self._invalid_member),
            (0.002, self._withdrawal_of_some if event_format.withdraws else self._change),
            (0.001, self._withdrawal_of_all if event_format.withdraws else self._change),
            (0.002, self._tombstone),
        )
        self._makers = [maker for _, maker in shares]
        self._weights = list(accumulate(share for share, _ in shares))

    def events(self, count: int) -> Iterator[Event]:
        """So many more events."""
        for _ in range(count):
            (make,) = self._random.choices(self._makers, cum_weights=self._weights)
            event = make()
            self.expected.events += 1
            yield event

    # What goes out, or may

    def _change(self) -> Event:
        person, audience = self._whose()
        action = self._action()
        self.expected.changes[action] += 1
        event = self._stated(person, action, audience.name)
        if action == "remove":
            self.expected.sent(audience.targets, person.member, action)
        else:
            event |= self._consented(person, audience)
        return self._event(person, event)

    def _consented(self, person: Person, audience: Audience) -> dict[str, object]:
        """The consent of an add; and what becomes of the add because of it."""
        country, chance = person.country, self._random.random()
        copies = len(audience.targets)
        if chance < DENIED:
            self._withhold("consent_denied", copies)
            return {"consent": self._random.choice(_DENIED)}
        if country.needs_consent and chance < DENIED + FORGOTTEN:
            self._withhold("consent_missing", copies)
            is_silent = self._random.random() < 0.5
            return {} if is_silent else {"consent": self._random.choice(_UNREADABLE)}
        if country.takes_hashed_data:
            self.expected.sent(audience.targets, person.member, "add")
        else:
            self.expected.reject("unsupported_country", copies)
        is_signalled = country.needs_consent or chance > 0.9
        return {"consent": self._random.choice(_GRANTED)} if is_signalled else {}

    def _withhold(self, reason: WithheldReason, copies: int) -> None:
        self.expected.withheld[reason] += copies

    def _withdrawal_of_some(self) -> Event:
        person = self._someone()
        chosen = self._random.sample(self._audiences, min(2, len(self._audiences)))
        for audience in chosen:
            self.expected.changes["remove"] += 1
            self.expected.sent(audience.targets, person.member, "remove")
        names = [audience.name for audience in chosen]
        return self._event(person, self._withdrawn(person) | {"audiences": names})

    def _withdrawal_of_all(self) -> Event:
        person = self._someone()
        self.expected.changes["remove"] += 1
        for audience in self._audiences:
            self.expected.sent(audience.targets, person.member, "remove")
        return self._event(person, self._withdrawn(person))

    # What cannot go out

    def _malformed(self) -> Event:
        person, audience = self._whose()
        sound = self._stated(person, "add", audience.name)
        broken: Sequence[dict[str, object]] = (
            sound | {"action": "join"},
            sound | {"occurred_at": "2026-11-22T10:15:00"},  # without an offset
            sound | {"member": {"country": "US"}},
            {name: value for name, value in sound.items() if name != "audience"},
        )
        self.expected.reject("malformed")
        if self._random.random() < 0.5:
            return Event(person.member.encode(), b'{"action": "add", "audience": ')
        return self._event(person, self._random.choice(broken))

    def _unknown_audience(self) -> Event:
        person, action = self._someone(), self._action()
        self.expected.changes[action] += self._format.counts_unknown
        self.expected.reject("unknown_audience")
        return self._event(person, self._stated(person, action, "nobody-configured-this"))

    def _no_identity(self) -> Event:
        person, audience = self._whose()
        useless = [{"email": "not an address", "first_name": "  ", "phone": "n/a"}]
        described = {"id": person.member, "country": "US", "identities": useless}
        self.expected.changes["remove"] += 1
        self.expected.reject("no_usable_identity", len(audience.targets))
        event = self._stated(person, "remove", audience.name)
        return self._event(person, event | {"member": described})

    def _invalid_member(self) -> Event:
        person, audience = self._whose()
        described = self._described(person) | {"id": f"{person.member}@shop, the first"}
        self.expected.changes["remove"] += 1
        self.expected.reject("invalid_member_id", len(audience.targets))
        event = self._stated(person, "remove", audience.name)
        return self._event(person, event | {"member": described})

    def _tombstone(self) -> Event:
        self.expected.ignored["tombstone"] += 1
        return Event(self._someone().member.encode(), None)

    # Parts of an event

    def _stated(self, person: Person, action: Action, audience: str) -> dict[str, object]:
        return {
            "event_id": f"e-{self.expected.events}",
            "audience": audience,
            "action": action,
            "occurred_at": self._occurred_at(),
            "member": self._described(person),
        }

    def _withdrawn(self, person: Person) -> dict[str, object]:
        return {
            "action": "withdraw_consent",
            "occurred_at": self._occurred_at(),
            "member": self._described(person),
        }

    def _described(self, person: Person) -> dict[str, object]:
        return {
            "id": person.member,
            "country": person.country.code,
            "identities": person.identities(),
        }

    def _occurred_at(self) -> object:
        number = self.expected.events
        milliseconds = self._start_ms + number
        if number % 4 == 0:
            return milliseconds
        return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds")

    def _event(self, person: Person, event: dict[str, object]) -> Event:
        return Event(person.member.encode(), self._format.message(event))

    # Chance

    def _action(self) -> Action:
        return "add" if self._random.random() < ADDS else "remove"

    def _whose(self) -> tuple[Person, Audience]:
        if self._last is None or self._random.random() >= RESTLESS:
            person = self._someone()
            place = (person.number * 7 + self._random.randrange(AUDIENCES_EACH)) % len(
                self._audiences
            )
            self._last = person, self._audiences[place]
        return self._last

    def _someone(self) -> Person:
        busy = max(1, int(self._members * BUSY_MEMBERS))
        is_busy = self._random.random() < BUSY_EVENTS
        return Person(self._random.randrange(busy if is_busy else self._members))
