"""Confluent's wire format: a zero, the id of the schema in four bytes, then the value."""

from collections.abc import Callable
from typing import Final

from pipeline.domain.reasons import Rejected
from pipeline.sources.encodings.schemas import Decode, Decoded, Schema, SchemaKind, Schemas
from pipeline.sources.reading import malformed

MAGIC: Final = 0
PREFIX_BYTES: Final = 5
Compile = Callable[[Schema], Decode | Rejected]

_NO_PREFIX: Final = malformed(
    "encoding", "the value does not begin with a zero and the id of a schema; see framing"
)


class FramedDecoder:
    """Decodes each value with the schema that it names; compiles each schema once."""

    def __init__(self, kind: SchemaKind, schemas: Schemas, compile_schema: Compile) -> None:
        self._kind = kind
        self._schemas = schemas
        self._compile = compile_schema
        self._made: dict[int, Decode | Rejected] = {}

    def decode(self, value: bytes) -> Decoded:
        if not is_framed(value):
            return _NO_PREFIX
        schema_id = int.from_bytes(value[1:PREFIX_BYTES], "big")
        decode = self._made.get(schema_id)
        if decode is None:
            found = self._schemas.find(schema_id)
            if not isinstance(found, Schema):
                return found
            decode = self._made[schema_id] = self._compiled(found)
        return decode if isinstance(decode, Rejected) else decode(value[PREFIX_BYTES:])

    def _compiled(self, schema: Schema) -> Decode | Rejected:
        if schema.kind != self._kind:
            return malformed("encoding", f"the schema is {schema.kind} and not {self._kind}")
        return self._compile(schema)


def is_framed(value: bytes) -> bool:
    return len(value) >= PREFIX_BYTES and value[0] == MAGIC


def without_prefix(decode: Decode) -> Decode:
    """A decoder for JSON with a prefix, which needs no schema."""
    return lambda value: decode(value[PREFIX_BYTES:]) if is_framed(value) else _NO_PREFIX
