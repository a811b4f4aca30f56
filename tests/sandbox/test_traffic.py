"""The sandbox's upstream: repeatable, varied, and right about what its events imply."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from random import Random

import orjson
import pytest

from pipeline.configuration.load import settings_from
from pipeline.destinations.amazon_ads.rendering import RecordRenderer
from pipeline.destinations.contract import Render
from pipeline.destinations.registry import PARTNERS
from pipeline.domain.change import Action, MembershipChange
from pipeline.domain.reasons import Ignored, Rejected, RejectedReason, Rendered, Withheld
from pipeline.sandbox.amazon_ads.record_rules import problem_of
from pipeline.sandbox.configuration import ADOBE, document
from pipeline.sandbox.demo_options import invented_audiences
from pipeline.sandbox.expectation import Audience, Expectation, Row, Snapshots, Statement, Target
from pipeline.sandbox.people import COUNTRIES, Person
from pipeline.sandbox.traffic import Event, Traffic
from pipeline.sources.native import read
from tests.sandbox.test_demo_parts import AROUND, OPTIONS

START_MS = 1_795_000_000_000
AUDIENCES = (
    Audience("vip", (Target("first", 11), Target("second", 12)), "a-1"),
    Audience("lapsed", (Target("second", 13),), "a-2"),
    Audience("new", (Target("third", 14),)),
)


def traffic(seed: int, members: int = 400) -> Traffic:
    return Traffic(AUDIENCES, members, Random(seed), START_MS)


def adobe() -> Render:
    """
    The renderer of the partner that takes snapshots, as the sandbox configures it.
    """
    options = replace(OPTIONS, audiences=1)
    written = document(options, invented_audiences(options, Random(1)), AROUND)
    settings = settings_from(written, Path())
    [target] = [one for one in settings.audiences[0].destinations if one.destination == ADOBE]
    destination = settings.destinations[ADOBE]
    return PARTNERS[destination.kind].renderer(destination, target)


def replayed(events: Sequence[Event]) -> Expectation:
    """
    What the pipeline's own reading, routing and rendering make of the events.
    """
    expected, renderer, member = Expectation(), RecordRenderer(), adobe()
    for event in events:
        expected.events += 1
        reading = read(event.value)
        if isinstance(reading, Ignored):
            expected.ignored[reading.reason] += 1
        elif isinstance(reading, Rejected):
            expected.reject(reading.reason)
        else:
            for change in reading:
                replay_change(expected, change, renderer, member)
    return expected


def replay_change(
    expected: Expectation, change: MembershipChange, renderer: RecordRenderer, adobe: Render
) -> None:
    expected.changes[change.action] += 1
    chosen = [each for each in AUDIENCES if change.audience in (None, each.name)]
    if not chosen:
        expected.reject("unknown_audience")
    rejected: Counter[RejectedReason] = Counter()
    for audience in chosen:
        replay_at_amazon(expected, change, renderer, audience, rejected)
        if audience.adobe_id is not None:
            replay_at_adobe(expected, change, adobe, audience, rejected)
    for reason, count in rejected.items():
        expected.reject(reason, count)


def replay_at_amazon(
    expected: Expectation,
    change: MembershipChange,
    renderer: RecordRenderer,
    audience: Audience,
    rejected: Counter[RejectedReason],
) -> None:
    for target in audience.targets:
        match renderer.render(change, None):
            case Rendered(member):
                expected.prepared[target.connection] += 1
                expected.membership.setdefault(target.audience_id, {})[member] = change.action
            case Withheld(reason):
                expected.withheld[reason] += 1
            case Rejected(reason):
                rejected[reason] += 1


def replay_at_adobe(
    expected: Expectation,
    change: MembershipChange,
    render: Render,
    audience: Audience,
    rejected: Counter[RejectedReason],
) -> None:
    match render(change, None):
        case Rendered(_, value):
            said = orjson.loads(value) if value else None
            cells = [] if said is None else [cell.strip('"') for cell in said["c"]]
            state(expected, audience, change, None if said is None else [said["i"], *cells])
        case Withheld(reason):
            expected.withheld[reason] += 1
            if reason == "consent_denied":
                state(expected, audience, change, None)
        case Rejected(reason):
            rejected[reason] += 1


def state(
    expected: Expectation, audience: Audience, change: MembershipChange, row: Row | None
) -> None:
    statement = Statement(change.occurred_at_ms, row)
    expected.snapshots.state(audience.name, change.member_id, statement)


@pytest.mark.parametrize("seed", range(4))
def test_the_expectation_says_what_the_pipeline_makes_of_the_events(seed: int) -> None:
    """
    Two independent ways to the same numbers: if they part, one of the two is wrong.
    """
    upstream = traffic(seed)
    events = list(upstream.events(4_000))

    assert upstream.expected == replayed(events)


def test_the_statement_of_the_greatest_time_counts_and_of_two_the_later_one() -> None:
    """
    Whatever the order in which they are written; what they come to is counted along.
    """
    snapshots = Snapshots()
    for at_ms, row in ((5, ["ana"]), (7, None), (6, ["ana"]), (7, ["ana", "gold"])):
        snapshots.state("vip", "u-1", Statement(at_ms, row))
    snapshots.state("vip", "u-2", Statement(1, ["bob"]))
    snapshots.state("vip", "u-2", Statement(2, None))

    assert snapshots.files() == {"vip": {"ana": ["ana", "gold"]}}
    assert (snapshots.members, snapshots.prepared) == (1, 6)


def test_some_events_come_late_and_lose_against_what_was_said_of_a_later_time() -> None:
    """
    Only then does Adobe's membership differ from that of the last change written.
    """
    upstream = traffic(3)
    list(upstream.events(4_000))
    last = upstream.expected.membership
    ids = {audience.name: audience.targets[0].audience_id for audience in AUDIENCES}

    differing = sum(
        (statement.row is not None) != (last[ids[name]].get(member) == "add")
        for name, members in upstream.expected.snapshots.statements.items()
        for member, statement in members.items()
    )

    assert differing > 20


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
