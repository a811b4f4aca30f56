"""Adobe's login: what asks for a token, what an answer means, and when a new one helps."""

import json
from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.destinations.adobe_audiences.login import interpret
from pipeline.destinations.adobe_audiences.partner import ADOBE_AUDIENCES
from pipeline.destinations.exchange import Request, Response
from pipeline.destinations.login import Token, TokenRefused, TokenUnavailable
from tests.destinations.adobe import answer, settings

LOGIN = ADOBE_AUDIENCES.login(settings(sandbox="stage", scopes=["openid", "AdobeID"]))


def token(**keys: object) -> Response:
    return answer(200, json.dumps({"access_token": "eyJa", "expires_in": 86_399, **keys}))


def said(status: int, code: str = "", message: str = "") -> Response:
    return answer(status, json.dumps({"error_code": code, "message": message}))


def test_a_token_is_asked_for_with_the_clients_own_credentials() -> None:
    request = LOGIN.compose()

    assert isinstance(request, Request)
    assert parse_qs(b"".join(request.body).decode()) == {
        "grant_type": ["client_credentials"],
        "client_id": ["client"],
        "client_secret": ["hush"],
        "scope": ["openid,AdobeID"],
    }
    assert "hush" not in repr(request)
    assert LOGIN.url == "https://ims-na1.adobelogin.com/ims/token/v3"


def test_every_request_names_client_organisation_and_sandbox() -> None:
    assert LOGIN.headers(Token("t", 1, 1)) == {
        "Authorization": "Bearer t",
        "x-api-key": "client",
        "x-gw-ims-org-id": "org@AdobeOrg",
        "x-sandbox-name": "stage",
    }


@pytest.mark.parametrize(
    ("response", "is_needed"),
    [
        (said(400, "100911-400", "BAD_REQUEST"), True),
        (said(400, "", "invalid token"), True),
        (answer(400, '{"type":"https://ns.adobe.com/aep/errors/100911-400","title":"x"}'), True),
        (answer(400, "100911-400: something"), True),
        (said(400, "100910-400", "BAD_REQUEST"), False),
        (said(400, "100910-400", "an invalid token of another kind"), False),
        (said(401, "401013", "Oauth token is not valid"), True),
        (answer(401), True),
        (said(401, "100920-401", "UNAUTHORIZED"), False),
        (said(401, "100921-401", "UNAUTHORIZED"), False),
        (said(401, "100922-401", "UNAUTHORIZED"), False),
        (said(403, "403000", "forbidden"), False),
        (said(422, "100911-400", ""), False),
        (answer(200), False),
    ],
)
def test_a_new_token_is_asked_for_where_it_helps_and_nowhere_else(
    response: Response, is_needed: bool
) -> None:
    """
    Adobe says an invalid token with a 400, and with 401 much that no token mends.
    """
    assert LOGIN.needs_new_token(response) is is_needed


def test_a_token_is_used_until_ten_minutes_before_its_end() -> None:
    assert interpret(token()) == Token("eyJa", 86_399 - 600, 86_399)
    assert interpret(token(expires_in="100")) == Token("eyJa", 80, 100)


@pytest.mark.parametrize(
    ("response", "meant"),
    [
        (answer(400, '{"error":"invalid_client"}'), TokenRefused),
        (answer(400, '{"error":"invalid_scope"}'), TokenRefused),
        (answer(401), TokenRefused),
        (answer(302), TokenRefused),
        (answer(200, "<html></html>"), TokenRefused),
        (token(access_token="a b"), TokenRefused),
        (token(expires_in=0), TokenRefused),
        (token(expires_in=None), TokenRefused),
        (token(expires_in="nan"), TokenRefused),
        (answer(429), TokenUnavailable),
        (answer(503), TokenUnavailable),
        (answer(200, "{}", body_trouble="cut short"), TokenUnavailable),
    ],
)
def test_what_is_no_token_is_refused_or_asked_for_again(response: Response, meant: type) -> None:
    assert isinstance(interpret(response), meant)


def test_a_wrong_scope_says_where_the_right_one_is() -> None:
    found = interpret(answer(400, '{"error":"invalid_scope"}'))

    assert isinstance(found, TokenRefused)
    assert "copy them from the credential" in found.detail


@given(st.text("hush", min_size=4, max_size=4))
def test_a_secret_that_is_repeated_is_not_shown(text: str) -> None:
    secret = f"p8e-{text}XYZ_-0"

    found = interpret(answer(400, json.dumps({"error": f"bad secret {secret}"})))
    page = interpret(answer(400, f"<html>client_secret={secret}</html>"))

    assert secret not in repr(found)
    assert secret not in repr(page)


def test_a_token_in_the_partners_words_is_not_shown() -> None:
    from pipeline.destinations.adobe_audiences.errors import detail

    words = detail(said(403, "403000", "the token eyJhbGciOi.J9.x_y-z is not yours"))

    assert "eyJ" not in words
    assert "is not yours" in words
