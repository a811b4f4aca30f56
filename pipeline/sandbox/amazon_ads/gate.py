"""Checks every call first: token, headers, media types."""

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.sandbox.amazon_ads.calls import Call
from pipeline.sandbox.amazon_ads.dialects import Refusal
from pipeline.sandbox.any_partner.grants import Grants
from pipeline.sandbox.any_partner.media_types import content_type, takes

CLIENT_ID = "Amazon-Advertising-API-ClientId"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """The headers and media types that one endpoint requires."""

    media_type: str
    has_body: bool
    required_headers: Sequence[str] = ()


def check(entry: Entry, call: Call, grants: Grants) -> None:
    """Check the token and the headers of a call.

    Raises:
        Refusal: 401 without a good token or client id, 400 without another required header, 406
            and 415 for media types.
    """
    _check_token(entry, call, grants)
    for name in entry.required_headers:
        if name != CLIENT_ID and not call.header(name):
            raise Refusal(400, f"{name} is required")
    if not takes(call.headers, entry.media_type):
        raise Refusal(406, "Not Acceptable")
    _check_content_type(entry, call)


def _check_token(entry: Entry, call: Call, grants: Grants) -> None:
    scheme, _, token = (call.header("Authorization") or "").partition(" ")
    client_id = call.header(CLIENT_ID)
    if CLIENT_ID in entry.required_headers and not client_id:
        raise Refusal(401, "Unauthorized")
    owner = grants.client_of(token.strip(), call.now) if scheme.lower() == "bearer" else None
    if owner is None or (owner and client_id not in (None, owner)):
        raise Refusal(401, "Unauthorized")


def _check_content_type(entry: Entry, call: Call) -> None:
    given = content_type(call.headers)
    if given is None and not call.body:
        return
    # Without a body, only the vendor type of another service is known to be refused.
    tolerated = {entry.media_type} if entry.has_body else {entry.media_type, "application/json"}
    if given not in tolerated:
        raise Refusal(415, "Unsupported Media Type")
