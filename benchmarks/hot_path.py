"""How fast one core turns native events into Amazon records, and what each step costs.

    python -m benchmarks.hot_path [RECORDS]

Every event has one identity with eight plain fields. Email, phone and address are different in
nearly every event; names, cities, states and postal codes repeat as they do in a real population.
The yardstick is orjson.loads of the event, eight SHA-256 and orjson.dumps of the record. The goal
is stated for a core on which one SHA-256 takes 0.33 us; machines differ and are shared, so the
figure is also given as it would be at that pace.

Work, yardstick and SHA-256 take turns on slices of the events. Of each slice the best turn of each
counts, in time of the processor, so that all three find the same quiet moments. What is left of
the neighbours is their use of the caches, which slows the work down more than the yardstick.
"""

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from hashlib import sha256
from random import Random
from time import process_time

import orjson

from pipeline.destinations.amazon_ads.rendering import AMAZON_NAMES, RecordRenderer
from pipeline.domain.change import MembershipChange
from pipeline.domain.reasons import Rendered
from pipeline.identity.hashing import FieldHasher
from pipeline.identity.normalize.fields import FIELDS, Field
from pipeline.sources import native
from pipeline.sources.timestamps import epoch_milliseconds

_GOAL = 150_000
_GOAL_SHA_SECONDS = 0.33e-6
_SLICE = 200  # short enough to run between two switches of tasks
_TURNS = 40
_TURNS_OF_STEPS = 15
_SYLLABLES = "an ber ca del e fra gi hu il jo ka lu ma no ol pe ri sa to va"
_STREETS = "Main Oak Lake Hill Park Cedar Elm Washington Maple Pine View River Spring"
_KINDS = "Street Avenue Road Drive Lane Boulevard Court St Ave Rd"
_STATES = "WA CA NY TX Florida Ohio Illinois New-York California"


def _words(random: Random, count: int) -> list[str]:
    return [
        "".join(random.choices(_SYLLABLES.split(), k=random.randint(2, 4))).title()
        for _ in range(count)
    ]


def _events(count: int) -> list[bytes]:
    """Events of people in the United States, with 3000 names and 2000 towns."""
    random = Random(4)
    names, towns = _words(random, 3000), _words(random, 2000)
    return [
        orjson.dumps(
            {
                "event_id": f"e-{number}",
                "audience": "vip-customers",
                "action": "add",
                "occurred_at": f"2026-11-22T10:{number // 60 % 60:02d}:{number % 60:02d}Z",
                "member": {
                    "id": f"u-{number:08d}",
                    "country": "US",
                    "identities": [_identity(random, number, names, towns)],
                },
            }
        )
        for number in range(count)
    ]


def _identity(random: Random, number: int, names: list[str], towns: list[str]) -> dict[str, str]:
    first, last = random.choice(names), random.choice(names)
    street = f"{random.choice(_STREETS.split())} {random.choice(_KINDS.split())}"
    return {
        "email": f"{first}.{last}{number}@example.com",
        "phone": f"+1 206 {random.randint(200, 999)} {number % 10_000:04d}",
        "first_name": first,
        "last_name": last,
        "address": f"{random.randint(1, 9999)} {street} Apt {random.randint(1, 99)}",
        "city": random.choice(towns),
        "state": random.choice(_STATES.split()),
        "postal": f"98{random.randint(0, 999):03d}",
    }


def _best(works: Mapping[str, Callable[[], object]], turns: int) -> Mapping[str, float]:
    """The seconds each work takes when nothing disturbs it; they take turns."""
    best = dict.fromkeys(works, float("inf"))
    for _ in range(turns):
        for name, work in works.items():
            started = process_time()
            work()
            best[name] = min(best[name], process_time() - started)
    return best


def _each(function: Callable[..., object], values: Iterable[object]) -> Callable[[], object]:
    kept = list(values)

    def work() -> None:
        for value in kept:
            function(value)

    return work


def _carry(events: list[bytes], renderer: RecordRenderer) -> None:
    for event in events:
        changes = native.read(event)
        assert isinstance(changes, tuple)
        for change in changes:
            renderer.render(change, None)


def _digests(count: int) -> None:
    value = b"ana.diaz@example.com"
    for _ in range(count):
        sha256(value).hexdigest()


def _bare(events: list[bytes], record: object) -> None:
    value = b"ana.diaz@example.com"
    for event in events:
        orjson.loads(event)
        for _ in range(8):
            sha256(value).hexdigest()
        orjson.dumps(record)


def _paces(
    events: list[bytes], renderer: RecordRenderer, record: object
) -> tuple[float, float, float]:
    """The seconds of one record's work, of its yardstick, and of one SHA-256."""
    total = dict.fromkeys(("work", "yardstick", "digests"), 0.0)
    for start in range(0, len(events), _SLICE):
        part = events[start : start + _SLICE]
        works = {
            "work": partial(_carry, part, renderer),
            "yardstick": partial(_bare, part, record),
            "digests": partial(_digests, 8 * len(part)),
        }
        for name, seconds in _best(works, _TURNS).items():
            total[name] += seconds
    work, yardstick, digests = (seconds / len(events) for seconds in total.values())
    return work, yardstick, digests / 8


def _change(event: bytes) -> MembershipChange:
    changes = native.read(event)
    assert isinstance(changes, tuple)
    change = changes[0]
    assert isinstance(change, MembershipChange)
    return change


def _steps(events: list[bytes], renderer: RecordRenderer) -> Mapping[str, Callable[[], object]]:
    changes = [_change(event) for event in events]
    identities = [change.identities[0] for change in changes]
    hasher = FieldHasher(AMAZON_NAMES)
    record = orjson.loads(_rendered(renderer, changes[0]))

    hashes = hasher.of_country("US")
    return {
        "read: JSON, checks and the change": _each(native.read, events),
        "  of it orjson.loads": _each(orjson.loads, events),
        "  of it the time": _each(epoch_milliseconds, ["2026-11-22T10:15:07Z"] * len(events)),
        "render: hashes, consent, JSON": _each(lambda c: renderer.render(c, None), changes),
        "  hashes of one field alone, and what none costs": _each(hashes, [{}] * len(events)),
        **{f"    {field}": _each(hashes, _only(field, identities)) for field in FIELDS},
        "yardstick's orjson.dumps": _each(orjson.dumps, [record] * len(events)),
    }


def _only(field: Field, identities: Sequence[Mapping[str, str]]) -> list[Mapping[str, str]]:
    return [{field: identity[field]} for identity in identities]


def _rendered(renderer: RecordRenderer, change: MembershipChange) -> bytes:
    outcome = renderer.render(change, None)
    assert isinstance(outcome, Rendered)
    return outcome.value


def main(count: int) -> None:
    events = _events(count)
    renderer = RecordRenderer()
    records = [_rendered(renderer, _change(event)) for event in events]  # all can be, and once are
    work, yardstick, digest = _paces(events, renderer, orjson.loads(records[0]))

    print(f"hot path: event bytes in, record bytes out, {count} records of eight plain fields")
    print(f"  {1 / work:>10,.0f} records a second on one core")
    print(f"  {digest * 1e6:>10.2f} us one SHA-256 in this run")
    print(
        f"  {digest / work / _GOAL_SHA_SECONDS:>10,.0f} records a second where it takes 0.33 us "
        f"(goal {_GOAL:,})"
    )
    print(f"  {work * 1e6:>10.2f} us a record")
    print(f"  {yardstick * 1e6:>10.2f} us the yardstick: loads, eight SHA-256, dumps")
    print(f"  {work / yardstick:>10.2f} times the yardstick")
    print("what each step costs, measured alone:")
    for name, seconds in _best(_steps(events, renderer), _TURNS_OF_STEPS).items():
        print(f"  {seconds / count * 1e6:>10.2f} us {name}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5_000)
