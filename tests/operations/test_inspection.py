"""What a topic is like, without a person in it; and what its keys show of the order."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.configuration.load import settings_from
from pipeline.kafka.cluster import ClusterTrouble
from pipeline.operations.sources.key_evidence import evidence
from pipeline.operations.sources.message_shapes import inspected, looks_personal, values_at
from pipeline.operations.sources.topic_inspection import inspect, key_evidence
from pipeline.sandbox.broker import EmbeddedBroker
from pipeline.sources.encodings import json_values
from tests.configuration.test_example_files import Example
from tests.servers.kafka_clients import create_topics, producing
from tests.sources.messages import Sent, mapped, reader


class Placed(NamedTuple):
    """
    A message and its partition.
    """

    value: bytes
    key: bytes | None
    partition: int
    headers: Sequence[tuple[str, bytes]] = ()
    timestamp: int = 1_766_225_700_000


def placed(event: object, partition: int = 0, key: bytes | None = b"k") -> Placed:
    return Placed(orjson.dumps(event), key, partition)


EVENT = {
    "op": "enter",
    "user": {"id": "u-1", "email": "ana@example.com", "tags": ["a", "b"]},
    "segments": {"7841ba61-23c1-4bb3-a495-00d3f5fe1e93": {"status": "in"}},
    "by_mail": {"ana@example.com": True},
}


def test_fields_are_shown_by_their_names_and_types_and_never_by_values() -> None:
    found = inspected([placed(EVENT), placed({"op": 1})], json_values.decode)

    fields = {field.pointer: (list(field.types), field.messages) for field in found.fields}
    assert fields == {
        "/op": (["a text", "a number"], 2),
        "/user/id": (["a text"], 1),
        "/user/email": (["a text"], 1),
        "/user/tags/*": (["a text"], 1),
        "/segments/*/status": (["a text"], 1),
        "/by_mail/*": (["a boolean"], 1),
    }
    assert "ana" not in str(dataclasses.asdict(found))


def test_many_names_under_one_are_data_and_no_names() -> None:
    found = inspected([placed({"by": {f"n{n}": 1 for n in range(100)}})], json_values.decode)

    assert [field.pointer for field in found.fields] == ["/by/*"]


def test_encodings_and_keys_are_counted_by_their_kind() -> None:
    messages = [
        Sent(b"{}", b'{"id":1}'),
        Sent(b'{"specversion":"1.0"}', b"u-1"),
        Sent(b"{}", None, [("ce_id", b"1")]),
        Sent(b"\x00\x00\x00\x00\x07abc", b"\xff\xfe"),
        Sent(b"a,b,c", b""),
        Sent(b"\xff\xfe", b"k"),
        Sent(None, b"k"),
    ]

    found = inspected(messages, json_values.decode)

    assert dict(found.values) == {
        "JSON": 1,
        "CloudEvent": 2,
        "framed": 1,
        "text": 1,
        "binary": 1,
        "null": 1,
    }
    assert dict(found.keys) == {"JSON": 1, "text": 4, "null": 1, "binary": 1}
    assert list(found.schema_ids) == [7]
    assert dict(found.headers) == {"ce_id": 1}


def test_different_values_are_shown_where_they_are_few_and_nobodys() -> None:
    messages = [placed({"op": op}) for op in ("enter", "exit", "enter", True, None)]

    found = values_at(messages, json_values.decode, "/op")

    assert list(found.values) == [('"enter"', 2), ('"exit"', 1), ("true", 1), ("null", 1)]


@pytest.mark.parametrize(
    ("pointer", "values", "why"),
    [
        ("/email", ["x"], "name of the field"),
        ("/user/first-name", ["x"], "name of the field"),
        ("/op", ["ana@example.com"], "looks personal"),
        ("/op", ["+12065550100"], "looks personal"),
        ("/op", ["9eceb13483d7f187ec014fd6d4854d14"], "looks personal"),
        ("/op", ["Ana Diaz"], "looks personal"),
        ("/op", [f"v{n}" for n in range(21)], "more than 20"),
        ("/op", [{"a": 1}], "holds objects"),
        ("", ["x"], "name of the field"),
    ],
)
def test_values_that_may_be_somebodys_are_withheld(
    pointer: str, values: list[object], why: str
) -> None:
    messages = [placed({"op": value}) for value in values]

    found = values_at(messages, json_values.decode, pointer)

    assert not found.values
    assert found.withheld is not None
    assert why in found.withheld


@given(st.emails())
def test_an_address_looks_personal(address: str) -> None:
    assert looks_personal(address)


@given(st.binary(max_size=100), st.none() | st.binary(max_size=20))
def test_any_topic_can_be_looked_at(value: bytes, key: bytes | None) -> None:
    found = inspected([Sent(value, key)], json_values.decode)
    values = values_at([Sent(value, key)], json_values.decode, "/a/0")

    assert (found.messages, found.values.total(), found.keys.total()) == (1, 1, 1)
    assert values.withheld is not None or values.different == 1


READ = reader(format="mapping", mapping=mapped(member={"pointer": "/id"}))


def test_a_member_in_two_partitions_proves_that_order_is_broken() -> None:
    found = evidence([placed({"id": "u-1"}, 0), placed({"id": "u-1"}, 1)], READ, partitions=2)

    assert found.judgement == "proven broken"
    assert "u-1" not in found.sentence()


def test_a_null_key_breaks_order_unless_there_is_one_partition() -> None:
    messages = [placed({"id": "u-1"}, key=None)]

    assert evidence(messages, READ, partitions=2).judgement == "broken"
    assert evidence(messages, READ, partitions=1).judgement == "not shown"


def test_nothing_wrong_is_not_shown_and_no_proof() -> None:
    found = evidence([placed({"id": "u-1"}, key=b"u-1"), placed({})], READ, partitions=2)

    assert found.judgement == "not shown"
    assert (found.members, found.key_is_member) == (1, 1)


async def test_a_topic_is_looked_at_beside_the_groups(
    embedded_broker: EmbeddedBroker, namespace: str
) -> None:
    topic = f"{namespace}.cdp"
    await create_topics(embedded_broker, topic, partitions=2)
    async with producing(embedded_broker) as producer:
        for partition in (0, 1):
            for number in range(30):
                event = {"id": f"u-{number}", "op": "enter"}
                await producer.send_and_wait(topic, orjson.dumps(event), partition=partition)
    example = Example().put("kafka.bootstrap_servers", embedded_broker.bootstrap_servers)
    source = {"topic": topic, "format": "mapping", "mapping": mapped(member={"pointer": "/id"})}
    example.put("sources", [source])
    settings = settings_from(example.document, Path())

    report = await inspect(settings, topic, count=20, pointer="/op")
    keys = await key_evidence(settings)

    assert report.inspection.messages == 20
    assert report.values is not None
    assert [value for value, _ in report.values.values] == ['"enter"']
    assert keys[topic].judgement == "proven broken"
    with pytest.raises(ClusterTrouble, match="does not exist"):
        await inspect(settings, f"{topic}x", count=20, pointer=None)
