"""Waits until the brokers tell of topics that were just made.

They say that a topic is made before each of them knows it. A client that asks one of the others
meanwhile logs an error for each topic, though nothing is wrong.
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
"""Whether this broker tells of all the topics; raises `KafkaError` where it does not answer."""


def telling_of(admin: AIOKafkaAdminClient, topics: Sequence[str]) -> Ask:
    """Asks for the topics by their names, and has none of them made."""
    request = MetadataRequest(list(topics), allow_auto_topic_creation=False)

    async def ask(broker: int) -> bool:
        answer = (await ask_broker(admin, request, broker)).to_object()
        return not any(map(_is_not_yet, answer["topics"]))

    return ask


async def until_told(ask: Ask, brokers: Collection[int]) -> None:
    """Return once each of the brokers that answer tells of the topics, or after some seconds."""
    give_up_at = asyncio.get_running_loop().time() + PATIENCE_SECONDS
    try:
        async with asyncio.timeout_at(give_up_at):
            for broker in brokers:
                while not await _told(ask, broker):  # noqa: ASYNC110 - brokers call nobody
                    await asyncio.sleep(LOOK_SECONDS)
    except TimeoutError:
        return  # whoever asks next waits for itself, and logs that it does


async def _told(ask: Ask, broker: int) -> bool:
    try:
        return await ask(broker)
    except kafka_errors.KafkaError:
        return True  # nobody is told anything by this one


def _is_not_yet(topic: dict[str, Iterable[dict[str, int]]]) -> bool:
    codes = [topic["error_code"], *(one["error_code"] for one in topic["partitions"])]
    return not _NOT_YET.isdisjoint(codes)
