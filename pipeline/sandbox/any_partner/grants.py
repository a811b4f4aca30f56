"""The access tokens that logins get; they expire."""

from collections.abc import Collection
from hmac import compare_digest
from random import Random
from typing import NamedTuple


class _Grant(NamedTuple):
    client_id: str
    expires_at: float


class Grants:
    """Creates access tokens, and knows which are still valid. Times in seconds."""

    def __init__(
        self, random: Random, *, prefix: str, seconds: float, static_tokens: Collection[str]
    ) -> None:
        """`prefix` begins all tokens; static tokens are valid for every client, and for ever."""
        self.issued = 0
        self._random = random
        self._prefix = prefix
        self._seconds = seconds
        self._static_tokens = static_tokens
        self._grants: dict[str, _Grant] = {}

    def give(self, client_id: str, now: float) -> str:
        """A new access token for this client."""
        self._grants = {
            token: grant for token, grant in self._grants.items() if grant.expires_at > now
        }
        token = f"{self._prefix}{self._random.getrandbits(256):064x}"
        self._grants[token] = _Grant(client_id, now + self._seconds)
        self.issued += 1
        return token

    def client_of(self, token: str, now: float) -> str | None:
        """The client of the token; "" for a static token; None for an invalid one."""
        if token in self._static_tokens:
            return ""
        grant = self._grants.get(token)
        return None if grant is None or grant.expires_at <= now else grant.client_id

    def expire_all(self) -> None:
        """Make every access token issued so far invalid."""
        self._grants.clear()


def is_accepted(given: str, expected: str | None) -> bool:
    """Whether a login may have this value; if none is expected, any text that is not empty."""
    return expected is None or compare_digest(expected.encode(), given.encode())
