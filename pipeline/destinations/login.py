"""The contract of a partner's login: how it gives access tokens, and how requests carry them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from pipeline.destinations.exchange import Request, Response


@dataclass(frozen=True, slots=True)
class Token:
    """An access token. Times in seconds from the request for it."""

    value: str
    usable_for: float
    """When to ask for a new token."""
    valid_for: float
    """How long this token may be used if no new one comes."""

    def __repr__(self) -> str:
        return f"<Token usable for {self.usable_for:.0f} s>"


@dataclass(frozen=True, slots=True)
class TokenRefused:
    """The login refuses these credentials: a person must correct them."""

    detail: str


@dataclass(frozen=True, slots=True)
class TokenUnavailable:
    """There is no token now; ask again."""

    detail: str
    wait: float | None = None
    """Seconds that the partner asks us to wait, or None."""


TokenAnswer: TypeAlias = Token | TokenRefused | TokenUnavailable


class Login(Protocol):
    """How a partner gives access tokens, and how a request carries one."""

    @property
    def url(self) -> str:
        """The base URL of the login; the path of `compose` is added to it."""

    def compose(self) -> Request | TokenRefused:
        """The request for a token, with the present secrets; or why it cannot be composed."""

    def interpret(self, response: Response) -> TokenAnswer:
        """The meaning of the answer to a token request."""

    def headers(self, token: Token) -> Mapping[str, str]:
        """The headers that every other request needs."""

    def needs_new_token(self, response: Response) -> bool:
        """Whether the answer refuses this token, so that a new one may help."""
