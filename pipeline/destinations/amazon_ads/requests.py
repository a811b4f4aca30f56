"""Requests of the control plane: one media type for question and answer, bodies as JSON."""

from collections.abc import Mapping

import orjson

from pipeline.destinations.control import InvalidRequest
from pipeline.destinations.exchange import Request

LARGEST_ID = 2**63 - 1
"""The partner's numbers of audiences, advertisers and profiles are Java longs."""


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
    """A request in the media type of its service; integers in `body` stay exact to 64 bits."""
    return Request(
        endpoint=endpoint,
        method=method,
        path=path,
        query=query or {},
        # The media type is the version: the partner wants the same one in both places.
        headers={"Content-Type": media_type, "Accept": media_type, **(headers or {})},
        body=() if body is None else (orjson.dumps(body),),
    )


def checked_id(value: int, name: str) -> int:
    """The id itself.

    Raises:
        InvalidRequest: it is none that the partner can have given out.
    """
    if not 0 < value <= LARGEST_ID:
        raise InvalidRequest(f"{name} must be a number from 1 to {LARGEST_ID}")
    return value
