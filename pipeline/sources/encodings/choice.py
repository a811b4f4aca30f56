"""Chooses the decoder of a source."""

from pathlib import Path

from pipeline.domain.reasons import Rejected
from pipeline.settings.problems import Problem, SettingsError
from pipeline.sources.encodings import avro, json_values, protobuf
from pipeline.sources.encodings.confluent import FramedDecoder, without_prefix
from pipeline.sources.encodings.schemas import Decode, Schema, Schemas
from pipeline.sources.settings import SourceSettings


def decoder(settings: SourceSettings, schemas: Schemas) -> Decode:
    """The decoder from bytes to a JSON value; SettingsError if schema_file cannot be used."""
    match settings.encoding:
        case "json" | "json_schema":
            return _json_of(settings, schemas)
        case "avro":
            if settings.schema_file is not None:
                return _avro_of(settings.schema_file)
            return FramedDecoder("AVRO", schemas, avro.of_schema).decode
        case "protobuf":
            if settings.schema_file is not None:
                return _protobuf_of(settings.schema_file, settings.message or "")
            return FramedDecoder("PROTOBUF", schemas, protobuf.of_schema).decode


def _json_of(settings: SourceSettings, schemas: Schemas) -> Decode:
    if not settings.is_framed():
        return json_values.decode
    if settings.registry is None:
        return without_prefix(json_values.decode)
    return FramedDecoder("JSON", schemas, json_values.of_schema).decode


def _avro_of(path: Path) -> Decode:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise _useless(path, type(error).__name__) from None
    decode = avro.of_schema(Schema("AVRO", text))
    if isinstance(decode, Rejected):
        raise _useless(path, decode.detail)
    return decode


def _protobuf_of(path: Path, message: str) -> Decode:
    try:
        return protobuf.of_file(path.read_bytes(), message)
    except Exception as error:  # noqa: BLE001 -- a library's many errors, all of the operator's file
        raise _useless(
            path, f"no descriptor set with the message {message}: {type(error).__name__}"
        ) from None


def _useless(path: Path, why: str) -> SettingsError:
    problem = Problem(path=("schema_file",), what=why, remedy="correct the file", source=str(path))
    return SettingsError([problem])
