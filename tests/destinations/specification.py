"""The partner's OpenAPI files, where AUDIENCE_SPEC_DIR says where they are."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from jsonschema import Draft202012Validator

from pipeline.destinations.exchange import Request

SPECIFICATION = os.environ.get("AUDIENCE_SPEC_DIR")
needs_specification = pytest.mark.skipif(
    SPECIFICATION is None,
    reason="AUDIENCE_SPEC_DIR does not name a directory with the partner's OpenAPI files",
)
FILES = (
    "advertiser-audiences.json",
    "amc-administration.json",
    "dsp-advertisers.json",
    "profiles.json",
)
BY_THE_CLIENT = {"Amazon-Advertising-API-ClientId"}
"""Headers that every request is given on its way out."""


def assert_documented(request: Request) -> None:
    """
    Path, query, headers, media type and body are as the partner documents them.
    """
    document, described = _operation(request)
    parameters = [_resolved(document, one) for one in described.get("parameters", ())]
    headers = {one["name"] for one in parameters if one["in"] == "header" and one.get("required")}
    assert headers - BY_THE_CLIENT <= request.headers.keys()
    queries = {one["name"]: one["schema"] for one in parameters if one["in"] == "query"}
    assert request.query.keys() <= queries.keys()
    answers = {
        media_type
        for code, reply in described["responses"].items()
        if code.startswith("2")
        for media_type in reply.get("content", {})
    }
    assert not answers or request.headers["Accept"] in answers
    if "requestBody" not in described:
        assert not request.body
        return
    [(media_type, content)] = described["requestBody"]["content"].items()
    assert media_type == request.headers["Content-Type"]
    body = orjson.loads(b"".join(request.body))
    schema = {"allOf": [content["schema"]], "components": document["components"]}
    Draft202012Validator(schema).validate(body)
    assert body.keys() <= _resolved(document, content["schema"])["properties"].keys()


def _operation(request: Request) -> tuple[dict[str, Any], dict[str, Any]]:
    for document in _documents():
        for path, operations in document["paths"].items():
            pattern = re.sub(r"\{\w+\}", "[^/]+", path)
            if re.fullmatch(pattern, request.path) and request.method.lower() in operations:
                return document, operations[request.method.lower()]
    raise AssertionError(f"{request.method} {request.path} is in no specification")


def _documents() -> Iterator[dict[str, Any]]:
    for file in FILES:
        document: dict[str, Any] = orjson.loads((Path(SPECIFICATION or "") / file).read_bytes())
        yield document


def _resolved(document: dict[str, Any], one: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in one:
        found: Any = document
        for part in one["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        one = found
    return one
