"""The partner's OpenAPI files, where AUDIENCE_SPEC_DIR says where they are."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest
from jsonschema import Draft202012Validator

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


@dataclass(frozen=True, slots=True)
class Operation:
    """One documented operation and the document that its references point into."""

    path: str
    method: str
    document: dict[str, Any]

    @property
    def described(self) -> dict[str, Any]:
        described: dict[str, Any] = self.document["paths"][self.path][self.method]
        return described

    def parameters(self, place: str) -> list[dict[str, Any]]:
        """Its parameters in the `path`, the `query` or the `header`."""
        all_of_them = [self.resolved(one) for one in self.described.get("parameters", ())]
        return [one for one in all_of_them if one["in"] == place]

    def validator(self, schema: object) -> Draft202012Validator:
        components = self.document.get("components", {})
        return Draft202012Validator({"allOf": [schema], "components": components})

    def resolved(self, one: dict[str, Any]) -> dict[str, Any]:
        """What a reference stands for, or the thing itself."""
        while "$ref" in one:
            found: Any = self.document
            for part in one["$ref"].removeprefix("#/").split("/"):
                found = found[part]
            one = found
        return one


def operation(method: str, path: str) -> Operation:
    """The operation that this path, or one like it with its parameters filled in, belongs to."""
    for document in _documents():
        for known, operations in document["paths"].items():
            pattern = re.sub(r"\{\w+\}", "[^/]+", known)
            if re.fullmatch(pattern, path) and method.lower() in operations:
                return Operation(known, method.lower(), document)
    raise AssertionError(f"{method} {path} is in no specification")


def _documents() -> Iterator[dict[str, Any]]:
    for file in FILES:
        document: dict[str, Any] = orjson.loads((Path(SPECIFICATION or "") / file).read_bytes())
        yield document
