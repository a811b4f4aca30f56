"""The login: refresh tokens in, access tokens out, each good for a while."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hmac import compare_digest
from urllib.parse import parse_qsl

from pipeline.sandbox.amazon_ads.calls import Call
from pipeline.sandbox.amazon_ads.dialects import Refusal, Reply
from pipeline.sandbox.amazon_ads.options import SimulatorOptions


@dataclass(frozen=True, slots=True)
class _Grant:
    client_id: str
    expires_at: float


class TokenBook:
    """Issues access tokens and knows which are still good."""

    def __init__(self, options: SimulatorOptions, new_token: Callable[[], str]) -> None:
        self.issued = 0
        self._options = options
        self._new_token = new_token
        self._grants: dict[str, _Grant] = {}

    def refresh(self, call: Call) -> Reply:
        """Answer one call of the token endpoint."""
        form = self._form(call)
        self._check(form)
        self._grants = {
            token: grant for token, grant in self._grants.items() if grant.expires_at > call.now
        }
        token = f"Atza|{self._new_token()}"
        expires_at = call.now + self._options.token_seconds
        self._grants[token] = _Grant(form["client_id"], expires_at)
        self.issued += 1
        body = {
            "access_token": token,
            "refresh_token": form["refresh_token"],
            "token_type": "bearer",
            "expires_in": self._options.token_seconds,
        }
        return Reply(200, body, {"Cache-PauseRequest": "no-store"})

    def is_good(self, token: str, client_id: str | None, now: float) -> bool:
        """Whether the token may be used now, by this client when it says who it is."""
        if token in self._options.static_access_tokens:
            return True
        grant = self._grants.get(token)
        if grant is None or grant.expires_at <= now:
            return False
        return client_id is None or compare_digest(client_id.encode(), grant.client_id.encode())

    def expire_all(self) -> None:
        """Make every access token issued so far useless at once."""
        self._grants.clear()

    def _form(self, call: Call) -> Mapping[str, str]:
        # The real endpoint fails when it is shown a bearer token.
        if call.header("Authorization") is not None:
            raise Refusal(400, "invalid_request: The request has an Authorization header")
        if call.content_type() != "application/x-www-form-urlencoded":
            raise Refusal(400, "invalid_request: The request must be form-urlencoded")
        try:
            return dict(parse_qsl(call.body.decode(), keep_blank_values=True))
        except UnicodeDecodeError:
            raise Refusal(400, "invalid_request: The request is not UTF-8") from None

    def _check(self, form: Mapping[str, str]) -> None:
        for name in ("grant_type", "refresh_token", "client_id", "client_secret"):
            if not form.get(name):
                raise Refusal(400, f"invalid_request: The request is missing {name}")
        if form["grant_type"] != "refresh_token":
            raise Refusal(400, "unsupported_grant_type: Only refresh_token is supported")
        known = self._options
        if not _is_same(known.client_id, form["client_id"]) or not _is_same(
            known.client_secret, form["client_secret"]
        ):
            raise Refusal(401, "invalid_client: Client authentication failed")
        if not _is_same(known.refresh_token, form["refresh_token"]):
            raise Refusal(400, "invalid_grant: The refresh token is invalid or was revoked")


def _is_same(expected: str | None, given: str) -> bool:
    return expected is None or compare_digest(expected.encode(), given.encode())
