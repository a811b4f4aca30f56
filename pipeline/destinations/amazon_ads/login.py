"""Login with Amazon: composes the request with a refresh token, and interprets its answer."""

from collections.abc import Mapping

from pipeline.destinations.amazon_ads.errors import words
from pipeline.destinations.amazon_ads.settings import Credentials
from pipeline.destinations.exchange import Request, Response
from pipeline.destinations.login import Token, TokenAnswer, TokenRefused
from pipeline.destinations.oauth import UncleanSecret, clean, interpret_token, token_request
from pipeline.settings.problems import SecretUnreadableError

SERVICE = "Login with Amazon"
EARLY_SECONDS = 300.0
USUAL_LIFE_SECONDS = 3600.0


class AmazonLogin:
    """One application (client) and the person who authorised it."""

    def __init__(self, url: str, credentials: Credentials) -> None:
        self.url = url
        self._credentials = credentials

    def compose(self) -> Request | TokenRefused:
        """The form that asks for a token, without an Authorization header, which would fail it."""
        found = self._credentials
        try:
            form = {
                "grant_type": "refresh_token",
                "refresh_token": clean("refresh_token", found.refresh_token, service=SERVICE),
                "client_id": found.client_id,
                "client_secret": clean("client_secret", found.client_secret, service=SERVICE),
            }
        except (SecretUnreadableError, UncleanSecret) as error:
            return TokenRefused(str(error))
        return token_request(form)

    def interpret(self, response: Response) -> TokenAnswer:
        return interpret_refresh(response)

    def headers(self, token: Token) -> Mapping[str, str]:
        return {
            "Authorization": f"Bearer {token.value}",
            "Amazon-Advertising-API-ClientId": self._credentials.client_id,
        }

    def needs_new_token(self, response: Response) -> bool:
        return response.status == 401


def interpret_refresh(response: Response) -> TokenAnswer:
    """The meaning of the answer to a token request."""
    return interpret_token(
        response,
        early=EARLY_SECONDS,
        usual_life=USUAL_LIFE_SECONDS,
        words=lambda one: words(one.status, one.body),
        remedy=_remedy,
    )


def _remedy(response: Response) -> str:
    if b"invalid_grant" in response.body:
        return (
            "the refresh token is no longer valid; authorise the application again, and write the "
            "new token to the file of refresh_token_file"
        )
    return "check client_id, client_secret and refresh_token"
