"""The login: takes client credentials, and gives access tokens that expire."""

from collections.abc import Mapping
from random import Random
from urllib.parse import parse_qsl

from pipeline.sandbox.adobe_audiences.answers import LoginRefusal
from pipeline.sandbox.adobe_audiences.calls import Call
from pipeline.sandbox.adobe_audiences.options import SimulatorOptions
from pipeline.sandbox.any_partner.grants import Grants, is_accepted
from pipeline.sandbox.any_partner.media_types import content_type
from pipeline.sandbox.any_partner.reply import Reply


class TokenEndpoint:
    """Gives access tokens to clients with the right credentials."""

    def __init__(self, options: SimulatorOptions, random: Random) -> None:
        self.grants = Grants(
            random,
            prefix="eyJ",
            seconds=options.token_seconds,
            static_tokens=options.static_access_tokens,
        )
        self._options = options

    def issue(self, call: Call) -> Reply:
        """Answer one call of the token endpoint."""
        form = _form(call)
        self._check(form)
        body = {
            "access_token": self.grants.give(form["client_id"], call.now),
            "token_type": "bearer",
            "expires_in": self._options.token_seconds,
        }
        return Reply(200, body)

    def _check(self, form: Mapping[str, str]) -> None:
        for name in ("grant_type", "client_id", "client_secret", "scope"):
            if not form.get(name):
                raise LoginRefusal(400, "invalid_request", f"missing {name}")
        if form["grant_type"] != "client_credentials":
            raise LoginRefusal(400, "unsupported_grant_type", "only client_credentials is served")
        known = self._options
        if not (
            is_accepted(form["client_id"], known.client_id)
            and is_accepted(form["client_secret"], known.client_secret)
        ):
            raise LoginRefusal(400, "invalid_client", "invalid client_id or client_secret")


def _form(call: Call) -> Mapping[str, str]:
    if content_type(call.headers) != "application/x-www-form-urlencoded":
        raise LoginRefusal(400, "invalid_request", "the request must be form-urlencoded")
    try:
        return dict(parse_qsl(call.body.decode(), keep_blank_values=True))
    except UnicodeDecodeError:
        raise LoginRefusal(400, "invalid_request", "the request is not UTF-8") from None
