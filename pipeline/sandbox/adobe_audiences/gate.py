"""Checks every call first: headers, token, media types."""

from pipeline.sandbox.adobe_audiences.answers import Refusal
from pipeline.sandbox.adobe_audiences.calls import Call
from pipeline.sandbox.adobe_audiences.contracts import Route
from pipeline.sandbox.adobe_audiences.options import SimulatorOptions
from pipeline.sandbox.adobe_audiences.vocabulary import (
    HEADER_MISSING,
    INVALID_TOKEN,
    NOT_ENTITLED,
    WRONG_ORGANISATION,
)
from pipeline.sandbox.any_partner.grants import Grants
from pipeline.sandbox.any_partner.media_types import content_type, takes

JSON = "application/json"


def check(route: Route, call: Call, grants: Grants, options: SimulatorOptions) -> None:
    """Check the headers and the token of a call.

    Raises:
        Refusal: 401 without a header or entitlement, 400 for a token that is not good, 403 for
            the key of another client, 406 and 415 for media types.
    """
    for name in ("Authorization", "x-api-key", "x-gw-ims-org-id", "x-sandbox-name"):
        if not call.header(name):
            raise Refusal(401, f"{name} header is missing", HEADER_MISSING, breaks_rule=True)
    _check_token(call, grants)
    if options.org_id not in (None, call.header("x-gw-ims-org-id")):
        raise Refusal(401, "invalid imsOrgId", WRONG_ORGANISATION)
    if options.sandbox not in (None, call.header("x-sandbox-name")):
        raise Refusal(401, "not entitled to this sandbox", NOT_ENTITLED)
    _check_media(route, call)


def _check_token(call: Call, grants: Grants) -> None:
    scheme, _, token = (call.header("Authorization") or "").partition(" ")
    client = grants.client_of(token.strip(), call.now) if scheme == "Bearer" else None
    if client is None:
        # The partner answers 400 here, where other services answer 401.
        raise Refusal(400, "invalid token", INVALID_TOKEN)
    if client not in ("", call.header("x-api-key")):
        raise Refusal(403, "Api Key is invalid", "403003", breaks_rule=True)


def _check_media(route: Route, call: Call) -> None:
    if not takes(call.headers, JSON):
        raise Refusal(406, "Not Acceptable", "406000", breaks_rule=True)
    if route.takes_json and content_type(call.headers) != JSON:
        raise Refusal(415, "Unsupported Media Type", "415000", breaks_rule=True)
