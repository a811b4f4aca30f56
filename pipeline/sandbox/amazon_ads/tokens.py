"""The login: takes refresh tokens, and gives access tokens that expire."""

from collections.abc import Mapping
from random import Random
from urllib.parse import parse_qsl

from pipeline.sandbox.amazon_ads.calls import Call
from pipeline.sandbox.amazon_ads.dialects import Refusal
from pipeline.sandbox.amazon_ads.options import SimulatorOptions
from pipeline.sandbox.any_partner.grants import Grants, is_accepted
from pipeline.sandbox.any_partner.media_types import content_type
from pipeline.sandbox.any_partner.reply import Reply


class TokenEndpoint:
    """Gives access tokens to clients with the right credentials."""

    def __init__(self, options: SimulatorOptions, random: Random) -> None:
        self.grants = Grants(
            random,
            prefix="Atza|",
            seconds=options.token_seconds,
            static_tokens=options.static_access_tokens,
        )
        self._options = options

    def refresh(self, call: Call) -> Reply:
        """Answer one call of the token endpoint."""
        form = self._form(call)
        self._check(form)
        body = {
            "access_token": self.grants.give(form["client_id"], call.now),
            "refresh_token": form["refresh_token"],
            "token_type": "bearer",
            "expires_in": self._options.token_seconds,
        }
        return Reply(200, body, {"Cache-Control": "no-store"})

    def _form(self, call: Call) -> Mapping[str, str]:
        # The real endpoint fails if a request has a bearer token.
        if call.header("Authorization") is not None:
            raise Refusal(400, "invalid_request: The request has an Authorization header")
        if content_type(call.headers) != "application/x-www-form-urlencoded":
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
        if not (
            is_accepted(form["client_id"], known.client_id)
            and is_accepted(form["client_secret"], known.client_secret)
        ):
            raise Refusal(401, "invalid_client: Client authentication failed")
        if not is_accepted(form["refresh_token"], known.refresh_token):
            raise Refusal(400, "invalid_grant: The refresh token is invalid or was revoked")
