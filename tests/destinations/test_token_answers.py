"""Login with Amazon: what is asked, and what its answers mean."""

from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.destinations.amazon_ads.tokens import (
    Token,
    TokenRefused,
    TokenUnavailable,
    compose_refresh,
    interpret_refresh,
)
from pipeline.destinations.exchange import Response

GRANT = b'{"access_token":"Atza|a","expires_in":%s,"token_type":"bearer"}'


def answered(status: int, body: bytes) -> Token | TokenRefused | TokenUnavailable:
    return interpret_refresh(Response(status=status, headers={}, body=body))


@given(secret=st.text(min_size=1), token=st.text(min_size=1))
def test_a_form_holds_any_secret_unchanged(secret: str, token: str) -> None:
    form = parse_qs(compose_refresh("c", secret, token).decode(), keep_blank_values=True)

    assert [secret] == form["client_secret"]
    assert [token] == form["refresh_token"]


def test_a_form_is_exact() -> None:
    assert compose_refresh("c", "s&", "Atzr|r 1") == (
        b"grant_type=refresh_token&refresh_token=Atzr%7Cr+1&client_id=c&client_secret=s%26"
    )


@pytest.mark.parametrize(
    ("life", "usable"), [("3600", 3300.0), ("1500", 1200.0), ("100", 80.0), ('"3600"', 3300.0)]
)
def test_a_token_knows_for_how_long_it_is_good(life: str, usable: float) -> None:
    token = answered(200, GRANT % life.encode())

    assert isinstance(token, Token)
    assert ("Atza|a", usable) == (token.value, token.usable_for)
    assert token.usable_for < token.valid_for == float(life.strip('"'))


def test_a_token_without_a_life_has_the_usual_one() -> None:
    token = answered(200, b'{"access_token":"a"}')

    assert isinstance(token, Token)
    assert token.valid_for == 3600


@pytest.mark.parametrize("life", ["0", "-1", '"inf"', '"nan"', "null", "[]"])
def test_a_life_that_makes_no_sense_is_no_token(life: str) -> None:
    assert isinstance(answered(200, GRANT % life.encode()), TokenRefused)


@pytest.mark.parametrize("value", ['""', "null", "7", '"a b"', '"a\\nb"', '"a\\u00e9"'])
def test_what_does_not_fit_a_header_is_no_token(value: str) -> None:
    assert isinstance(answered(200, f'{{"access_token":{value}}}'.encode()), TokenRefused)


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_trouble_of_the_server_is_worth_another_try(status: int) -> None:
    assert TokenUnavailable(f"{status}") == answered(status, b"<html>")


@pytest.mark.parametrize("status", [301, 307, 400, 401, 403, 404])
def test_a_refusal_says_what_to_check(status: int) -> None:
    said = answered(status, b'{"error":"invalid_client","error_description":"unknown"}')

    assert (
        TokenRefused(
            f"{status} unknown invalid_client: check client_id, client_secret and refresh_token"
        )
        == said
    )


def test_a_dead_refresh_token_asks_for_a_new_authorisation() -> None:
    said = answered(400, b'{"error":"invalid_grant","error_description":"gone"}')

    assert isinstance(said, TokenRefused)
    assert said.detail.endswith("the refresh token is dead; authorise the application again")


def test_a_page_instead_of_a_token_points_at_the_address() -> None:
    assert TokenRefused("200: not a token; check token_url") == answered(200, b"<html>hello")


def test_a_token_does_not_show_itself() -> None:
    assert "Atza" not in repr(answered(200, GRANT % b"3600"))


@given(st.integers(200, 599), st.binary(max_size=100))
def test_nothing_that_the_server_says_is_too_much(status: int, body: bytes) -> None:
    answered(status, body)
