from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.message import (
    BEGINNING_BYTES,
    FORMAT,
    LARGEST_LETTER_BYTES,
    Message,
    Origin,
    dead_letter,
)

ORIGIN = Origin("cdp.membership", 3, 41)


def letter(
    key: bytes | None = b"key",
    value: bytes | None = b"value",
    detail: str = "why",
    payload: Literal["original", "reference"] = "original",
) -> Message:
    return dead_letter(
        "audience.dead-letters",
        stage="ingest",
        reason="malformed",
        detail=detail,
        origin=ORIGIN,
        key=key,
        value=value,
        written_at_ms=1_790_000_000_000,
        payload=payload,
    )


def test_a_dead_letter_keeps_the_original_and_says_why_and_where_from() -> None:
    written = letter()

    assert written.topic == "audience.dead-letters"
    assert (written.key, written.value) == (b"key", b"value")
    assert dict(written.headers) == {
        "format": FORMAT,
        "stage": b"ingest",
        "reason": b"malformed",
        "detail": b"why",
        "topic": b"cdp.membership",
        "partition": b"3",
        "offset": b"41",
        "at": b"1790000000000",
        "payload": b"original",
    }


def test_a_reference_keeps_only_the_place() -> None:
    written = letter(payload="reference")

    assert written.key is None
    assert written.value == b"cdp.membership/3/41"
    assert dict(written.headers)["payload"] == b"reference"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (b"key", b"v" * LARGEST_LETTER_BYTES),
        (b"k" * (LARGEST_LETTER_BYTES + 1), b"v"),
        (b"k" * LARGEST_LETTER_BYTES, b"v" * LARGEST_LETTER_BYTES),
        (b"k" * (LARGEST_LETTER_BYTES + 1), None),
        (None, b"v" * (LARGEST_LETTER_BYTES + 1)),
    ],
    ids=["value", "key", "both", "key of a tombstone", "value without a key"],
)
def test_what_is_too_large_for_the_topic_is_cut_and_says_so(
    key: bytes | None, value: bytes | None
) -> None:
    written = letter(key=key, value=value)

    assert dict(written.headers)["payload"] == b"beginning"
    assert written.key == (None if key is None else key[:BEGINNING_BYTES])
    assert written.value == (None if value is None else value[:BEGINNING_BYTES])


def test_the_largest_that_fits_is_kept_whole() -> None:
    value = b"v" * (LARGEST_LETTER_BYTES - 3)

    written = letter(key=b"key", value=value)

    assert written.value == value
    assert dict(written.headers)["payload"] == b"original"


@given(detail=st.text(alphabet=st.characters(), max_size=20).map(lambda text: text * 150))
def test_no_detail_stops_a_dead_letter(detail: str) -> None:
    """
    A partner's words may be long, or no valid text.
    """
    written = dict(letter(detail=detail).headers)["detail"]

    assert len(written.decode()) <= 2000


@pytest.mark.parametrize(("key", "value"), [(None, b"v"), (b"k", None), (None, None)])
def test_a_missing_key_or_value_stays_missing(key: bytes | None, value: bytes | None) -> None:
    written = letter(key=key, value=value)

    assert (written.key, written.value) == (key, value)


def test_a_message_shows_nobody() -> None:
    shown = repr(letter(key=b"ana@example.com", value=b"ana@example.com"))

    assert shown == "<Message for audience.dead-letters>"
