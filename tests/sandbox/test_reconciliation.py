"""The comparison at the end of a run: silent when all is well, and about everything else not."""

from dataclasses import replace
from random import Random

import pytest

from pipeline.domain.change import Action
from pipeline.operations.ledger.statement import LetterKind
from pipeline.sandbox import reconciliation
from pipeline.sandbox.expectation import Audience, Expectation, Target
from pipeline.sandbox.reconciliation import Held, LaneCounts, Letters, Told
from pipeline.sandbox.traffic import Traffic

CAP = 1_000
SUPERSEDED = 7
AUDIENCES = (
    Audience("vip", (Target("first", 11), Target("second", 12))),
    Audience("lapsed", (Target("second", 13),)),
)


@pytest.fixture(scope="module")
def expected() -> Expectation:
    upstream = Traffic(AUDIENCES, 60, Random(1), 1_795_000_000_000)
    list(upstream.events(1_500))
    return upstream.expected


@pytest.fixture
def held(expected: Expectation) -> Held:
    return Held(
        membership={audience: dict(members) for audience, members in expected.membership.items()},
        last_invalid={},
        invalid=frozenset(),
        largest_windows={"first": CAP - 1, "second": CAP - 1},
        cap=CAP,
        overlapping_requests=0,
        repeated_in_request=0,
        unreadable_requests=0,
        polls_after_end=0,
    )


@pytest.fixture
def told(expected: Expectation) -> Told:
    return Told(
        consumed=expected.events,
        changes=dict(expected.changes.items()),
        ignored=dict(expected.ignored.items()),
        rejected=dict(expected.rejected.items()),
        withheld=dict(expected.withheld.items()),
        lanes={
            connection: LaneCounts(
                prepared=count,
                superseded=SUPERSEDED,
                accepted=count - SUPERSEDED,
                applied=count - SUPERSEDED,
            )
            for connection, count in expected.prepared.items()
        },
        letters=ingest_letters(expected),
        pending_jobs=0,
    )


@pytest.fixture
def letters(expected: Expectation) -> Letters:
    return Letters(counts=ingest_letters(expected), invalid=frozenset())


def differences(
    expected: Expectation, held: Held, told: Told, letters: Letters, *, exactly_once: bool = True
) -> list[str]:
    return reconciliation.differences(expected, held, told, letters, exactly_once=exactly_once)


def ingest_letters(expected: Expectation) -> dict[LetterKind, int]:
    return {LetterKind("ingest", reason): count for reason, count in expected.letters.items()}


def lane(told: Told, connection: str, changed: LaneCounts) -> Told:
    return replace(told, lanes={**told.lanes, connection: changed})


def opposite(action: Action) -> Action:
    return "remove" if action == "add" else "add"


def first_member(expected: Expectation, audience: int) -> tuple[str, Action]:
    return next(iter(expected.membership[audience].items()))


def with_member(held: Held, audience: int, member: str, action: Action | None) -> Held:
    members = {name: each for name, each in held.membership[audience].items() if name != member}
    if action is not None:
        members[member] = action
    return replace(held, membership={**held.membership, audience: members})


def only(found: list[str]) -> str:
    assert len(found) == 1, found
    return found[0]


def test_a_run_in_which_all_is_well_is_not_talked_about(
    expected: Expectation, held: Held, told: Told, letters: Letters
) -> None:
    assert differences(expected, held, told, letters) == []


# Membership


def test_a_lost_member_is_named(
    expected: Expectation, held: Held, told: Told, letters: Letters
) -> None:
    member, _ = first_member(expected, 13)
    held = with_member(held, 13, member, None)

    said = only(differences(expected, held, told, letters))

    assert f"1 members did not reach the partner: {member} of 13" == said


def test_a_member_whose_changes_were_swapped_is_named(
    expected: Expectation, held: Held, told: Told, letters: Letters
) -> None:
    """
    The counters of such a run are spotless.
    """
    member, action = first_member(expected, 12)
    held = with_member(held, 12, member, opposite(action))

    assert f": {member} of 12" in only(differences(expected, held, told, letters))


def test_a_member_of_no_event_is_named(
    expected: Expectation, held: Held, told: Told, letters: Letters
) -> None:
    held = with_member(held, 11, "u-stranger", "add")

    said = only(differences(expected, held, told, letters))

    assert "are at the partner and in no event: u-stranger of 11" in said


def test_an_audience_that_is_missing_as_a_whole_is_told_in_one_line(
    expected: Expectation, held: Held, told: Told, letters: Letters
) -> None:
    held = replace(held, membership={11: held.membership[11], 12: held.membership[12]})

    said = only(differences(expected, held, told, letters))

    assert said.startswith(f"{len(expected.membership[13]):,} members did not reach the partner")
    assert said.endswith("…")


# Records that a job named invalid


def invalid_world(held: Held, told: Told, member: str, action: Action) -> tuple[Held, Told]:
    named = (13, member)
    held = replace(
        with_member(held, 13, member, opposite(action)),
        last_invalid={named: action},
        invalid=frozenset({named}),
    )
    second = told.lanes["second"]
    told = lane(told, "second", replace(second, applied=second.applied - 1, invalid=1))
    kind = LetterKind("poll", "invalid")
    return held, replace(told, letters={**told.letters, kind: 1})


def test_a_member_that_a_job_named_invalid_is_accounted_for_by_its_dead_letter(
    expected: Expectation, held: Held, told: Told, letters: Letters
) -> None:
    member, action = first_member(expected, 13)
    held, told = invalid_world(held, told, member, action)
    letters = Letters(counts=told.letters, invalid=frozenset({(13, member)}))

    assert differences(expected, held, told, letters) == []


def test_a_member_that_a_job_named_invalid_and_nobody_wrote_down_is_a_difference(
    expected: Expectation, held: Held, told: Told, letters: Letters
) -> None:
    member, action = first_member(expected, 13)
    held, told = invalid_world(held, told, member, action)
    letters = Letters(counts=told.letters, invalid=frozenset())

    said = only(differences(expected, held, told, letters))

    assert said.endswith(f"have no dead letter: {member} of 13")


def test_a_letter_about_a_record_that_no_job_named_is_a_difference(
    expected: Expectation, held: Held, told: Told, letters: Letters
) -> None:
    letters = replace(letters, invalid=frozenset({(13, "u-1")}))

    said = only(differences(expected, held, told, letters))

    assert said.endswith("were named by no job: u-1 of 13")


def test_only_the_change_that_was_named_invalid_is_excused(
    expected: Expectation, held: Held, told: Told, letters: Letters
) -> None:
    """
    An invalid add does not explain why a remove that came after it does not stand.
    """
    member, action = first_member(expected, 13)
    held, told = invalid_world(held, told, member, action)
    held = replace(held, last_invalid={(13, member): opposite(action)})
    letters = Letters(counts=told.letters, invalid=frozenset({(13, member)}))

    said = only(differences(expected, held, told, letters))

    assert "stand otherwise" in said


# Counters


def test_an_event_that_was_not_consumed_is_a_difference(
    expected: Expectation, held: Held, told: Told, letters: Letters
) -> None:
    told = replace(told, consumed=told.consumed - 1)

    assert (
        only(differences(expected, held, told, letters))
        == "events consumed: 1,499 instead of 1,500"
    )


def test_more_than_was_implied_is_a_difference(
    expected: Expectation, held: Held, told: Told, letters: Letters
) -> None:
    more = {**told.withheld, "consent_denied": told.withheld["consent_denied"] + 1}
    told = replace(told, withheld=more)

    said = only(differences(expected, held, told, letters, exactly_once=False))

    assert said.startswith("changes withheld: consent_denied")


def test_events_may_be_read_twice_only_where_that_is_the_promise(
    expected: Expectation, held: Held, told: Told, letters: Letters
) -> None:
    """
    At least once, the counts are at least what was implied; exactly once they are exact.
    """
    more = {**told.withheld, "consent_denied": told.withheld["consent_denied"] + 1}
    told = replace(told, consumed=told.consumed + 1, withheld=more)

    assert not differences(expected, held, told, letters, exactly_once=False)
    assert len(differences(expected, held, told, letters, exactly_once=True)) == 2


def test_a_record_without_an_end_is_a_difference(
    expected: Expectation, held: Held, told: Told, letters: Letters
) -> None:
    second = told.lanes["second"]
    lost = lane(told, "second", replace(second, superseded=second.superseded - 3))
    unended = lane(told, "second", replace(second, applied=second.applied - 3))

    assert "3 are unaccounted for" in only(differences(expected, held, lost, letters))
    assert "records were accepted" in only(differences(expected, held, unended, letters))


def test_a_dead_letter_that_is_counted_and_not_in_its_topic_is_a_difference(
    expected: Expectation, held: Held, told: Told, letters: Letters
) -> None:
    kind = LetterKind("ingest", "malformed")
    letters = replace(letters, counts={**letters.counts, kind: letters.counts[kind] - 1})

    said = only(differences(expected, held, told, letters))

    assert said.startswith("dead letters in their topic: ingest, malformed")


def test_what_went_to_another_connection_is_a_difference_for_both(
    expected: Expectation, held: Held, told: Told, letters: Letters
) -> None:
    lanes = {"first": told.lanes["second"], "second": told.lanes["first"]}

    found = differences(expected, held, replace(told, lanes=lanes), letters)

    assert len(found) == 2
    assert all("records prepared for" in said for said in found)


# The partner's side


def test_a_window_that_reaches_the_cap_is_over_it(
    expected: Expectation, held: Held, told: Told, letters: Letters
) -> None:
    """
    Fewer than the cap are allowed, and not as many.
    """
    held = replace(held, largest_windows={"first": CAP - 1, "second": CAP})

    said = only(differences(expected, held, told, letters))

    assert said.startswith("connection second: a window held 1,000 records")


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("overlapping_requests", "still in flight"),
        ("repeated_in_request", "within their request"),
        ("unreadable_requests", "broke a rule"),
        ("polls_after_end", "after their end"),
    ],
)
def test_bad_manners_at_the_partner_are_differences(
    expected: Expectation, held: Held, told: Told, letters: Letters, name: str, word: str
) -> None:
    counts = {name: 2}
    held = replace(held, **counts)  # type: ignore[arg-type]

    assert word in only(differences(expected, held, told, letters))
