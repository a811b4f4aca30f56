"""Upstream's side of the sandbox: makes events by a seed, and adds up what each implies.

Most events are ordinary changes. Others are special cases of real upstreams: hashed values, members
that join and leave within a second, invalid events, people without consent.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import accumulate
from random import Random
from typing import Final, NamedTuple

from pipeline.domain.change import Action
from pipeline.domain.reasons import WithheldReason
from pipeline.sandbox.consent_signals import DENIED, GRANTED, UNREADABLE, Granted
from pipeline.sandbox.event_formats import FORMATS, EventFormat
from pipeline.sandbox.expectation import Audience, Expectation, Row, Statement
from pipeline.sandbox.people import Person

ADDS: Final = 0.7
RESTLESS: Final = 0.1
"""The share of changes with the same member and audience as the change before."""
BUSY_EVENTS, BUSY_MEMBERS = 0.2, 0.02
"""The first share of the events concerns the second share of the members."""
AUDIENCES_EACH: Final = 3
DENY, FORGET = 0.01, 0.03
"""Shares of adds: with a denial, and without a signal where one is needed."""
LATE, LATE_MS = 0.03, 20_000
"""The share of late events, and how much older than their neighbours they can be."""
TIERS: Final = ("basic", "silver", "gold", "platinum")


class Event(NamedTuple):
    """One upstream message. The key is the member, so that its changes share a partition."""

    key: bytes | None
    value: bytes | None

    def __repr__(self) -> str:
        return "<Event>"


class Traffic:
    """Makes events one after another; `expected` always has what the events so far imply.

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
        self._at_ms = start_ms
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
        """The next events, this many."""
        for _ in range(count):
            (make,) = self._random.choices(self._makers, cum_weights=self._weights)
            self._at_ms = self._start_ms + self.expected.events
            if self._random.random() < LATE:
                self._at_ms -= self._random.randrange(LATE_MS)
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
            self._removed(person, audience)
        else:
            event |= self._consented(person, audience)
        return self._event(person, event)

    def _consented(self, person: Person, audience: Audience) -> dict[str, object]:
        """The consent of an add; also adds up its effect on the add."""
        country, chance = person.country, self._random.random()
        copies = len(audience.targets)
        if chance < DENY:
            self._withhold("consent_denied", copies)
            self._denied_to_adobe(person, audience)
            return {"consent": self._random.choice(DENIED)}
        if country.needs_consent and chance < DENY + FORGET:
            self._withhold("consent_missing", copies + audience.goes_to_adobe)
            is_silent = self._random.random() < 0.5
            return {} if is_silent else {"consent": self._random.choice(UNREADABLE)}
        if country.takes_hashed_data:
            self.expected.sent(audience.targets, person.member, "add")
        else:
            self.expected.reject("unsupported_country", copies)
        if not (country.needs_consent or chance > 0.9):
            self._added_at_adobe(person, audience)
            return {}
        granted = self._random.choice(GRANTED)
        self._signalled_to_adobe(person, audience, granted)
        return {"consent": granted.said}

    def _signalled_to_adobe(self, person: Person, audience: Audience, granted: Granted) -> None:
        if granted.is_for_adobe is False:
            self._denied_to_adobe(person, audience)
        elif granted.is_for_adobe is None and person.country.needs_consent:
            self._withhold("consent_missing", int(audience.goes_to_adobe))
        else:
            self._added_at_adobe(person, audience)

    def _added_at_adobe(self, person: Person, audience: Audience) -> None:
        attributes = self._attributes()
        row = [person.email_digest, *(str(value) for value in attributes.values())]
        self._state(person, audience, row)

    def _denied_to_adobe(self, person: Person, audience: Audience) -> None:
        """A denial removes a member at Adobe; at Amazon it only stops the add."""
        self._withhold("consent_denied", int(audience.goes_to_adobe))
        self._state(person, audience, None)

    def _removed(self, person: Person, audience: Audience) -> None:
        self.expected.sent(audience.targets, person.member, "remove")
        self._state(person, audience, None)

    def _state(self, person: Person, audience: Audience, row: Row | None) -> None:
        if audience.goes_to_adobe:
            statement = Statement(self._at_ms, row)
            self.expected.snapshots.state(audience.name, person.member, statement)

    def _withhold(self, reason: WithheldReason, copies: int) -> None:
        if copies:
            self.expected.withheld[reason] += copies

    def _withdrawal_of_some(self) -> Event:
        person = self._someone()
        chosen = self._random.sample(self._audiences, min(2, len(self._audiences)))
        for audience in chosen:
            self.expected.changes["remove"] += 1
            self._removed(person, audience)
        names = [audience.name for audience in chosen]
        return self._event(person, self._withdrawn(person) | {"audiences": names})

    def _withdrawal_of_all(self) -> Event:
        person = self._someone()
        self.expected.changes["remove"] += 1
        for audience in self._audiences:
            self._removed(person, audience)
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
        # A member who leaves needs no identity at Adobe.
        self._state(person, audience, None)
        event = self._stated(person, "remove", audience.name)
        return self._event(person, event | {"member": described})

    def _invalid_member(self) -> Event:
        person, audience = self._whose()
        described = self._described(person) | {"id": f"{person.member}@shop, the first"}
        self.expected.changes["remove"] += 1
        copies = len(audience.targets) + audience.goes_to_adobe
        self.expected.reject("invalid_member_id", copies)
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
            "attributes": self._attributes(),
        }

    def _attributes(self) -> dict[str, str | int]:
        """Attributes that differ in every event: only the right event gives the right row."""
        number = self.expected.events
        return {"tier": TIERS[number % len(TIERS)], "visits": number}

    def _occurred_at(self) -> object:
        if self.expected.events % 4 == 0:
            return self._at_ms
        moment = datetime.fromtimestamp(self._at_ms / 1000, UTC)
        return moment.isoformat(timespec="milliseconds")

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
