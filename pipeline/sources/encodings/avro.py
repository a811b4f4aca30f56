"""Avro, decoded by fastavro with the schema that it was written with."""

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
"""fastavro's table of schemas by their names, and so of its own kind."""


def of_schema(schema: Schema) -> Decode | Rejected:
    """A decoder, or why the schema cannot be used."""
    named: Named = {}
    try:
        for reference in schema.references:
            fastavro.parse_schema(orjson.loads(reference.text), named_schemas=named)
        parsed = fastavro.parse_schema(orjson.loads(schema.text), named_schemas=named)
        is_bounded = not _holds_empty_items(parsed, named)
    except Exception as error:  # noqa: BLE001 -- whatever a library makes of a stranger's schema, the stage goes on
        return malformed("encoding", f"the schema is no Avro schema: {type(error).__name__}")
    if not is_bounded:
        return malformed("encoding", "the schema has arrays of items without a size: no bound")
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


def _holds_empty_items(schema: Any, named: Named) -> bool:
    """Whether an array's items take no bytes: a short message could hold any number of them."""
    seen: set[str] = set()
    waiting: list[Any] = [schema]
    while waiting:
        one = waiting.pop()
        if isinstance(one, list):
            waiting.extend(one)
        elif isinstance(one, str):
            if one in named and one not in seen:
                seen.add(one)
                waiting.append(named[one])
        elif isinstance(one, dict):
            if one.get("type") == "array" and _is_empty(one["items"], named, frozenset()):
                return True
            waiting += [one.get("type"), one.get("items"), one.get("values")]
            waiting += [field["type"] for field in one.get("fields", ())]
    return False


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
