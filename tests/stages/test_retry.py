from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.destinations.exchange import LONGEST_WAIT_SECONDS, header, retry_after
from pipeline.stages.retry import TOGETHER_SECONDS, Backoff, Throttle

NOW = datetime(2026, 11, 22, 10, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        ("7", 7.0),
        (" 120 ", 120.0),
        ("86400", LONGEST_WAIT_SECONDS),
        ("9" * 400, LONGEST_WAIT_SECONDS),
        ("Sun, 22 Nov 2026 10:15:30 GMT", 30.0),
        ("Sun, 22 Nov 2026 10:15:30 -0000", 30.0),
        ("Sun, 22 Nov 2026 12:15:30 +0200", 30.0),
        ("Sunday, 22-Nov-26 10:15:30 GMT", 30.0),
        ("Sun, 22 Nov 2026 09:00:00 GMT", 0.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", LONGEST_WAIT_SECONDS),
    ],
)
def test_a_partner_may_ask_for_seconds_or_for_a_date(value: str, seconds: float) -> None:
    assert retry_after(value, NOW) == seconds


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        "  ",
        "soon",
        "-5",
        "1.5",
        "٣",
        "Sun, 22 Nov",
        "Sun, 31 Feb 2026 10:15:30 GMT",
        "Sun, 22 Nov 2026 10:15:30 +9999",
        "Sun, 22 Nov 99999999999999999999 10:15:30 GMT",
        "Sun, 22 Nov 2026 10:15:30 +99999999999999999999",
    ],
)
def test_what_cannot_be_read_asks_for_nothing(value: str | None) -> None:
    assert retry_after(value, NOW) is None


@given(
    value=st.text()
    | st.text(alphabet="0123456789 :,+-SunNovGMT").map(lambda tail: f"Sun, 22 Nov {tail}")
)
@example("Sun, 22 Nov 99999999999999999999 10:15:30 GMT")
def test_no_header_raises_or_stops_a_lane_for_more_than_an_hour(value: str) -> None:
    seconds = retry_after(value, NOW)

    assert seconds is None or 0.0 <= seconds <= LONGEST_WAIT_SECONDS


@given(seconds=st.integers(-100_000, 100_000))
def test_a_date_says_the_same_as_its_seconds(seconds: int) -> None:
    date = format_datetime(NOW + timedelta(seconds=seconds), usegmt=True)

    assert retry_after(date, NOW) == min(max(0, seconds), LONGEST_WAIT_SECONDS)


def test_a_header_is_found_whatever_its_case() -> None:
    assert header({"Date": "x", "RETRY-after": "3"}, "Retry-After") == "3"
    assert header({"Date": "x"}, "Retry-After") is None


@given(
    attempt=st.integers(1, 10_000),
    chance=st.floats(0.0, 1.0),
    initial=st.floats(0.01, 10.0),
    maximum=st.floats(10.0, 1000.0),
)
def test_a_delay_is_never_longer_than_its_ceiling(
    attempt: int, chance: float, initial: float, maximum: float
) -> None:
    backoff = Backoff(initial=initial, maximum=maximum)

    assert 0.0 <= backoff.delay(attempt, chance) <= min(maximum, initial * 2.0 ** min(attempt, 99))


def test_the_ceiling_doubles_until_it_is_reached() -> None:
    backoff = Backoff(initial=1.0, maximum=10.0)

    assert [backoff.delay(attempt, 1.0) for attempt in range(1, 7)] == [1, 2, 4, 8, 10, 10]


def test_every_delay_under_the_ceiling_is_possible() -> None:
    backoff = Backoff(initial=1.0, maximum=10.0)

    assert [backoff.delay(3, chance) for chance in (0.0, 0.25, 0.5)] == [0.0, 1.0, 2.0]


def test_a_lane_that_is_told_to_wait_waits_alone() -> None:
    throttle = Throttle()

    throttle.told("a", 30.0, 100.0)

    assert throttle.wait("a", 110.0) == 20.0
    assert throttle.wait("b", 110.0) == 0.0
    assert throttle.wait("a", 131.0) == 0.0


def test_two_lanes_told_within_a_minute_silence_the_client() -> None:
    throttle = Throttle()

    throttle.told("a", 5.0, 100.0)
    throttle.told("b", 30.0, 100.0 + TOGETHER_SECONDS - 1)

    assert throttle.wait("c", 160.0) == 29.0
    assert throttle.wait("a", 160.0) == 29.0
    assert throttle.wait("c", 190.0) == 0.0


def test_two_lanes_told_a_minute_apart_wait_each_alone() -> None:
    throttle = Throttle()

    throttle.told("a", 5.0, 100.0)
    throttle.told("b", 30.0, 100.0 + TOGETHER_SECONDS)

    assert throttle.wait("c", 161.0) == 0.0


def test_one_lane_told_again_and_again_does_not_silence_the_others() -> None:
    throttle = Throttle()

    for second in range(10):
        throttle.told("a", 5.0, float(second))

    assert throttle.wait("b", 9.0) == 0.0


def test_a_shorter_wait_does_not_cut_a_longer_one_short() -> None:
    """
    Several requests are in flight; the last answer need not be the strictest.
    """
    throttle = Throttle()

    throttle.told("a", 60.0, 0.0)
    throttle.told("a", 1.0, 10.0)

    assert throttle.wait("a", 10.0) == 50.0
