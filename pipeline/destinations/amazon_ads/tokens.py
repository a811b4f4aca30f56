"""Login with Amazon: the refresh-token grant composed, its answer interpreted."""

from dataclasses import dataclass
from math import inf
from urllib.parse import urlencode

import orjson

from pipeline.destinations.amazon_ads.errors import words
from pipeline.destinations.exchange import Response

EARLY_SECONDS = 300.0
SHORT_LIFE_SHARE = 0.2
USUAL_LIFE_SECONDS = 3600.0
FORM_TYPE = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Token:
    """An access token. Times in seconds from when it was asked for."""

    value: str
    usable_for: float
    """Then it is time for another one."""
    valid_for: float
    """Until then it serves when there is no other."""

    def __repr__(self) -> str:
        return f"<Token usable for {self.usable_for:.0f} s>"


@dataclass(frozen=True, slots=True)
class TokenRefused:
    """No token with these credentials: a person must mend something."""

    detail: str


@dataclass(frozen=True, slots=True)
class TokenUnavailable:
    """No token now; it is worth asking again."""

    detail: str


def compose_refresh(client_id: str, client_secret: str, refresh_token: str) -> bytes:
    """The form of a refresh. It goes out without an Authorization header, which would fail it."""
    return urlencode(
        {
            "grant_type": "refresh_token",
            "refresh_token": refresh_token,
            "client_id": client_id,
            "client_secret": client_secret,
        }
    ).encode()


def interpret_refresh(response: Response) -> Token | TokenRefused | TokenUnavailable:
    """A token is used until five minutes before its end, or a fifth of a short life before."""
    if response.status >= 500 or response.status in (408, 429):
        return TokenUnavailable(words(response.status, response.body))
    if not 200 <= response.status < 300:
        return TokenRefused(_remedy(response))
    try:
        said = orjson.loads(response.body)
        value, life = said["access_token"], float(said.get("expires_in", USUAL_LIFE_SECONDS))
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError):
        return TokenRefused(_remedy(response))
    if not isinstance(value, str) or not _fits_a_header(value) or not 0 < life < inf:
        return TokenRefused(_remedy(response))
    return Token(value, life - min(EARLY_SECONDS, life * SHORT_LIFE_SHARE), life)


def _fits_a_header(value: str) -> bool:
    return bool(value) and value.isascii() and value.isprintable() and " " not in value


def _remedy(response: Response) -> str:
    said = words(response.status, response.body)
    if b"invalid_grant" in response.body:
        return f"{said}: the refresh token is dead; authorise the application again"
    if 200 <= response.status < 300:
        return f"{said}: not a token; check token_url"
    return f"{said}: check client_id, client_secret and refresh_token"
