"""Random events for a source: valid, bent and garbage, and some that fan out or are large."""

import json
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any, Final, NamedTuple

from pipeline.sandbox.event_formats import EventFormat
from tests.explore.random_values import bent, some_bytes, some_json

MEMBERS: Final = 300
FIRST_MS: Final = 1_760_000_000_000
_CONSENTS: Final[Sequence[object]] = (
    None,
    {"tcf": "CQuFeUAQuFeUAAKACBDEC0FgAPLAAAAAAAYgGMwAgF5gMZAAAAAA"},
    {"tcf": "CONSENT_DENIED"},
    {"amazon": {"ad_storage": "GRANTED", "user_data": "granted"}},
    {"amazon": {"ad_storage": "DENIED", "user_data": "GRANTED"}},
)


class Produced(NamedTuple):
    """One message for a source."""

    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]] = ()

    def __repr__(self) -> str:
        return "<Produced>"


class RandomEvents:
    """Makes events for one source, one after the other; each is younger than those before it."""

    def __init__(self, random: Random, event_format: EventFormat, audiences: Sequence[str]) -> None:
        self._random = random
        self._format = event_format
        self._audiences = audiences
        self._count = 0
        self._kinds: Sequence[tuple[float, Callable[[], Produced]]] = (
            (0.876, self._usual),
            (0.06, self._bent),
            (0.03, self._garbage),
            (0.03, self._withdrawal),
            (0.002, self._of_many_audiences),
            (0.002, self._large),
        )

    def next(self) -> Produced:
        weights = [weight for weight, _ in self._kinds]
        [(_, make)] = self._random.choices(self._kinds, weights=weights)
        self._count += 1
        return make()

    def _usual(self) -> Produced:
        return self._message(self._stated())

    def _bent(self) -> Produced:
        event = self._stated()
        key = _key(event)
        if self._random.random() < 0.5:
            return Produced(key, _json(bent(self._random, self._format.write(event))))
        return Produced(key, _json(self._written(bent(self._random, event))))

    def _written(self, event: Any) -> Any:
        """In the source's format, if enough of the event is left to write it so."""
        try:
            return self._format.write(event)
        except (KeyError, TypeError, AttributeError, ValueError):
            return event

    def _garbage(self) -> Produced:
        random = self._random
        value = random.choice(
            (
                None,
                some_bytes(random),
                _json(some_json(random)),
                b"[" * 50_000,
                b"\xef\xbb\xbf" + _json(self._format.write(self._stated())),
                b"\x00\x00\x00\x00\x07" + some_bytes(random),
            )
        )
        name = random.choice(("content-type", "ce_specversion", "ce_type", ""))
        headers = [(name, some_bytes(random))] if random.random() < 0.5 else []
        return Produced(random.choice((None, b"", some_bytes(random))), value, headers)

    def _withdrawal(self) -> Produced:
        event = self._stated()
        del event["audience"]
        event["action"] = "withdraw_consent"
        if self._random.random() < 0.5:
            event["audiences"] = self._random.sample(self._audiences, 2)
        return Produced(_key(event), _json(event))

    def _of_many_audiences(self) -> Produced:
        event = self._stated()
        event["action"] = "withdraw_consent"
        event["audiences"] = [
            self._random.choice((*self._audiences, f"unknown-{number}")) for number in range(3_000)
        ]
        return Produced(_key(event), _json(event))

    def _large(self) -> Produced:
        event, random = self._stated(), self._random
        size = random.choice((50_000, 300_000, 600_000))
        kind = random.randrange(3)
        if kind == 0:
            event["consent"] = {"tcf": "C" * size}
        elif kind == 1:
            event["member"]["identities"] = [
                {"email": f"{number}@example.com"} for number in range(size // 100)
            ]
        else:
            event["member"]["identities"] = [{"address": "x" * size}]
        return self._message(event)

    def _message(self, event: Mapping[str, Any]) -> Produced:
        return Produced(_key(event), _json(self._written(event)))

    def _stated(self) -> dict[str, Any]:
        random = self._random
        member = f"u-{random.randrange(MEMBERS)}"
        event: dict[str, Any] = {
            "event_id": f"e-{self._count}",
            "audience": random.choice((*self._audiences, "nobody-knows-it"))
            if random.random() < 0.1
            else random.choice(self._audiences),
            "action": random.choice(("add", "add", "remove")),
            "occurred_at": FIRST_MS + self._count,
            "member": {
                "id": member,
                "country": random.choice(("US", "US", "DE", "JP")),
                "identities": [{"email": f"{member}.{self._count}@example.com"}],
            },
        }
        consent = random.choice(_CONSENTS)
        return event if consent is None else {**event, "consent": consent}


def _key(event: Mapping[str, Any]) -> bytes:
    return str(event["member"]["id"]).encode()


def _json(value: Any) -> bytes:
    """As any upstream may write it: numbers of any size, halves of surrogates."""
    return json.dumps(value, separators=(",", ":")).encode()
