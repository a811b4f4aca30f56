"""One word a thing: no word that was given up stands anywhere, in code, messages or documents."""

import pytest

from tests.words.__main__ import all_findings
from tests.words.search import findings, is_allowed, pattern
from tests.words.table import ALLOWED, GIVEN_UP, Allowed, GivenUp

TILL = GivenUp("till", "cap limiter")
UNDER_WAY = GivenUp("under way", "in flight")
HOLDS = GivenUp("holds", "paused audiences", as_name_only=True)


def test_no_word_that_was_given_up_is_in_use() -> None:
    assert [str(one) for one in all_findings() if not is_allowed(one, ALLOWED)] == []


@pytest.mark.parametrize(
    ("word", "text"),
    [
        (TILL, "a till and a bucket"),
        (TILL, "two tills"),
        (TILL, "Till: pays for a batch"),
        (TILL, "class CapTill:"),
        (TILL, "class TillRoom:"),
        (TILL, "self._till.run()"),
        (TILL, "new_till_of(lane)"),
        (TILL, "TILL = 3"),
        (UNDER_WAY, "a request is under way"),
        (UNDER_WAY, "a request is under\nway"),
        (UNDER_WAY, "    # a request is under\n    # way"),
        (UNDER_WAY, "test_a_request_that_is_under_way"),
        (UNDER_WAY, "class UnderWay:"),
        (HOLDS, "class LaneHolds:"),
        (HOLDS, "class HoldsOfLane:"),
    ],
)
def test_a_word_is_found_wherever_it_hides(word: GivenUp, text: str) -> None:
    assert pattern(word).search(text)


@pytest.mark.parametrize(
    ("word", "text"),
    [
        (TILL, "still there"),
        (TILL, "until it ends"),
        (TILL, "Tilly"),
        (TILL, "distillation"),
        (UNDER_WAY, "under the way"),
        (HOLDS, "Holds back the last byte"),
        (HOLDS, "a topic holds records"),
    ],
)
def test_plain_english_is_left_alone(word: GivenUp, text: str) -> None:
    assert not pattern(word).search(text)


def test_a_finding_says_where_it_is_and_what_to_write_instead() -> None:
    [finding] = findings("pipeline/a.py", "one\ntwo till\n", [TILL])

    assert str(finding) == 'pipeline/a.py:2: "till" is given up: cap limiter'


def test_the_name_of_a_module_is_looked_at_too() -> None:
    [finding] = findings("pipeline/stages/upload/till.py", "", [TILL])

    assert finding.line == 0


def test_what_is_allowed_is_allowed_for_one_word_below_one_path() -> None:
    [finding] = findings("pipeline/sources/a.py", "till", [TILL])

    assert is_allowed(finding, [Allowed("till", "pipeline/sources/", "why")])
    assert not is_allowed(finding, [Allowed("till", "pipeline/stages/", "why")])
    assert not is_allowed(finding, [Allowed("desk", "pipeline/sources/", "why")])


def test_every_allowance_names_a_word_of_the_table_and_gives_a_reason() -> None:
    words = {one.word for one in GIVEN_UP}

    assert [one for one in ALLOWED if one.word not in words or not one.reason] == []
