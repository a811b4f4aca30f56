"""Decodes Avro with fastavro and the schema of the writer."""

import io
from collections.abc import Mapping
from typing import Any

import fastavro
import orjson

from pipeline.domain.reasons import Rejected
from pipeline.sources.encodings.plain import plain
from pipeline.sources.encodings.schemas import Decode, Schema
from pipeline.sources.reading import malformed

Named = dict[str, Any]
"""fastavro's own table of schemas by name."""


def of_schema(schema: Schema) -> Decode | Rejected:
    """A decoder, or why the schema cannot be used."""
    named: Named = {}
    try:
        for reference in schema.references:
            fastavro.parse_schema(orjson.loads(reference.text), named_schemas=named)
        parsed = fastavro.parse_schema(orjson.loads(schema.text), named_schemas=named)
        unbounded = _unbounded(parsed, named)
    except Exception as error:  # noqa: BLE001 -- a schema of strangers may raise anything, and the stage must go on
        return malformed("encoding", f"the schema is no Avro schema: {type(error).__name__}")
    if unbounded is not None:
        return malformed("encoding", f"the schema {unbounded}: its messages have no bound")
    return _decoder(parsed)


def _decoder(parsed: Any) -> Decode:
    def decode(value: bytes) -> object:
        stream = io.BytesIO(value)
        try:
            found = fastavro.schemaless_reader(stream, parsed, None)
            rest = len(value) - stream.tell()
            decoded = plain(found)
        except Exception as error:  # noqa: BLE001 -- fastavro raises what its reads happen to raise; a stranger's bytes must not stop the stage
            return malformed("encoding", f"not Avro of its schema: {type(error).__name__}")
        return malformed("encoding", f"{rest} bytes after the Avro value") if rest else decoded

    return decode


def _unbounded(schema: Any, named: Named) -> str | None:
    """Why a short message of this schema could need unlimited memory, or None."""
    walk = _Walk(named)
    walk.through(schema, ())
    return walk.reason


class _Walk:
    """Visits every part of a schema; each named type once."""

    def __init__(self, named: Named) -> None:
        self._named = named
        self._done: set[str] = set()
        self.reason: str | None = None

    def through(self, schema: Any, path: tuple[str, ...]) -> None:
        if isinstance(schema, list):
            for branch in schema:
                self.through(branch, path)
        elif isinstance(schema, dict):
            self._type(schema, path)
        elif schema in path:
            # The library decodes by recursion in C: a deep message would crash the process.
            self.reason = "refers to itself"
        elif schema in self._named and schema not in self._done:
            self.through(self._named[schema], path)

    def _type(self, schema: Mapping[str, Any], path: tuple[str, ...]) -> None:
        name = schema.get("name")
        inner = path if name is None else (*path, name)
        kind = schema["type"]
        if kind == "array" and _is_empty(schema["items"], self._named, frozenset()):
            # A few bytes can announce any number of such items.
            self.reason = "has arrays of items without a size"
        parts = [kind, schema.get("items"), schema.get("values")]
        for part in (*parts, *(field["type"] for field in schema.get("fields", ()))):
            self.through(part, inner)
        if name is not None:
            self._done.add(name)


def _is_empty(schema: Any, named: Named, inside: frozenset[str]) -> bool:
    if isinstance(schema, list):
        return False  # a union writes which branch it is
    if isinstance(schema, str):
        if schema in named and schema not in inside:
            return _is_empty(named[schema], named, inside | {schema})
        return schema == "null"
    return _is_empty_type(schema, named, inside)


def _is_empty_type(schema: Mapping[str, Any], named: Named, inside: frozenset[str]) -> bool:
    match schema["type"]:
        case "record" | "error":
            inner = inside | {schema["name"]}
            return all(_is_empty(field["type"], named, inner) for field in schema["fields"])
        case "fixed":
            return bool(schema["size"] == 0)
        case "null":
            return True
        case str() as name if name in named:
            return _is_empty(name, named, inside)
        case dict() as deeper:
            return _is_empty_type(deeper, named, inside)
        case _:
            return False
