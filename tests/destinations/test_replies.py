"""Replies of the control plane are read whatever is before them and however deep they are."""

import pytest

from pipeline.destinations.amazon_ads.replies import Fields, interpreted
from pipeline.destinations.control import Declined
from pipeline.destinations.exchange import Response

DEEP = [b"[" * depth + b"]" * depth for depth in (100, 900, 990, 1_015, 1_025, 100_000)]


def read(body: bytes) -> Fields | Declined:
    return interpreted("list", Response(status=200, headers={}, body=body), Fields)


def test_a_byte_order_mark_before_a_reply_is_no_obstacle() -> None:
    found = read(b'\xef\xbb\xbf{"connectionId":"c-1"}')

    assert isinstance(found, Fields)
    assert found.text("connectionId") == "c-1"


@pytest.mark.parametrize("deep", DEEP)
def test_nothing_in_a_reply_is_nested_too_deep(deep: bytes) -> None:
    found = read(b'{"one":' + deep + b',"many":["a",' + deep + b"]}")

    if isinstance(found, Fields):
        assert found.text("one") is None
        assert found.texts("many") in {("a", ""), ()}
