"""Whether the terms are accepted: yes, no, or the partner did not say."""

import pytest

from pipeline.destinations.amazon_ads.terms import compose_terms, has_accepted
from pipeline.destinations.exchange import Response


def test_terms_are_asked_for_at_the_longer_path_with_their_own_media_type() -> None:
    request = compose_terms()

    assert (request.method, request.path) == ("GET", "/amc/audiences/connections/terms")
    assert request.headers == {
        "Content-Type": "application/vnd.amcaudiencesconnections.v1+json",
        "Accept": "application/vnd.amcaudiencesconnections.v1+json",
    }


@pytest.mark.parametrize(
    ("status", "body", "accepted"),
    [
        (200, b'{"hasAccepted":true,"agreementToken":"t"}', True),
        (200, b'{"hasAccepted":false}', False),
        (200, b'{"hasAccepted":"true"}', None),
        (200, b"{}", None),
        (200, b"[]", None),
        (200, b"<html>", None),
        (403, b'{"hasAccepted":true}', None),
    ],
)
def test_only_a_clear_word_counts(status: int, body: bytes, accepted: bool | None) -> None:
    assert accepted is has_accepted(Response(status=status, headers={}, body=body))
