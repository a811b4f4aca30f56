"""What an event of another format costs, beside a native one that says the same.

    python -m benchmarks.sources [EVENTS]

Each way goes from the bytes of an event to the bytes of its record, in the same run and in turns
on slices of the events, as the hot path's benchmark does. The goal: no more than 1.5 times the
native event; and one malformed event in a hundred costs no more than a tenth of the throughput.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import orjson

from benchmarks.hot_path import _best, _events
from pipeline.destinations.amazon_ads.rendering import RecordRenderer
from pipeline.domain.change import MembershipChange
from pipeline.domain.reasons import Ignored, Rejected
from pipeline.sources.encodings.schemas import Schemas
from pipeline.sources.reading import Read, SchemaNeeded
from pipeline.sources.registry import compile_source
from pipeline.sources.settings import SourceSettings

_SLICE = 200
_TURNS = 25
_GOAL = 1.5
_GOAL_MALFORMED = 0.9
_NAMES = {"vip-customers": "vip-customers"}


class Sent(NamedTuple):
    """A message without Kafka."""

    value: bytes | None
    key: bytes | None = b"u-1"
    headers: Sequence[tuple[str, bytes]] = ()
    timestamp: int = 1_766_225_700_000


_FIELDS = ("email", "phone", "first_name", "last_name", "address", "city", "state", "postal")
_MAPPING: dict[str, Any] = {
    "format": "mapping",
    "mapping": {
        "audience": {"pointer": "/segment"},
        "action": {"pointer": "/op", "add": ["enter"], "remove": ["exit"]},
        "member": {"pointer": "/user/id"},
        "occurred_at": {"pointer": "/at"},
        "country": {"pointer": "/user/country"},
        "identities": [{name: {"pointer": f"/user/{name}"} for name in _FIELDS}],
    },
}
_DEBEZIUM: dict[str, Any] = {
    "format": "debezium",
    "table": {
        "kind": "membership_rows",
        "audience": "audience",
        "member": "id",
        "active": {"column": "is_member", "add": [1, True], "remove": [0, False]},
        "country": "country",
        "identities": {name: name for name in _FIELDS},
    },
}


def _mapped(event: Any) -> Any:
    person = event["member"]
    user = {"id": person["id"], "country": person["country"], **person["identities"][0]}
    return {"segment": event["audience"], "op": "enter", "at": event["occurred_at"], "user": user}


def _segment(event: Any) -> Any:
    fields = event["member"]["identities"][0]
    traits = {
        "vip-customers": True,
        "email": fields["email"],
        "phone": fields["phone"],
        "firstName": fields["first_name"],
        "lastName": fields["last_name"],
        "address": {
            "street": fields["address"],
            "city": fields["city"],
            "state": fields["state"],
            "postalCode": fields["postal"],
        },
    }
    personas = {"computation_class": "audience", "computation_key": "vip-customers"}
    return {
        "type": "identify",
        "userId": event["member"]["id"],
        "timestamp": event["occurred_at"],
        "traits": traits,
        "context": {"personas": personas},
    }


def _debezium(event: Any) -> Any:
    person = event["member"]
    row = {
        "audience": event["audience"],
        "id": person["id"],
        "country": person["country"],
        "is_member": True,
        **person["identities"][0],
    }
    return {"op": "u", "before": None, "after": row, "source": {"ts_ms": 1_766_225_700_000}}


_COUNTRY = {"country": {"value": "US"}}
_WAYS: Mapping[str, tuple[Callable[[Any], Any], dict[str, Any]]] = {
    "native": (lambda event: event, {"format": "native"}),
    "mapping": (_mapped, _MAPPING),
    "segment": (_segment, {"format": "segment", "mapping": _COUNTRY}),
    "debezium": (_debezium, _DEBEZIUM),
    "native in a CloudEvent": (
        lambda event: {"specversion": "1.0", "data": event},
        {"format": "native", "envelope": "cloudevents"},
    ),
}


def _read(keys: Mapping[str, Any]) -> Read:
    settings = SourceSettings.model_validate({"topic": "t", **keys})
    return compile_source(settings, audiences=_NAMES, schemas=Schemas())


def _carry(messages: Sequence[Sent], read: Read, renderer: RecordRenderer) -> int:
    carried = 0
    for message in messages:
        reading = read(message)
        if isinstance(reading, Ignored | Rejected | SchemaNeeded):
            continue
        for change in reading:
            if isinstance(change, MembershipChange):
                renderer.render(change, None)
                carried += 1
    return carried


def _seconds(ways: Mapping[str, tuple[Read, Sequence[Sent]]]) -> Mapping[str, float]:
    """The seconds of one message on each way."""
    renderer = RecordRenderer()
    total = dict.fromkeys(ways, 0.0)
    count = min(len(messages) for _, messages in ways.values())
    for start in range(0, count, _SLICE):
        works = {
            name: partial(_carry, messages[start : start + _SLICE], read, renderer)
            for name, (read, messages) in ways.items()
        }
        for name, seconds in _best(works, _TURNS).items():
            total[name] += seconds
    return {name: seconds / count for name, seconds in total.items()}


def main(count: int) -> None:
    events = [orjson.loads(event) for event in _events(count)]
    ways: dict[str, tuple[Read, Sequence[Sent]]] = {
        name: (_read(keys), [Sent(orjson.dumps(write(event))) for event in events])
        for name, (write, keys) in _WAYS.items()
    }
    for name, (read, messages) in ways.items():
        assert _carry(messages, read, RecordRenderer()) == count, name
    read, messages = ways["mapping"]
    ways["mapping, 1 in 100 malformed"] = (
        read,
        [Sent(b'{"op":') if place % 100 == 0 else one for place, one in enumerate(messages)],
    )
    seconds = _seconds(ways)
    print(f"bytes of an event in, bytes of its record out, {count} events of eight fields")
    for name, one in seconds.items():
        times = one / seconds["native"]
        print(f"  {one * 1e6:>8.2f} us {times:>6.2f} times native (goal {_GOAL})  {name}")
    kept = seconds["mapping"] / seconds["mapping, 1 in 100 malformed"]
    print(f"  {kept:.0%} of the throughput with 1 in 100 malformed (goal {_GOAL_MALFORMED:.0%})")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2_000)
