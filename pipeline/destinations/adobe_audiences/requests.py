"""Requests of the API: JSON both ways, composed and not sent."""

from collections.abc import Mapping

import orjson

from pipeline.destinations.exchange import Request

JSON = "application/json"


def composed(
    endpoint: str,
    method: str,
    path: str,
    *,
    query: Mapping[str, str] | None = None,
    body: Mapping[str, object] | None = None,
) -> Request:
    """One request. It says what its body is even where Adobe's own examples forget to."""
    headers = {"Accept": JSON} if body is None else {"Accept": JSON, "Content-Type": JSON}
    return Request(
        endpoint=endpoint,
        method=method,
        path=path,
        query=query or {},
        headers=headers,
        body=() if body is None else (orjson.dumps(body),),
    )
