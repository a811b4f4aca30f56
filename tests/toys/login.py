"""A token for whoever asks: the toys' way to log in."""

import json
from collections.abc import Mapping

from pipeline.destinations.exchange import Request, Response
from pipeline.destinations.login import Token, TokenAnswer, TokenUnavailable


class ToyLogin:
    """Asks for a token under the API's own address."""

    def __init__(self, url: str) -> None:
        self.url = url

    def compose(self) -> Request:
        return Request(endpoint="token", method="POST", path="/token")

    def interpret(self, response: Response) -> TokenAnswer:
        if response.status != 200:
            return TokenUnavailable(f"{response.status}")
        return Token(json.loads(response.body)["token"], usable_for=600, valid_for=600)

    def headers(self, token: Token) -> Mapping[str, str]:
        return {"X-Toy-Token": token.value}

    def needs_new_token(self, response: Response) -> bool:
        return response.status == 401
