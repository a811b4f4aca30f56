"""How a partner gives access tokens, and how a request carries one."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from pipeline.destinations.exchange import Request, Response


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
    wait: float | None = None
    """Seconds that the partner asked us to wait, if it did."""


TokenAnswer: TypeAlias = Token | TokenRefused | TokenUnavailable


class Login(Protocol):
    """How a partner gives access tokens, and how a request carries one."""

    @property
    def url(self) -> str:
        """Where tokens come from; the path of `compose` is added to it."""

    def compose(self) -> Request | TokenRefused:
        """The request for a token, with the secrets as they are now; or why there can be none."""

    def interpret(self, response: Response) -> TokenAnswer:
        """What the answer to it means."""

    def headers(self, token: Token) -> Mapping[str, str]:
        """What every other request carries."""

    def needs_new_token(self, response: Response) -> bool:
        """Whether this answer means that the token is not accepted, and another one may be."""
