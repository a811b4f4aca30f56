"""Login with Amazon: the refresh-token grant composed, its answer interpreted."""

from collections.abc import Mapping
from math import inf
from urllib.parse import urlencode

from pipeline.destinations.amazon_ads.errors import words
from pipeline.destinations.amazon_ads.settings import Credentials
from pipeline.destinations.exchange import Request, Response, document
from pipeline.destinations.login import Token, TokenAnswer, TokenRefused, TokenUnavailable
from pipeline.settings.problems import SecretUnreadableError
from pipeline.settings.secrets import Secret, is_header_text

EARLY_SECONDS = 300.0
SHORT_LIFE_SHARE = 0.2
USUAL_LIFE_SECONDS = 3600.0
FORM_TYPE = "application/x-www-form-urlencoded"


class AmazonLogin:
    """One application (client) and the person who authorised it."""

    def __init__(self, url: str, credentials: Credentials) -> None:
        self.url = url
        self._credentials = credentials

    def compose(self) -> Request | TokenRefused:
        """The form of a refresh. It has no Authorization header, which would fail it."""
        found = self._credentials
        try:
            form = {
                "grant_type": "refresh_token",
                "refresh_token": _clean("refresh_token", found.refresh_token),
                "client_id": found.client_id,
                "client_secret": _clean("client_secret", found.client_secret),
            }
        except (SecretUnreadableError, _UncleanSecret) as error:
            return TokenRefused(str(error))
        return Request(
            endpoint="token",
            method="POST",
            path="",
            headers={"Content-Type": FORM_TYPE, "Accept": "application/json"},
            body=(urlencode(form).encode(),),
        )

    def interpret(self, response: Response) -> TokenAnswer:
        return interpret_refresh(response)

    def headers(self, token: Token) -> Mapping[str, str]:
        return {
            "Authorization": f"Bearer {token.value}",
            "Amazon-Advertising-API-ClientId": self._credentials.client_id,
        }

    def needs_new_token(self, response: Response) -> bool:
        return response.status == 401


class _UncleanSecret(Exception):
    """A secret holds what no secret of this login holds; the message never shows it."""


def _clean(name: str, secret: Secret) -> str:
    value = secret.read()
    if not is_header_text(value):
        raise _UncleanSecret(
            f"{name}: holds a line break, a blank or another character that no secret of "
            "Login with Amazon has; copy it again"
        )
    return value


def interpret_refresh(response: Response) -> TokenAnswer:
    """A token is used until five minutes before its end, or a fifth of a short life before."""
    if response.status >= 500 or response.status in (408, 429):
        return TokenUnavailable(words(response.status, response.body), response.wait)
    if not 200 <= response.status < 300:
        return TokenRefused(_remedy(response))
    if response.body_trouble is not None:
        return TokenUnavailable(f"{response.status}: {response.body_trouble}")
    said = document(response.body)
    if not isinstance(said, dict):
        return TokenRefused(_remedy(response))
    value, life = said.get("access_token"), _seconds(said.get("expires_in", USUAL_LIFE_SECONDS))
    if not isinstance(value, str) or not is_header_text(value) or not 0 < life < inf:
        return TokenRefused(_remedy(response))
    return Token(value, life - min(EARLY_SECONDS, life * SHORT_LIFE_SHARE), life)


def _seconds(said: object) -> float:
    """A life in seconds, also where it is quoted; 0 for what is none."""
    try:
        return float(said) if isinstance(said, int | float | str) else 0.0
    except ValueError:
        return 0.0


def _remedy(response: Response) -> str:
    said = words(response.status, response.body)
    if b"invalid_grant" in response.body:
        return f"{said}: the refresh token is dead; authorise the application again"
    if 200 <= response.status < 300:
        return f"{said}: not a token; check token_url"
    if 300 <= response.status < 400:
        return f"{said}: the partner sends us elsewhere; check token_url"
    return f"{said}: check client_id, client_secret and refresh_token"
