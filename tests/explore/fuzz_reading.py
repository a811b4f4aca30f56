"""Reads every message of a fuzz, and where its groups go on."""

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.kafka.client_options import ClientOptions
from pipeline.kafka.topic_reader import reading
from tests.explore.fuzz_evidence import Message, Place


async def read_messages(
    bootstrap_servers: str,
    groups: Mapping[str, Sequence[str]],
    others: Sequence[str],
    *,
    is_exactly_once: bool,
) -> tuple[Mapping[str, Sequence[Message]], Mapping[tuple[str, int], int]]:
    """All messages by topic, and where each group goes on, which is asked first."""
    options = ClientOptions(bootstrap_servers=bootstrap_servers, client_id="fuzz")
    messages: dict[str, list[Message]] = {}
    committed: dict[tuple[str, int], int] = {}
    async with reading(options, committed_only=is_exactly_once, patience=30) as reader:
        for group, topics in groups.items():
            found = await reader.committed(group, reader.partitions(*topics))
            committed |= {(tp.topic, tp.partition): one.offset for tp, one in found.items()}
        for topic in (*(one for topics in groups.values() for one in topics), *others):
            stand = messages[topic] = []

            def take(record: Any, stand: list[Message] = stand) -> None:
                place = Place(record.topic, record.partition, record.offset)
                stand.append(
                    Message(place, record.timestamp, record.key, record.value, record.headers)
                )

            starts = await reader.oldest(reader.partitions(topic))
            await reader.read(starts, await reader.ends(starts), take)
            stand.sort(key=lambda one: one.place)
    return messages, committed
