"""What is forgotten of old removes, as it stands in the topic."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.member_floor import (
    NO_FLOOR,
    Floor,
    Forgotten,
    decode_floor,
    decode_tombstone,
    encode_floor,
    floor_key,
    tombstone_headers,
)
from pipeline.domain.member_record import (
    LAYOUT_KEY,
    OtherVersion,
    Place,
    Unreadable,
    audience_part,
)

FLOORS = st.builds(Floor, st.integers(0, 10**14), st.integers(0, 2**62))
PLACES = st.builds(
    Place, st.from_regex(r"[a-zA-Z0-9._-]{1,9}", fullmatch=True), *[st.integers(0, 10**18)] * 3
)


@given(FLOORS)
def test_a_floor_is_read_as_it_was_written(floor: Floor) -> None:
    """
    Nothing of it is lost on the way.
    """
    assert decode_floor(encode_floor(floor)) == floor


@given(FLOORS, FLOORS, FLOORS)
def test_floors_are_joined_in_any_order_and_any_number_of_times(
    one: Floor, two: Floor, three: Floor
) -> None:
    """
    So two passes may raise a floor at once, and a late one lowers none.
    """
    assert one.joined(two) == two.joined(one)
    assert one.joined(two).joined(three) == one.joined(two.joined(three))
    assert one.joined(one) == one == one.joined(NO_FLOOR)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (b'{"v":2}', OtherVersion("2")),
        (b'{"v":1}', Unreadable("it is not a floor")),
        (b"[]", Unreadable("it is not a floor")),
        (b"nothing", Unreadable("its value is not JSON")),
        (None, Unreadable("its value is not JSON")),
    ],
)
def test_what_is_no_floor_is_not_guessed(value: bytes | None, said: object) -> None:
    """
    Another version is told apart from what nobody can read.
    """
    assert decode_floor(value) == said


@given(st.integers(0, 10**14), PLACES)
def test_a_tombstone_says_what_it_forgets(changed_at_ms: int, place: Place) -> None:
    """
    The time and place of the remove that it stands for.
    """
    forgotten = Forgotten(changed_at_ms, place)

    assert decode_tombstone(tombstone_headers(forgotten)) == forgotten


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("t", b"5")],
        [("p", b"cdp/0/9/0")],
        [("t", b"-5"), ("p", b"cdp/0/9/0")],
        [("t", b"1" * 16), ("p", b"cdp/0/9/0")],
        [("t", b"5"), ("p", b"\xff/0/9/0/")],
        [("t", None), ("p", b"cdp/0/9/0")],
        [("t", b"5"), ("p", None)],
    ],
)
def test_a_tombstone_of_somebody_else_says_nothing(
    headers: list[tuple[str, bytes | None]],
) -> None:
    """
    It is not guessed which statements it forgets.
    """
    assert decode_tombstone(headers) is None


def test_the_key_of_a_floor_is_the_key_of_nothing_else() -> None:
    """
    Neither of a member nor of the layout.
    """
    key = floor_key("a-1")

    assert audience_part(key) == b""
    assert key != LAYOUT_KEY
