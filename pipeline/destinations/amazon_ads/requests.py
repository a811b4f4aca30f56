"""Composes requests of the control plane: JSON, with one media type for request and answer."""

from collections.abc import Mapping

import orjson

from pipeline.destinations.control import InvalidRequest
from pipeline.destinations.exchange import Request

LARGEST_ID = 2**63 - 1
"""The largest id: the partner's ids of audiences, advertisers and profiles are Java longs."""


def composed(
    endpoint: str,
    method: str,
    path: str,
    media_type: str,
    *,
    query: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    body: Mapping[str, object] | None = None,
) -> Request:
    """A request with the media type of its service; integers in `body` stay exact to 64 bits."""
    return Request(
        endpoint=endpoint,
        method=method,
        path=path,
        query=query or {},
        # The media type carries the version, and the partner needs the same one in both headers.
        headers={"Content-Type": media_type, "Accept": media_type, **(headers or {})},
        body=() if body is None else (orjson.dumps(body),),
    )


def checked_id(value: int, name: str) -> int:
    """The id itself, if it is valid.

    Raises:
        InvalidRequest: the number cannot be an id of the partner.
    """
    if not 0 < value <= LARGEST_ID:
        raise InvalidRequest(f"{name} must be a number from 1 to {LARGEST_ID}")
    return value
