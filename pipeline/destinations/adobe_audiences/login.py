"""Adobe's login (IMS) with client credentials: composes the request and interprets the answer.

A token lives for a day, and Adobe may throttle clients that ask often. So we keep a token until
shortly before its end. There is no refresh token.
"""

from collections.abc import Mapping

from pipeline.destinations.adobe_audiences.errors import (
    NOT_A_TOKENS_FAULT,
    code_of,
    is_invalid_token,
    words,
)
from pipeline.destinations.adobe_audiences.settings import Credentials
from pipeline.destinations.exchange import Request, Response
from pipeline.destinations.login import Token, TokenAnswer, TokenRefused
from pipeline.destinations.oauth import UncleanSecret, clean, interpret_token, token_request
from pipeline.settings.problems import SecretUnreadableError

SERVICE = "Adobe"
EARLY_SECONDS = 600.0


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
            secret = clean("client_secret", found.client_secret, service=SERVICE)
        except (SecretUnreadableError, UncleanSecret) as error:
            return TokenRefused(str(error))
        form = {
            "grant_type": "client_credentials",
            "client_id": found.client_id,
            "client_secret": secret,
            "scope": ",".join(found.scopes),
        }
        return token_request(form)

    def interpret(self, response: Response) -> TokenAnswer:
        return interpret(response)

    def headers(self, token: Token) -> Mapping[str, str]:
        return {
            "Authorization": f"Bearer {token.value}",
            "x-api-key": self._credentials.client_id,
            "x-gw-ims-org-id": self._org_id,
            "x-sandbox-name": self._sandbox,
        }

    def needs_new_token(self, response: Response) -> bool:
        """Whether the token is refused; an invalid token may also get status 400.

        A wrong header or organisation also gets a 401, but a new token does not help then.
        """
        if response.status == 401:
            return code_of(response) not in NOT_A_TOKENS_FAULT
        return response.status == 400 and is_invalid_token(response)


def interpret(response: Response) -> TokenAnswer:
    """The meaning of the answer to a token request."""
    return interpret_token(
        response, early=EARLY_SECONDS, usual_life=0.0, words=words, remedy=_remedy
    )


def _remedy(response: Response) -> str:
    if b"invalid_scope" in response.body:
        return "check scopes: copy them from the credential in the developer console"
    return "check client_id, client_secret and scopes"
