"""The sandbox's upstream: repeatable, varied, and right about what its events imply."""

from collections import Counter
from collections.abc import Sequence
from random import Random

import orjson
import pytest

from pipeline.destinations.amazon_ads.rendering import RecordRenderer
from pipeline.domain.change import Action, MembershipChange
from pipeline.domain.reasons import Ignored, Rejected, RejectedReason, Rendered, Withheld
from pipeline.sandbox.amazon_ads.record_rules import problem_of
from pipeline.sandbox.expectation import Audience, Expectation, Target
from pipeline.sandbox.people import COUNTRIES, Person
from pipeline.sandbox.traffic import Event, Traffic
from pipeline.sources.native import read

START_MS = 1_795_000_000_000
AUDIENCES = (
    Audience("vip", (Target("first", 11), Target("second", 12))),
    Audience("lapsed", (Target("second", 13),)),
    Audience("new", (Target("third", 14),)),
)


def traffic(seed: int, members: int = 400) -> Traffic:
    return Traffic(AUDIENCES, members, Random(seed), START_MS)


def replayed(events: Sequence[Event]) -> Expectation:
    """
    What the pipeline's own reading, routing and rendering make of the events.
    """
    expected, renderer = Expectation(), RecordRenderer()
    for event in events:
        expected.events += 1
        reading = read(event.value)
        if isinstance(reading, Ignored):
            expected.ignored[reading.reason] += 1
        elif isinstance(reading, Rejected):
            expected.reject(reading.reason)
        else:
            for change in reading:
                replay_change(expected, change, renderer)
    return expected


def replay_change(
    expected: Expectation, change: MembershipChange, renderer: RecordRenderer
) -> None:
    expected.changes[change.action] += 1
    chosen = [each for each in AUDIENCES if change.audience in (None, each.name)]
    if not chosen:
        expected.reject("unknown_audience")
    rejected: Counter[RejectedReason] = Counter()
    for target in [target for audience in chosen for target in audience.targets]:
        match renderer.render(change, None):
            case Rendered(member):
                expected.prepared[target.connection] += 1
                expected.membership.setdefault(target.audience_id, {})[member] = change.action
            case Withheld(reason):
                expected.withheld[reason] += 1
            case Rejected(reason):
                rejected[reason] += 1
    for reason, count in rejected.items():
        expected.reject(reason, count)


@pytest.mark.parametrize("seed", range(4))
def test_the_expectation_says_what_the_pipeline_makes_of_the_events(seed: int) -> None:
    """
    Two independent ways to the same numbers: if they part, one of the two is wrong.
    """
    upstream = traffic(seed)
    events = list(upstream.events(4_000))

    assert upstream.expected == replayed(events)


def test_the_same_seed_gives_the_same_events() -> None:
    assert list(traffic(5).events(500)) == list(traffic(5).events(500))
    assert list(traffic(5).events(500)) != list(traffic(6).events(500))


def test_every_kind_of_event_comes_along() -> None:
    """
    A demonstration of a few thousand events shows each way an event can end.
    """
    upstream = traffic(1)
    list(upstream.events(3_000))
    expected = upstream.expected

    assert {"add", "remove"} == set(expected.changes)
    assert {"tombstone"} == set(expected.ignored)
    assert {"consent_denied", "consent_missing"} == set(expected.withheld)
    assert {
        "malformed",
        "unknown_audience",
        "no_usable_identity",
        "invalid_member_id",
        "unsupported_country",
    } == set(expected.rejected)


def test_members_come_and_go_repeatedly() -> None:
    """
    Only then is there an order to keep, and something to supersede.
    """
    upstream = traffic(2)
    list(upstream.events(3_000))
    expected = upstream.expected

    pairs = sum(len(members) for members in expected.membership.values())
    standing: Counter[Action] = Counter()
    for members in expected.membership.values():
        standing.update(members.values())

    assert expected.prepared.total() > 1.5 * pairs
    assert min(standing["add"], standing["remove"]) > pairs / 10


def test_an_event_is_keyed_by_its_member() -> None:
    """
    Or its changes would not share a partition, and would lose their order.
    """
    for event in traffic(3).events(2_000):
        reading = read(event.value)
        if isinstance(reading, Ignored | Rejected):
            continue
        for change in reading:
            assert change.member_id.partition("@")[0].encode() == event.key


def test_events_are_counted_only_when_they_are_made() -> None:
    upstream = traffic(4)
    made = upstream.events(100)
    for _ in range(7):
        next(made)

    # The eighth is not asked for yet, though the first seven are known.
    assert upstream.expected.events == 7


def test_one_audience_and_one_member_are_enough() -> None:
    alone = Traffic(AUDIENCES[1:2], 1, Random(1), START_MS)

    assert len(list(alone.events(300))) == 300
    assert {13} == set(alone.expected.membership)


@pytest.mark.parametrize("country", COUNTRIES, ids=lambda country: country.code)
def test_people_of_every_country_pass_the_rules_of_the_partner(country: object) -> None:
    """
    Names, numbers and addresses are odd on purpose, and none of it is refused.
    """
    renderer = RecordRenderer()
    people = [person for person in map(Person, range(800)) if person.country is country]

    records = [rendered(renderer, person) for person in people]

    assert problem_of(records) is None


def test_nobody_owns_the_mailboxes() -> None:
    for person in map(Person, range(400)):
        for identity in person.identities():
            mailbox = identity.get("email", "")
            assert "@" not in mailbox or mailbox.strip().partition("@")[2].startswith("example.")


def rendered(renderer: RecordRenderer, person: Person) -> object:
    change = MembershipChange(
        "vip",
        "add",
        person.member,
        person.country.code,
        person.identities(),
        {"amazon": {"ad_storage": "GRANTED", "user_data": "GRANTED"}},
        START_MS,
    )
    outcome = renderer.render(change, None)
    assert isinstance(outcome, Rendered)
    return orjson.loads(outcome.value)
