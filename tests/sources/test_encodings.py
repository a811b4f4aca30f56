"""Avro and Protobuf are decoded to what the same event would be in JSON."""

import io
from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import fastavro
import orjson
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.descriptor_pb2 import FieldDescriptorProto as Field
from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.reasons import Rejected
from pipeline.settings.problems import SettingsError
from pipeline.sources.encodings import avro, protobuf
from pipeline.sources.encodings.confluent import FramedDecoder
from pipeline.sources.encodings.schemas import Decode, Reference, Schema, Schemas
from pipeline.sources.reading import SchemaNeeded
from tests.sources.messages import Sent, mapped, reader

MEMBERSHIP: dict[str, Any] = {
    "type": "record",
    "name": "Membership",
    "fields": [
        {"name": "id", "type": "long"},
        {"name": "active", "type": "boolean"},
        {"name": "email", "type": ["null", "string"]},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-micros"}},
        {"name": "day", "type": {"type": "int", "logicalType": "date"}},
        {"name": "uuid", "type": {"type": "string", "logicalType": "uuid"}},
        {"name": "raw", "type": "bytes"},
        {
            "name": "amount",
            "type": {"type": "bytes", "logicalType": "decimal", "precision": 20, "scale": 2},
        },
        {"name": "tags", "type": {"type": "array", "items": "string"}},
    ],
}
RECORD = {
    "id": 2**62 + 1,
    "active": False,
    "email": None,
    "at": datetime(2026, 8, 20, 10, 15, 0, 120_000, UTC),
    "day": date(2026, 8, 20),
    "uuid": UUID(int=7),
    "raw": b"\x00\x01",
    "amount": Decimal("77.00"),
    "tags": ["a"],
}


def in_avro(schema: Any, value: object) -> bytes:
    stream = io.BytesIO()
    fastavro.schemaless_writer(stream, schema, value)
    return stream.getvalue()


def avro_decoder(schema: Any, *references: Reference) -> Decode:
    decode = avro.of_schema(Schema("AVRO", orjson.dumps(schema).decode(), references))
    assert not isinstance(decode, Rejected)
    return decode


def test_an_avro_record_becomes_what_its_json_would_be() -> None:
    decoded = avro_decoder(MEMBERSHIP)(in_avro(MEMBERSHIP, RECORD))

    assert decoded == {
        "id": 2**62 + 1,
        "active": False,
        "email": None,
        "at": "2026-08-20T10:15:00.120000+00:00",
        "day": "2026-08-20",
        "uuid": "00000000-0000-0000-0000-000000000007",
        "raw": "AAE=",
        "amount": 77,
        "tags": ["a"],
    }


def test_an_avro_schema_finds_what_it_refers_to() -> None:
    inner = '{"type":"record","name":"Inner","fields":[{"name":"id","type":"string"}]}'
    outer = {"type": "record", "name": "Outer", "fields": [{"name": "inner", "type": "Inner"}]}

    decoded = avro_decoder(outer, Reference("Inner", inner))(b"\x06u-1")

    assert decoded == {"inner": {"id": "u-1"}}


def test_bytes_behind_an_avro_value_say_that_it_is_not_of_this_schema() -> None:
    outcome = avro_decoder("string")(b"\x06u-1 and more")

    assert isinstance(outcome, Rejected)


@pytest.mark.parametrize(
    "items",
    [
        "null",
        {"type": "fixed", "name": "F", "size": 0},
        {"type": "record", "name": "R", "fields": []},
        {"type": "record", "name": "R", "fields": [{"name": "n", "type": "null"}]},
    ],
)
def test_an_array_that_a_few_bytes_could_make_endless_is_refused(items: object) -> None:
    schema = {
        "type": "record",
        "name": "Outer",
        "fields": [
            {
                "name": "deep",
                "type": ["null", {"type": "map", "values": {"type": "array", "items": items}}],
            }
        ],
    }

    refused = avro.of_schema(Schema("AVRO", orjson.dumps(schema).decode()))

    assert isinstance(refused, Rejected)
    assert "no bound" in refused.detail


@pytest.mark.parametrize("text", ["", "nonsense", "[]", '{"type":"record"}', '"Unknown"', "7"])
def test_what_is_no_avro_schema_rejects_its_messages(text: str) -> None:
    assert isinstance(avro.of_schema(Schema("AVRO", text)), Rejected) or text == "[]"


@given(st.binary(max_size=200))
def test_any_bytes_are_avro_or_rejected(value: bytes) -> None:
    flag = {"type": "enum", "name": "E", "symbols": ["A", "B"]}
    for schema in (
        MEMBERSHIP,
        flag,
        "string",
        ["null", "bytes"],
        {"type": "map", "values": "long"},
    ):
        avro_decoder(schema)(value)


def test_a_schema_that_refers_to_itself_is_refused() -> None:
    """
    The library decodes by recursion in C: a chain of a million ends the process, not the message.
    """
    node = {
        "type": "record",
        "name": "Node",
        "fields": [{"name": "next", "type": ["null", "Node"]}],
    }
    round_about = {
        "type": "record",
        "name": "A",
        "fields": [
            {
                "name": "b",
                "type": {
                    "type": "record",
                    "name": "B",
                    "fields": [{"name": "a", "type": {"type": "array", "items": "A"}}],
                },
            }
        ],
    }
    by_reference = {"type": "record", "name": "C", "fields": [{"name": "n", "type": "Node"}]}
    reference = Reference("Node", orjson.dumps(node).decode())

    outcomes = [
        avro.of_schema(Schema("AVRO", orjson.dumps(schema).decode(), references))
        for schema, references in ((node, ()), (round_about, ()), (by_reference, (reference,)))
    ]

    assert all(isinstance(outcome, Rejected) for outcome in outcomes)
    assert all("refers to itself" in outcome.detail for outcome in outcomes)  # type: ignore[union-attr]


def test_a_type_that_is_used_twice_does_not_refer_to_itself() -> None:
    inner = {"type": "record", "name": "Inner", "fields": [{"name": "id", "type": "string"}]}
    outer = {
        "type": "record",
        "name": "Outer",
        "fields": [{"name": "first", "type": inner}, {"name": "second", "type": "Inner"}],
    }

    assert avro_decoder(outer)(b"\x02a\x02b") == {"first": {"id": "a"}, "second": {"id": "b"}}


# Protobuf: the file is put together here, as no compiler is at hand.


def file_of(
    name: str, *messages: descriptor_pb2.DescriptorProto, imports: tuple[str, ...] = ()
) -> descriptor_pb2.FileDescriptorProto:
    return descriptor_pb2.FileDescriptorProto(
        name=name, package="acme", syntax="proto3", message_type=messages, dependency=imports
    )


def message(
    name: str, *fields: Field, nested: tuple[descriptor_pb2.DescriptorProto, ...] = ()
) -> descriptor_pb2.DescriptorProto:
    return descriptor_pb2.DescriptorProto(name=name, field=fields, nested_type=nested)


def field(
    name: str, number: int, kind: int, of: str = "", label: int = Field.LABEL_OPTIONAL, **more: Any
) -> Field:
    return Field(name=name, number=number, type=kind, type_name=of or None, label=label, **more)  # type: ignore[arg-type]


MEMBER = message("Member", field("id", 1, Field.TYPE_INT64), field("email", 2, Field.TYPE_STRING))
CHANGE = descriptor_pb2.DescriptorProto(
    name="Change",
    field=[
        field("audience", 1, Field.TYPE_STRING),
        field("is_member", 2, Field.TYPE_BOOL),
        field("member", 3, Field.TYPE_MESSAGE, ".acme.Member"),
        field("at", 4, Field.TYPE_MESSAGE, ".google.protobuf.Timestamp"),
        field("op", 5, Field.TYPE_ENUM, ".acme.Change.Op"),
        field("tags", 6, Field.TYPE_STRING, label=Field.LABEL_REPEATED),
        field(
            "counts", 7, Field.TYPE_MESSAGE, ".acme.Change.CountsEntry", label=Field.LABEL_REPEATED
        ),
        field("raw", 8, Field.TYPE_BYTES),
        field("country", 9, Field.TYPE_MESSAGE, ".google.protobuf.StringValue"),
        field("crm", 10, Field.TYPE_MESSAGE, ".google.protobuf.Int64Value"),
        field("others", 11, Field.TYPE_MESSAGE, ".acme.Member", label=Field.LABEL_REPEATED),
        field("more", 12, Field.TYPE_MESSAGE, ".google.protobuf.Struct"),
    ],
    nested_type=[
        descriptor_pb2.DescriptorProto(
            name="CountsEntry",
            field=[field("key", 1, Field.TYPE_STRING), field("value", 2, Field.TYPE_INT64)],
            options=descriptor_pb2.MessageOptions(map_entry=True),
        ),
        message("Inner", field("name", 1, Field.TYPE_STRING)),
    ],
    enum_type=[
        descriptor_pb2.EnumDescriptorProto(
            name="Op",
            value=[
                descriptor_pb2.EnumValueDescriptorProto(name="ENTER", number=0),
                descriptor_pb2.EnumValueDescriptorProto(name="EXIT", number=1),
            ],
        )
    ],
)
WELL_KNOWN = tuple(f"google/protobuf/{name}.proto" for name in ("timestamp", "wrappers", "struct"))
MEMBER_FILE = file_of("member.proto", MEMBER)
CHANGE_FILE = file_of("change.proto", CHANGE, imports=("member.proto", *WELL_KNOWN))


def serialized(file: descriptor_pb2.FileDescriptorProto) -> str:
    return b64encode(file.SerializeToString()).decode()


SCHEMA = Schema(
    "PROTOBUF", serialized(CHANGE_FILE), (Reference("member.proto", serialized(MEMBER_FILE)),)
)


def new_message(name: str) -> Any:
    pool = descriptor_pool.DescriptorPool()
    for known in WELL_KNOWN:
        copy = descriptor_pb2.FileDescriptorProto()
        descriptor_pool.Default().FindFileByName(known).CopyToProto(copy)
        pool.Add(copy)
    pool.Add(MEMBER_FILE)
    pool.Add(CHANGE_FILE)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(name))()


def change() -> Any:
    made = new_message("acme.Change")
    made.audience, made.op, made.raw = "vip", 1, b"\x00\x01"
    made.member.id = 2**62 + 1
    made.at.FromJsonString("2026-08-20T10:15:00.120Z")
    made.tags.append("a")
    made.counts["x"] = 2**60
    made.country.value = "US"
    made.crm.value = 77
    made.others.add(id=5, email="e")
    made.more.update({"a": [1, True]})
    return made


def protobuf_decoder() -> Decode:
    decode = protobuf.of_schema(SCHEMA)
    assert not isinstance(decode, Rejected)
    return decode


def test_a_protobuf_message_keeps_its_numbers_and_its_false() -> None:
    decoded = protobuf_decoder()(b"\x00" + change().SerializeToString())

    assert decoded == {
        "audience": "vip",
        "is_member": False,
        "member": {"id": 2**62 + 1, "email": ""},
        "at": "2026-08-20T10:15:00.120Z",
        "op": "EXIT",
        "tags": ["a"],
        "counts": {"x": 2**60},
        "raw": "AAE=",
        "country": "US",
        "crm": 77,
        "others": [{"id": 5, "email": "e"}],
        "more": {"a": [1.0, True]},
    }


def test_a_message_that_is_not_set_is_absent() -> None:
    decoded = protobuf_decoder()(b"\x00")

    assert isinstance(decoded, dict)
    assert "member" not in decoded
    assert decoded["is_member"] is False


def test_a_nested_message_is_found_by_its_path() -> None:
    inner = new_message("acme.Change.Inner")
    inner.name = "deep"

    decoded = protobuf_decoder()(b"\x04\x00\x02" + inner.SerializeToString())

    assert decoded == {"name": "deep"}


@pytest.mark.parametrize(
    "value", [b"", b"\x02\x0e", b"\x01", b"\xff\xff\xff\xff\xff\xff", b"\x00\xff", b"\x04\x00"]
)
def test_a_path_or_a_message_that_is_none_is_rejected(value: bytes) -> None:
    assert isinstance(protobuf_decoder()(value), Rejected)


@given(st.binary(max_size=200))
def test_any_bytes_are_protobuf_or_rejected(value: bytes) -> None:
    protobuf_decoder()(b"\x00" + value)
    protobuf_decoder()(value)


def test_a_schema_whose_import_is_missing_rejects_its_messages() -> None:
    decode = protobuf.of_schema(Schema("PROTOBUF", serialized(CHANGE_FILE)))

    outcome = decode if isinstance(decode, Rejected) else decode(b"\x00")

    assert isinstance(outcome, Rejected)


def framed(schema_id: int, value: bytes) -> bytes:
    return b"\x00" + schema_id.to_bytes(4, "big") + value


def test_a_schema_is_asked_for_once_and_its_messages_are_read() -> None:
    schemas = Schemas()
    decoder = FramedDecoder("AVRO", schemas, avro.of_schema)

    first = decoder.decode(framed(7, b"\x06u-1"))
    schemas.known[7] = Schema("AVRO", '"string"')
    second = decoder.decode(framed(7, b"\x06u-1"))

    assert first == SchemaNeeded(7)
    assert second == "u-1"


def test_a_schema_of_another_kind_is_refused() -> None:
    schemas = Schemas({7: Schema("JSON", "{}")})

    outcome = FramedDecoder("AVRO", schemas, avro.of_schema).decode(framed(7, b""))

    assert isinstance(outcome, Rejected)


def test_keys_are_decoded_by_their_schema_too() -> None:
    schemas = Schemas(
        {
            7: Schema("AVRO", '"string"'),
            8: Schema(
                "AVRO", '{"type":"record","name":"K","fields":[{"name":"id","type":"string"}]}'
            ),
        }
    )
    keys: dict[str, Any] = {
        "format": "mapping",
        "encoding": "avro",
        "registry": {"url": "http://r"},
    }
    whole = reader(schemas, **keys, mapping=mapped(member={"key": ""}))
    part = reader(schemas, **keys, mapping=mapped(member={"key": "/id"}))

    by_text = whole(Sent(framed(7, b"\x02x"), b"u-1"))
    by_avro = whole(Sent(framed(7, b"\x02x"), framed(7, b"\x06u-1")))
    by_field = part(Sent(framed(7, b"\x02x"), framed(8, b"\x06u-1")))
    unknown = part(Sent(framed(7, b"\x02x"), framed(9, b"\x06u-1")))

    assert [one[0].member_id for one in (by_text, by_avro, by_field)] == ["u-1"] * 3  # type: ignore[index, union-attr]
    assert unknown == SchemaNeeded(9)


def test_a_file_holds_the_schema_where_nothing_frames_the_value(tmp_path: Path) -> None:
    (tmp_path / "m.avsc").write_text(orjson.dumps(MEMBERSHIP).decode())
    files = descriptor_pb2.FileDescriptorSet(file=[MEMBER_FILE])
    (tmp_path / "m.desc").write_bytes(files.SerializeToString())
    by_avro = reader(
        format="mapping",
        encoding="avro",
        framing="none",
        schema_file=str(tmp_path / "m.avsc"),
        mapping=mapped(member={"pointer": "/id"}),
    )
    by_protobuf = reader(
        format="mapping",
        encoding="protobuf",
        framing="none",
        schema_file=str(tmp_path / "m.desc"),
        message="acme.Member",
        mapping=mapped(member={"pointer": "/id"}),
    )
    member = new_message("acme.Member")
    member.id = 5

    first = by_avro(Sent(in_avro(MEMBERSHIP, RECORD)))
    second = by_protobuf(Sent(member.SerializeToString()))

    assert [one[0].member_id for one in (first, second)] == [str(2**62 + 1), "5"]  # type: ignore[index, union-attr]


@pytest.mark.parametrize(
    ("keys", "write"),
    [
        ({"encoding": "avro"}, lambda path: path.write_text("nonsense")),
        ({"encoding": "avro"}, lambda path: path.write_bytes(b"\xff")),
        ({"encoding": "protobuf", "message": "acme.Other"}, lambda path: path.write_bytes(b"")),
        ({"encoding": "protobuf", "message": "acme.Other"}, lambda path: path.write_bytes(b"\xff")),
    ],
)
def test_a_schema_file_of_no_use_is_said_at_the_start(
    tmp_path: Path, keys: dict[str, Any], write: Callable[[Path], object]
) -> None:
    path = tmp_path / "schema"
    write(path)

    with pytest.raises(SettingsError, match="schema_file"):
        reader(format="mapping", framing="none", schema_file=str(path), mapping=mapped(), **keys)
