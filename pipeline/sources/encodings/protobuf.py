"""Decodes Protobuf with a descriptor from the registry or a file."""

import binascii
from base64 import b64decode, b64encode
from collections.abc import Callable, Sequence
from typing import Any, Final

from google.protobuf import (
    any_pb2,
    descriptor_pb2,
    descriptor_pool,
    duration_pb2,
    json_format,
    message_factory,
    struct_pb2,
    timestamp_pb2,
    wrappers_pb2,
)
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from pipeline.domain.reasons import Rejected
from pipeline.sources.encodings.schemas import Decode, Schema
from pipeline.sources.reading import malformed

_WELL_KNOWN: Final = {
    module.DESCRIPTOR.name: module.DESCRIPTOR
    for module in (any_pb2, duration_pb2, struct_pb2, timestamp_pb2, wrappers_pb2)
}
_AS_JSON: Final = frozenset(
    {
        *(f"google.protobuf.{name}" for name in ("Timestamp", "Duration", "Struct", "Value")),
        *(f"google.protobuf.{name}" for name in ("ListValue", "FieldMask", "BoolValue")),
        *(f"google.protobuf.{name}" for name in ("StringValue", "BytesValue")),
    }
)
"""Messages with their own JSON form in which numbers stay numbers."""
_NUMBERS: Final = frozenset(
    f"google.protobuf.{kind}Value"
    for kind in ("Int32", "Int64", "UInt32", "UInt64", "Float", "Double")
)
_LONGEST_VARINT: Final = 5
_MOST_INDEXES: Final = 100
_NO_MESSAGE: Final = malformed("encoding", "the schema has no message at the place that it names")


def of_schema(schema: Schema) -> Decode | Rejected:
    """A decoder of framed values, which begin with the path of the message in its file."""
    try:
        pool = descriptor_pool.DescriptorPool()
        for reference in schema.references:
            file = _file(reference.text)
            file.name = reference.name
            _add(pool, file)
        main = _file(schema.text)
        main.name = main.name or "main.proto"
        _add(pool, main)
    except Exception as error:  # noqa: BLE001 -- a schema of strangers may raise anything, and the stage must go on
        return malformed("encoding", f"the schema is no descriptor: {type(error).__name__}")
    made: dict[tuple[int, ...], Decode | Rejected] = {}

    def decode(value: bytes) -> object:
        indexes, rest = message_indexes(value)
        if indexes is None:
            return _NO_MESSAGE
        decoder = made.get(indexes)
        if decoder is None:
            decoder = made[indexes] = _of_indexes(pool, main, indexes)
        return decoder if isinstance(decoder, Rejected) else decoder(rest)

    return decode


def of_file(descriptors: bytes, name: str) -> Decode:
    """A decoder of values without a prefix; KeyError or DecodeError if the file cannot be used."""
    pool = descriptor_pool.DescriptorPool()
    for file in descriptor_pb2.FileDescriptorSet.FromString(descriptors).file:
        _add(pool, file)
    return _decoder(pool.FindMessageTypeByName(name))


def message_indexes(value: bytes) -> tuple[tuple[int, ...] | None, bytes]:
    """The path of the message in its file, and the rest; a single zero means the first message."""
    count, at = _zigzag(value, 0)
    if count is None or not 0 <= count <= _MOST_INDEXES:
        return None, b""
    indexes: list[int] = []
    for _ in range(count):
        index, at = _zigzag(value, at)
        if index is None or index < 0:
            return None, b""
        indexes.append(index)
    return tuple(indexes) or (0,), value[at:]


def _zigzag(value: bytes, at: int) -> tuple[int | None, int]:
    number = 0
    for shift, byte in enumerate(value[at : at + _LONGEST_VARINT]):
        number |= (byte & 0x7F) << (7 * shift)
        if byte < 0x80:
            return (number >> 1) ^ -(number & 1), at + shift + 1
    return None, at


def _file(text: str) -> descriptor_pb2.FileDescriptorProto:
    try:
        return descriptor_pb2.FileDescriptorProto.FromString(b64decode(text, validate=True))
    except binascii.Error:
        raise ValueError("not base64") from None


def _add(pool: descriptor_pool.DescriptorPool, file: descriptor_pb2.FileDescriptorProto) -> None:
    for needed in file.dependency:
        if needed in _WELL_KNOWN:
            known = descriptor_pb2.FileDescriptorProto()
            _WELL_KNOWN[needed].CopyToProto(known)
            pool.Add(known)
    pool.Add(file)


def _of_indexes(
    pool: descriptor_pool.DescriptorPool,
    file: descriptor_pb2.FileDescriptorProto,
    indexes: Sequence[int],
) -> Decode | Rejected:
    names = [file.package] if file.package else []
    messages: Sequence[descriptor_pb2.DescriptorProto] = file.message_type
    for index in indexes:
        if index >= len(messages):
            return _NO_MESSAGE
        names.append(messages[index].name)
        messages = messages[index].nested_type
    try:
        return _decoder(pool.FindMessageTypeByName(".".join(names)))
    except (KeyError, TypeError) as error:  # an import that the registry did not give
        return malformed("encoding", f"the schema cannot be used: {type(error).__name__}")


def _decoder(descriptor: Descriptor) -> Decode:
    kind = message_factory.GetMessageClass(descriptor)

    def decode(value: bytes) -> object:
        try:
            return _plain(kind.FromString(value))
        except Exception as error:  # noqa: BLE001 -- DecodeError, RecursionError, ValueError of a well-known type: a stranger's bytes must not stop the stage
            return malformed("encoding", f"not Protobuf of its schema: {type(error).__name__}")

    return decode


def _plain(message: Message) -> object:
    """A message as JSON with the schema's field names; 64-bit numbers stay numbers.

    A field without presence gets its default, because false and 0 are not in the message.
    """
    name = message.DESCRIPTOR.full_name
    if name in _AS_JSON:
        return json_format.MessageToDict(message)
    if name in _NUMBERS:
        return message.value  # type: ignore[attr-defined]
    fields = message.DESCRIPTOR.fields
    return {
        field.name: _field(field, getattr(message, field.name))
        for field in fields
        if not field.has_presence or message.HasField(field.name)
    }


def _field(field: Any, value: Any) -> object:
    """The JSON value of one field; `field` is one of the library's two kinds of descriptors."""
    scalar = _SCALARS.get(field.type, _same)
    if field.type == FieldDescriptor.TYPE_ENUM:
        names = field.enum_type.values_by_number
        scalar = lambda number: names[number].name if number in names else number  # noqa: E731
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        inner = field.message_type.fields_by_name["value"]
        return {str(key): _field(inner, value[key]) for key in value}
    if field.is_repeated:
        return [scalar(one) for one in value]
    return scalar(value)


def _same(value: Any) -> object:
    return value


def _bytes(value: Any) -> object:
    return b64encode(value).decode()


_SCALARS: Final[dict[int, Callable[[Any], object]]] = {
    FieldDescriptor.TYPE_BYTES: _bytes,
    FieldDescriptor.TYPE_MESSAGE: _plain,
    FieldDescriptor.TYPE_GROUP: _plain,
}
