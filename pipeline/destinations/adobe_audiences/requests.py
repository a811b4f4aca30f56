"""Composes requests of the API, with JSON in both directions; sends nothing."""

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
    """One request. It always has a content type, also where Adobe's examples have none."""
    headers = {"Accept": JSON} if body is None else {"Accept": JSON, "Content-Type": JSON}
    return Request(
        endpoint=endpoint,
        method=method,
        path=path,
        query=query or {},
        headers=headers,
        body=() if body is None else (orjson.dumps(body),),
    )
