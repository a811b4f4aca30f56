"""The common part of partners' logins: the form that asks for a token, and its answer."""

from collections.abc import Callable, Mapping
from math import inf
from urllib.parse import urlencode

from pipeline.destinations.exchange import Request, Response, document
from pipeline.destinations.login import Token, TokenAnswer, TokenRefused, TokenUnavailable
from pipeline.settings.secrets import Secret, is_header_text

FORM_TYPE = "application/x-www-form-urlencoded"
SHORT_LIFE_SHARE = 0.2


class UncleanSecret(Exception):
    """A secret has characters that no secret of this login has; the message never shows it."""


def clean(name: str, secret: Secret, *, service: str) -> str:
    """The present value of a secret.

    Raises:
        UncleanSecret: the value cannot be a secret of this service.
        SecretUnreadableError: its file cannot be read.
    """
    value = secret.read()
    if not is_header_text(value):
        raise UncleanSecret(
            f"{name}: holds a line break, a blank or another character that no secret of "
            f"{service} has; copy it again"
        )
    return value


def token_request(form: Mapping[str, str]) -> Request:
    """The form of a login. It has no Authorization header, which would fail it."""
    return Request(
        endpoint="token",
        method="POST",
        path="",
        headers={"Content-Type": FORM_TYPE, "Accept": "application/json"},
        body=(urlencode(form).encode(),),
    )


def interpret_token(
    response: Response,
    *,
    early: float,
    usual_life: float,
    words: Callable[[Response], str],
    remedy: Callable[[Response], str],
) -> TokenAnswer:
    """Read a token from the answer; renew it `early` seconds before its end, or a fifth if short.

    `words` gives the partner's words in an answer, and `remedy` what to do about a refusal.
    `usual_life` is the life of a token whose answer names none; 0: the answer must name it.
    """
    if response.status >= 500 or response.status in (408, 429):
        return TokenUnavailable(words(response), response.wait)
    if not 200 <= response.status < 300:
        return TokenRefused(f"{words(response)}: {_elsewhere(response) or remedy(response)}")
    if response.body_trouble is not None:
        return TokenUnavailable(f"{response.status}: {response.body_trouble}")
    said = document(response.body)
    if isinstance(said, dict):
        value, life = said.get("access_token"), _seconds(said.get("expires_in", usual_life))
        if isinstance(value, str) and is_header_text(value) and 0 < life < inf:
            return Token(value, life - min(early, life * SHORT_LIFE_SHARE), life)
    return TokenRefused(f"{words(response)}: not a token; check token_url")


def _elsewhere(response: Response) -> str | None:
    if 300 <= response.status < 400:
        return "the partner redirects us; check token_url"
    return None


def _seconds(said: object) -> float:
    """A token's life in seconds, also if it is quoted; 0 for anything else."""
    try:
        return float(said) if isinstance(said, int | float | str) else 0.0
    except ValueError:
        return 0.0
