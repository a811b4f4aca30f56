"""Connections: what is asked, what is understood, and the guard before all of them are removed."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.destinations.amazon_ads.connections import (
    NewConnection,
    compose_create,
    compose_delete,
    compose_delete_all,
    interpret_create,
    interpret_delete,
    interpret_list,
)
from pipeline.destinations.amazon_ads.terms import (
    Terms,
    compose_acceptance,
    interpret_acceptance,
    interpret_terms,
)
from pipeline.destinations.control import Declined, InvalidRequest
from pipeline.destinations.exchange import Response

CONNECTIONS_TYPE = "application/vnd.amcaudiencesconnections.v1+json"


def answer(status: int, body: object = None, **headers: str) -> Response:
    return Response(
        status=status, headers=headers, body=b"" if body is None else orjson.dumps(body)
    )


def test_a_connection_is_made_of_the_ends_that_are_given_and_of_no_others() -> None:
    request = compose_create(NewConnection(dsp_advertiser_id="585806696618602999"))

    assert (request.method, request.path) == ("POST", "/amc/audiences/connections")
    assert CONNECTIONS_TYPE == request.headers["Content-Type"] == request.headers["Accept"]
    # A number in metadata, and yet a string here.
    assert b"".join(request.body) == b'{"dspAdvertiserId":"585806696618602999"}'


@pytest.mark.parametrize(
    "ends",
    [{}, {"amc_instance_id": "amc1"}, {"amc_account_id": "ENTITY1"}, {"dsp_advertiser_id": ""}],
)
def test_a_connection_of_nothing_is_not_sent(ends: dict[str, str]) -> None:
    with pytest.raises(InvalidRequest):
        NewConnection(**ends)  # type: ignore[arg-type]


@given(st.text(alphabet=" \t\r\n\u00a0\u2003", max_size=5))
def test_a_deletion_without_an_id_is_never_composed(blank: str) -> None:
    """
    The partner takes a blank id for none, and then removes every connection of the login.
    """
    with pytest.raises(InvalidRequest):
        compose_delete(blank)


@given(st.text(min_size=1).filter(str.strip))
def test_a_deletion_names_its_connection(connection: str) -> None:
    request = compose_delete(connection)

    assert request.query["connectionId"] == connection.strip()


def test_only_the_deletion_of_all_names_none() -> None:
    request = compose_delete_all()

    assert (request.method, dict(request.query)) == ("DELETE", {})


def test_a_connection_may_lack_any_field() -> None:
    listed = interpret_list(
        answer(200, {"connections": [{}, {"connectionId": None, "isDefault": "yes"}, 7]})
    )

    assert not isinstance(listed, Declined)
    assert len(listed) == 3
    assert {(one.connection_id, one.is_default) for one in listed} == {(None, None)}


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"7", b"{", b"[" * 100_000])
def test_what_is_no_list_of_connections_is_not_taken_for_an_empty_one(body: bytes) -> None:
    listed = interpret_list(Response(status=200, headers={}, body=body))

    assert isinstance(listed, Declined)
    assert "check api_url" in listed.remedy


def test_a_success_is_one_by_its_hundred() -> None:
    assert interpret_create(answer(200, {"connectionId": "c"})) == "c"
    assert interpret_create(answer(201, {"connectionId": "c"})) == "c"
    assert interpret_delete(answer(204)) is None
    assert interpret_acceptance(answer(204)) is None
    assert isinstance(interpret_create(answer(201, {})), Declined)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (401, "client_id"),
        (403, "Data Provider"),
        (403, "terms show"),
        (404, "connections list"),
        (406, "newer release"),
        (415, "newer release"),
        (500, "try again in a minute"),
        (501, "region"),
        (503, "try again in a minute"),
        (302, "api_url"),
    ],
)
def test_every_refusal_says_what_to_do(status: int, words: str) -> None:
    refused = interpret_list(answer(status, {"message": "no", "requestId": "r-1"}))

    assert isinstance(refused, Declined)
    assert refused.said == f"{status} no (request r-1)"
    assert words in refused.remedy
    assert "\n" not in refused.said + refused.remedy


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("7", "in 7 seconds"),
        ("Wed, 21 Oct 2026 07:28:00 GMT", "after Wed, 21 Oct 2026 07:28:00 GMT"),
    ],
)
def test_a_refusal_for_now_says_until_when(asked: str, told: str) -> None:
    refused = interpret_list(answer(429, {"message": "slow"}, **{"retry-after": asked}))

    assert isinstance(refused, Declined)
    assert told in refused.remedy


def test_terms_are_read_with_the_token_that_accepts_them() -> None:
    said = {"hasAccepted": False, "agreementToken": "t", "agreementContent": "<p>x</p>"}

    terms = interpret_terms(answer(200, said))

    assert terms == Terms(has_accepted=False, agreement_token="t", agreement_content="<p>x</p>")
    assert b"".join(compose_acceptance(" t\n").body) == b'{"agreementToken":"t","hasAccepted":true}'


def test_terms_are_not_accepted_without_a_token() -> None:
    with pytest.raises(InvalidRequest):
        compose_acceptance(" ")
