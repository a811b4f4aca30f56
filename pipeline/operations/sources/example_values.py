"""The value of an example as its topic would hold it, and the schemas it may be encoded with."""

import io
from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import fastavro
import orjson

from pipeline.operations.sources.example_files import Example, UnusableExamples
from pipeline.operations.trouble import UsageRefused, refused_path
from pipeline.sources.encodings.confluent import MAGIC
from pipeline.sources.encodings.schemas import Schema, SchemaKind
from pipeline.sources.settings import SourceSettings

_KINDS: Final[Mapping[str, SchemaKind]] = {".avsc": "AVRO", ".json": "JSON", ".desc": "PROTOBUF"}
_ANY_ID: Final = 1


def schemas_in(folder: Path) -> Mapping[int, Schema]:
    """The schemas of a folder by the ids that are their names, such as 7.avsc.

    .avsc and .json hold the schema; .desc holds a FileDescriptorProto.

    Raises:
        UsageRefused: the folder, or one of these files, cannot be read.
    """
    found: dict[int, Schema] = {}
    try:
        files = sorted(folder.iterdir())
    except OSError as error:
        remedy = "--schemas: name a folder that this user may read"
        raise refused_path(folder, error, remedy) from None
    for file in files:
        kind = _KINDS.get(file.suffix)
        if kind is not None and file.stem.isdecimal():
            found[int(file.stem)] = Schema(kind, _schema_text(file, kind))
    return found


def _schema_text(file: Path, kind: SchemaKind) -> str:
    try:
        content = file.read_bytes()
        return b64encode(content).decode() if kind == "PROTOBUF" else content.decode()
    except OSError as error:
        raise refused_path(file, error, "let this user read it") from None
    except UnicodeDecodeError:
        raise UsageRefused(f"{file}: is not UTF-8 text; save it as UTF-8") from None


def encoded(
    example: Example, source: SourceSettings, schemas: Mapping[int, Schema]
) -> bytes | None:
    """JSON in the encoding of its source; anything else stands in the example as it is."""
    value = example.value
    if value is None or not example.is_json:
        return value
    if source.encoding in {"json", "json_schema"}:
        return _framed(example.schema_id or _ANY_ID, value) if source.is_framed() else value
    if source.encoding == "avro":
        return _avro(example, source, schemas, value)
    raise UnusableExamples(
        f"{example.place()}: value: of {source.encoding} must stand in value_base64 or value_file"
    )


def _avro(
    example: Example, source: SourceSettings, schemas: Mapping[int, Schema], value: bytes
) -> bytes:
    stream = io.BytesIO()
    try:
        if source.schema_file is not None:
            text = source.schema_file.read_text(encoding="utf-8")
        else:
            text = schemas[example.schema_id or _ANY_ID].text
        fastavro.schemaless_writer(stream, orjson.loads(text), orjson.loads(value))
    except KeyError:
        what = "give schema_id, and --schemas with a folder that has <id>.avsc"
        raise UnusableExamples(f"{example.place()}: value: {what}") from None
    except Exception as error:  # noqa: BLE001 -- a library's many errors, all of the user's example
        what = f"does not fit its Avro schema: {type(error).__name__}"
        raise UnusableExamples(f"{example.place()}: value: {what}") from None
    encoded = stream.getvalue()
    return encoded if source.schema_file else _framed(example.schema_id or _ANY_ID, encoded)


def _framed(schema_id: int, value: bytes) -> bytes:
    return bytes([MAGIC]) + schema_id.to_bytes(4, "big") + value
