"""The messages with which operators pause and resume audiences."""

import pytest

from pipeline.domain.pause_request import (
    PauseRequest,
    Unreadable,
    decode_pause_request,
    encode_pause_request,
    pause_request_key,
)


@pytest.mark.parametrize("is_paused", [True, False])
def test_what_is_written_is_read_as_it_was(is_paused: bool) -> None:
    key = pause_request_key("amazon-na.a|b", "413642381039213537")

    read = decode_pause_request(key, encode_pause_request(is_paused=is_paused, at_ms=1))

    assert read == PauseRequest("amazon-na.a|b", "413642381039213537", is_paused)


def test_a_message_without_a_value_withdraws_the_request() -> None:
    assert decode_pause_request(b"lane|7", None) == PauseRequest("lane", "7", None)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (None, b'{"format": 2, "state": "paused"}'),
        (b"7", b'{"format": 2, "state": "paused"}'),
        (b"lane|", b'{"format": 2, "state": "paused"}'),
        (b"lane|7", b"paused"),
        (b"lane|7", b"[]"),
        (b"lane|7", b'{"format": 3, "state": "paused"}'),
        (b"lane|7", b'{"format": 2, "state": "PAUSED"}'),
        (b"lane|7", b'{"format": 2, "state": ["paused"]}'),
    ],
)
def test_what_is_not_understood_is_never_guessed_at(key: bytes | None, value: bytes) -> None:
    assert isinstance(decode_pause_request(key, value), Unreadable)
