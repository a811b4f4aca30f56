"""Adobe's login (IMS): client credentials composed, the answer interpreted.

A token lives for a day, and Adobe may throttle who asks for many: one is kept until shortly before
its end. There is no refresh token.
"""

from collections.abc import Mapping
from math import inf
from urllib.parse import urlencode

from pipeline.destinations.adobe_audiences.errors import (
    NOT_A_TOKENS_FAULT,
    code_of,
    is_invalid_token,
    words,
)
from pipeline.destinations.adobe_audiences.settings import Credentials
from pipeline.destinations.exchange import Request, Response, document
from pipeline.destinations.login import Token, TokenAnswer, TokenRefused, TokenUnavailable
from pipeline.settings.problems import SecretUnreadableError
from pipeline.settings.secrets import is_header_text

EARLY_SECONDS = 600.0
SHORT_LIFE_SHARE = 0.2
FORM_TYPE = "application/x-www-form-urlencoded"


class AdobeLogin:
    """One credential of the developer console, used in one sandbox of one organisation."""

    def __init__(self, url: str, credentials: Credentials, *, org_id: str, sandbox: str) -> None:
        self.url = url
        self._credentials = credentials
        self._org_id = org_id
        self._sandbox = sandbox

    def compose(self) -> Request | TokenRefused:
        """The form that asks for a token."""
        found = self._credentials
        try:
            secret = found.client_secret.read()
        except SecretUnreadableError as error:
            return TokenRefused(str(error))
        if not is_header_text(secret):
            return TokenRefused(
                "client_secret: holds a line break, a blank or another character that no secret "
                "of Adobe's has; copy it again"
            )
        form = {
            "grant_type": "client_credentials",
            "client_id": found.client_id,
            "client_secret": secret,
            "scope": ",".join(found.scopes),
        }
        return Request(
            endpoint="token",
            method="POST",
            path="",
            headers={"Content-Type": FORM_TYPE, "Accept": "application/json"},
            body=(urlencode(form).encode(),),
        )

    def interpret(self, response: Response) -> TokenAnswer:
        return interpret_token(response)

    def headers(self, token: Token) -> Mapping[str, str]:
        return {
            "Authorization": f"Bearer {token.value}",
            "x-api-key": self._credentials.client_id,
            "x-gw-ims-org-id": self._org_id,
            "x-sandbox-name": self._sandbox,
        }

    def needs_new_token(self, response: Response) -> bool:
        """Not where a header or the organisation is wrong: that is a 401 that no token mends.

        An invalid token is also told by status 400.
        """
        if response.status == 401:
            return code_of(response) not in NOT_A_TOKENS_FAULT
        return response.status == 400 and is_invalid_token(response)


def interpret_token(response: Response) -> TokenAnswer:
    """A token is used until ten minutes before its end, or a fifth of a short life before."""
    if response.status >= 500 or response.status in (408, 429):
        return TokenUnavailable(words(response), response.wait)
    if not 200 <= response.status < 300:
        return TokenRefused(_remedy(response))
    if response.body_trouble is not None:
        return TokenUnavailable(f"{response.status}: {response.body_trouble}")
    said = document(response.body)
    if not isinstance(said, dict):
        return TokenRefused(_remedy(response))
    value, life = said.get("access_token"), _life(said.get("expires_in"))
    if not isinstance(value, str) or not is_header_text(value) or not 0 < life < inf:
        return TokenRefused(_remedy(response))
    return Token(value, life - min(EARLY_SECONDS, life * SHORT_LIFE_SHARE), life)


def _life(said: object) -> float:
    """A life in seconds, also where it is quoted; 0 for what is none."""
    try:
        return float(said) if isinstance(said, int | float | str) else 0.0
    except ValueError:
        return 0.0


def _remedy(response: Response) -> str:
    said = words(response)
    if 200 <= response.status < 300:
        return f"{said}: not a token; check token_url"
    if 300 <= response.status < 400:
        return f"{said}: the partner sends us elsewhere; check token_url"
    if b"invalid_scope" in response.body:
        return f"{said}: check scopes: copy them from the credential in the developer console"
    return f"{said}: check client_id, client_secret and scopes"
