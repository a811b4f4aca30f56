"""Waits until all brokers know topics that were just made.

One broker confirms a new topic before the others know it. A client that asks another broker in
this time logs an error for each topic, though nothing is wrong.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from typing import TypeAlias

from aiokafka import errors as kafka_errors
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.protocol.metadata import MetadataRequest

from pipeline.kafka.internals import ask_broker

PATIENCE_SECONDS = 5.0
LOOK_SECONDS = 0.1
_NOT_YET = {
    kafka_errors.UnknownTopicOrPartitionError.errno,
    kafka_errors.LeaderNotAvailableError.errno,
}

Ask: TypeAlias = Callable[[int], Awaitable[bool]]
"""Returns whether this broker knows all the topics; raises `KafkaError` if it does not answer."""


def telling_of(admin: AIOKafkaAdminClient, topics: Sequence[str]) -> Ask:
    """Return the question for these topics; it creates none of them."""
    request = MetadataRequest(list(topics), allow_auto_topic_creation=False)

    async def ask(broker: int) -> bool:
        answer = (await ask_broker(admin, request, broker)).to_object()
        return not any(map(_is_not_yet, answer["topics"]))

    return ask


async def until_told(ask: Ask, brokers: Collection[int]) -> None:
    """Return once every broker that answers knows the topics, or after some seconds."""
    give_up_at = asyncio.get_running_loop().time() + PATIENCE_SECONDS
    try:
        async with asyncio.timeout_at(give_up_at):
            for broker in brokers:
                while not await _told(ask, broker):  # noqa: ASYNC110 - brokers call nobody
                    await asyncio.sleep(LOOK_SECONDS)
    except TimeoutError:
        return  # the next one that needs a topic waits for it, and logs so


async def _told(ask: Ask, broker: int) -> bool:
    try:
        return await ask(broker)
    except kafka_errors.KafkaError:
        return True  # a broker that is away tells nobody a wrong thing


def _is_not_yet(topic: dict[str, Iterable[dict[str, int]]]) -> bool:
    codes = [topic["error_code"], *(one["error_code"] for one in topic["partitions"])]
    return not _NOT_YET.isdisjoint(codes)
