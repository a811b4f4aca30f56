"""Login with Amazon: what is asked, and what its answers mean."""

from pathlib import Path
from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from pipeline.destinations.amazon_ads.login import AmazonLogin, interpret_refresh
from pipeline.destinations.amazon_ads.settings import Credentials
from pipeline.destinations.exchange import Request, Response
from pipeline.destinations.login import Token, TokenAnswer, TokenRefused, TokenUnavailable
from pipeline.settings.secrets import FileSecret, InlineSecret

GRANT = b'{"access_token":"Atza|a","expires_in":%s,"token_type":"bearer"}'


DEEP = [b"[" * depth + b"]" * depth for depth in (990, 1_015, 1_024, 1_025, 100_000)]


def answered(status: int, body: bytes) -> TokenAnswer:
    return interpret_refresh(Response(status=status, headers={}, body=body))


def composed(secret: str, token: str) -> Request | TokenRefused:
    secrets = InlineSecret(SecretStr(secret)), InlineSecret(SecretStr(token))
    return AmazonLogin("http://login", Credentials("c", *secrets)).compose()


def form_of(secret: str, token: str) -> bytes:
    request = composed(secret, token)
    assert isinstance(request, Request)
    return b"".join(request.body)


VISIBLE = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1)


@given(secret=VISIBLE, token=VISIBLE)
def test_a_form_holds_any_secret_unchanged(secret: str, token: str) -> None:
    form = parse_qs(form_of(secret, token).decode(), keep_blank_values=True)

    assert [secret] == form["client_secret"]
    assert [token] == form["refresh_token"]


def test_a_form_is_exact() -> None:
    assert form_of("s&", "Atzr|r1") == (
        b"grant_type=refresh_token&refresh_token=Atzr%7Cr1&client_id=c&client_secret=s%26"
    )


@pytest.mark.parametrize("around", ["\ufeff", " ", "\n", "\r\n", "\t", "\ufeff \n\u200b\ufeff"])
def test_what_an_editor_leaves_around_a_secret_is_no_part_of_it(around: str) -> None:
    secret, token = (f"{around}{one}{around}" for one in ("hush", "Atzr|hush"))

    assert form_of("hush", "Atzr|hush") == form_of(secret, token)


@pytest.mark.parametrize(
    "inside", ["hu\nsh", "hu\r\nsh", "hu sh", "hu\x00sh", "hu\u00e9sh", "hu\ufeffsh"]
)
def test_what_no_secret_holds_is_said_without_showing_it(inside: str) -> None:
    for said, name in (
        (composed(inside, "t"), "client_secret"),
        (composed("s", inside), "refresh"),
    ):
        assert isinstance(said, TokenRefused)
        assert said.detail.startswith(name)
        assert "copy it again" in said.detail
        assert "hu" not in said.detail


def test_a_secret_file_that_went_away_is_named(tmp_path: Path) -> None:
    gone = FileSecret(tmp_path / "gone")
    said = AmazonLogin("http://login", Credentials("c", gone, gone)).compose()

    assert isinstance(said, TokenRefused)
    assert str(tmp_path / "gone") in said.detail


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


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_a_refusal_says_what_to_check(status: int) -> None:
    said = answered(status, b'{"error":"invalid_client","error_description":"unknown"}')

    assert (
        TokenRefused(
            f"{status} unknown invalid_client: check client_id, client_secret and refresh_token"
        )
        == said
    )


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_points_at_the_address(status: int) -> None:
    """The form holds the secrets, so it is not followed."""
    assert TokenRefused(f"{status}: the partner redirects us; check token_url") == answered(
        status, b"<html>"
    )


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_a_server_in_trouble_may_say_for_how_long(status: int) -> None:
    said = interpret_refresh(Response(status=status, headers={}, body=b"", wait=7.0))

    assert TokenUnavailable(f"{status}", 7.0) == said


def test_an_answer_that_cannot_be_read_is_worth_another_try() -> None:
    cut = Response(status=200, headers={}, body=b"", body_trouble="the answer was cut short")

    assert TokenUnavailable("200: the answer was cut short") == interpret_refresh(cut)


def test_a_byte_order_mark_before_a_token_is_no_obstacle() -> None:
    assert isinstance(answered(200, b"\xef\xbb\xbf" + GRANT % b"3600"), Token)


@pytest.mark.parametrize("deep", DEEP)
@pytest.mark.parametrize("status", [200, 400, 500])
def test_nothing_is_nested_too_deep(status: int, deep: bytes) -> None:
    for name in (b"access_token", b"expires_in", b"error", b"error_description"):
        body = b'{"access_token":"a","' + name + b'":' + deep + b"}"
        assert not isinstance(answered(status, body), Token) or name.startswith(b"error")


def test_a_dead_refresh_token_asks_for_a_new_authorisation() -> None:
    said = answered(400, b'{"error":"invalid_grant","error_description":"gone"}')

    assert isinstance(said, TokenRefused)
    assert said.detail.endswith(
        "the refresh token is no longer valid; authorise the application again, and write the new "
        "token to the file of refresh_token_file"
    )


def test_a_page_instead_of_a_token_points_at_the_address() -> None:
    assert TokenRefused("200: not a token; check token_url") == answered(200, b"<html>hello")


def test_a_token_does_not_show_itself() -> None:
    assert "Atza" not in repr(answered(200, GRANT % b"3600"))


@given(st.integers(200, 599), st.binary(max_size=100))
def test_nothing_that_the_server_says_is_too_much(status: int, body: bytes) -> None:
    answered(status, body)
