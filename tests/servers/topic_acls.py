"""Denies operations on single topics to everybody, as an administrator of the cluster would."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import pytest
from aiokafka.errors import SecurityDisabled
from aiokafka.protocol.admin import CreateAclsRequest, DeleteAclsRequest

from pipeline.kafka.internals import ask_broker
from pipeline.kafka.topic_permissions import forbidden
from tests.conftest import Cluster
from tests.servers.kafka_clients import administering

EVERYBODY: Final = ("User:*", "*")
ANY, ALL, READ, WRITE, DESCRIBE, DESCRIBE_CONFIGS = 1, 2, 3, 4, 8, 10
_TOPIC, _LITERAL = 2, 3
_DENY, _ALLOW = 2, 3


@asynccontextmanager
async def denied(
    cluster: Cluster, topic: str, *operations: int, exists: bool = True
) -> AsyncIterator[None]:
    """Until the end of the block these operations are forbidden, and all others of the topic not.

    Begins and ends once the broker says so itself; it says nothing of a topic before it `exists`,
    nor of what only settings need.
    """
    await _create(cluster, topic, ALL, _ALLOW)
    for operation in operations:
        await _create(cluster, topic, operation, _DENY)
    if exists:
        await _until(cluster, topic, is_denied=True)
    try:
        yield
    finally:
        async with administering(cluster) as admin:
            everything = DeleteAclsRequest(_TOPIC, topic, _LITERAL, *EVERYBODY, ANY, ANY)
            await ask_broker(admin, everything)
        await _until(cluster, topic, is_denied=False)


async def _create(cluster: Cluster, topic: str, operation: int, permission: int) -> None:
    request = CreateAclsRequest(_TOPIC, topic, _LITERAL, *EVERYBODY, operation, permission)
    async with administering(cluster) as admin:
        answer = await ask_broker(admin, request)
    [(code, why)] = answer.creation_responses
    if code == SecurityDisabled.errno:
        pytest.skip("the given cluster denies nothing to anybody: it has no authorizer")
    assert code == 0, why


async def _until(cluster: Cluster, topic: str, *, is_denied: bool) -> None:
    async with asyncio.timeout(30), administering(cluster) as admin:
        while (topic in await forbidden(admin, [topic])) != is_denied:
            await asyncio.sleep(0.1)
