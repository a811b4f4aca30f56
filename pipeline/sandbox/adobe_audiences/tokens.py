"""The login: client credentials in, access tokens out, each good for a while."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hmac import compare_digest
from urllib.parse import parse_qsl

from pipeline.sandbox.adobe_audiences.answers import LoginRefusal, Reply
from pipeline.sandbox.adobe_audiences.calls import Call
from pipeline.sandbox.adobe_audiences.options import SimulatorOptions


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

    def issue(self, call: Call) -> Reply:
        """Answer one call of the token endpoint."""
        form = _form(call)
        self._check(form)
        self._grants = {
            token: grant for token, grant in self._grants.items() if grant.expires_at > call.now
        }
        token = f"eyJ{self._new_token()}"
        seconds = self._options.token_seconds
        self._grants[token] = _Grant(form["client_id"], call.now + seconds)
        self.issued += 1
        return Reply(200, {"access_token": token, "token_type": "bearer", "expires_in": seconds})

    def client_of(self, token: str, now: float) -> str | None:
        """Whom the token was given to, "" where it may be anybody's; None where it is not good."""
        if token in self._options.static_access_tokens:
            return ""
        grant = self._grants.get(token)
        return None if grant is None or grant.expires_at <= now else grant.client_id

    def expire_all(self) -> None:
        """Make every access token issued so far useless at once."""
        self._grants.clear()

    def _check(self, form: Mapping[str, str]) -> None:
        for name in ("grant_type", "client_id", "client_secret", "scope"):
            if not form.get(name):
                raise LoginRefusal(400, "invalid_request", f"missing {name}")
        if form["grant_type"] != "client_credentials":
            raise LoginRefusal(400, "unsupported_grant_type", "only client_credentials is served")
        known = self._options
        if not _is_same(known.client_id, form["client_id"]) or not _is_same(
            known.client_secret, form["client_secret"]
        ):
            raise LoginRefusal(400, "invalid_client", "invalid client_id or client_secret")


def _form(call: Call) -> Mapping[str, str]:
    if call.content_type() != "application/x-www-form-urlencoded":
        raise LoginRefusal(400, "invalid_request", "the request must be form-urlencoded")
    try:
        return dict(parse_qsl(call.body.decode(), keep_blank_values=True))
    except UnicodeDecodeError:
        raise LoginRefusal(400, "invalid_request", "the request is not UTF-8") from None


def _is_same(expected: str | None, given: str) -> bool:
    return expected is None or compare_digest(expected.encode(), given.encode())
