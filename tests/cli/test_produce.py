"""`produce` writes what an upstream would: where, keyed by whom, and how many."""

import asyncio
import json
from pathlib import Path

import pytest

from pipeline.sandbox.broker import EmbeddedBroker
from tests.cli.test_commands import Ran, _logging_is_put_back, run
from tests.configuration.test_example_files import Example
from tests.conftest import Cluster
from tests.servers.kafka_clients import create_topics, reading

__all__ = ["_logging_is_put_back"]


def event(member: str) -> str:
    return json.dumps({"audience": "vip", "member": {"id": member}})


@pytest.fixture
def config(embedded_broker: EmbeddedBroker, namespace: str, tmp_path: Path) -> Path:
    example = Example().put("kafka.bootstrap_servers", embedded_broker.bootstrap_servers)
    example.put("kafka.exactly_once", False)
    return example.put("sources", [{"topic": f"{namespace}.events"}]).write(tmp_path)


async def types(config: Path, *words: str, answers: str = "") -> Ran:
    return await asyncio.to_thread(run, ["produce", *words, "--config", str(config)], answers)


async def found(cluster: Cluster, topic: str, count: int) -> dict[bytes, list[int]]:
    """The partitions of the messages of each key."""
    partitions: dict[bytes, list[int]] = {}
    async with reading(cluster) as consumer:
        consumer.subscribe([topic])
        async with asyncio.timeout(60):
            for _ in range(count):
                message = await consumer.getone()
                partitions.setdefault(message.key, []).append(message.partition)
    return partitions


async def test_events_of_one_member_share_a_partition(
    config: Path, embedded_broker: EmbeddedBroker, namespace: str, tmp_path: Path
) -> None:
    await create_topics(embedded_broker, f"{namespace}.events", partitions=4)
    many = tmp_path / "events.jsonl"
    many.write_text("\n".join(event(f"u-{number % 7}") for number in range(1_001)))

    wrote = await types(config, str(many))
    one = await types(config, "-", answers=event("u-0"))

    assert wrote.out == f"1001 events written to {namespace}.events\n"
    assert one.out == f"1 event written to {namespace}.events\n"
    partitions = await found(embedded_broker, f"{namespace}.events", 1_002)
    assert set(partitions) == {b"u-%d" % number for number in range(7)}
    assert all(len(set(places)) == 1 for places in partitions.values())


async def test_what_stands_before_a_broken_line_is_written_and_counted(
    config: Path, embedded_broker: EmbeddedBroker, namespace: str
) -> None:
    await create_topics(embedded_broker, f"{namespace}.events", partitions=1)
    text = f"{event('u-1')}\n{event('u-2')}\nnonsense\n{event('u-3')}\n"

    refused = await types(config, "-", answers=text)

    assert refused.code == 1
    assert "line 3: not JSON" in refused.error
    assert "2 events before it are written" in refused.error
    assert set(await found(embedded_broker, f"{namespace}.events", 2)) == {b"u-1", b"u-2"}


async def test_a_topic_that_is_not_there_is_not_made(config: Path, namespace: str) -> None:
    refused = await types(config, "-", answers=event("u-1"))

    assert f"topic {namespace}.events does not exist" in refused.error


async def test_without_a_broker_it_gives_up_because_somebody_waits_for_it(tmp_path: Path) -> None:
    """
    `kafka.startup_timeout_seconds` lets a service wait for ever; a person gets an answer.
    """
    nobody = Example().put("kafka.bootstrap_servers", "127.0.0.1:1")
    nobody.put("sources", [{"topic": "cdp.events"}])

    refused = await types(nobody.write(tmp_path), "-", answers=event("u-1"))

    assert refused.code == 1
    assert "kafka.bootstrap_servers: no Kafka answers at 127.0.0.1:1" in refused.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("-", "--topic", "evnts"), "no source 'evnts'"),
        (("nowhere.json",), "nowhere.json: no such file or directory; name a file"),
        (("/",), "/: is a directory; name a file"),
    ],
)
async def test_what_does_not_exist_is_named(
    config: Path, words: tuple[str, ...], said: str
) -> None:
    refused = await types(config, *words)

    assert (refused.code, said in refused.error) == (2, True)


async def test_a_file_that_is_no_text_is_named_and_not_quoted(
    config: Path, namespace: str, embedded_broker: EmbeddedBroker, tmp_path: Path
) -> None:
    """
    What stands before it is written, as before any line that cannot be read.
    """
    await create_topics(embedded_broker, f"{namespace}.events")
    file = tmp_path / "events.jsonl"
    file.write_bytes(event("u-1").encode() + b"\n" * 100_000 + b'{"name": "Jos\xe9"}')

    refused = await types(config, str(file))

    assert refused.code == 1
    assert f"{file}: is not UTF-8 text; save it as UTF-8; 1 events before it" in refused.error
