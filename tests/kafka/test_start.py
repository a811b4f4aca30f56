"""Clients of the cluster at start, while nobody is there."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from pipeline.kafka import closing
from pipeline.kafka.client_options import ClientOptions
from pipeline.kafka.cluster import ClusterTrouble, started
from pipeline.kafka.group_consumer import GroupOptions, make_consumer
from pipeline.kafka.producer import make_producer
from pipeline.sandbox.server_process import free_port

OPTIONS = GroupOptions(
    group="g",
    startup_timeout=1.0,
    session_timeout=6.0,
    heartbeat_interval=1.0,
    rebalance_timeout=10.0,
    drain=1.0,
    grace=1.0,
    instance_id=None,
    commits=True,
    read_committed=True,
    starts={},
)


@pytest.mark.parametrize(
    ("make", "close"),
    [
        (lambda connection: make_consumer(connection, OPTIONS), closing.stop),
        (
            lambda connection: make_producer(connection, idempotent=True),
            AIOKafkaProducer.stop,
        ),
    ],
    ids=["a member of a group", "a producer"],
)
async def test_a_broker_that_stays_away_is_waited_for_and_then_named_with_its_key(
    make: Callable[[ClientOptions], Any], close: Callable[[Any], Awaitable[None]]
) -> None:
    """
    It may have answered a moment before: that is no internal error.
    """
    address = f"127.0.0.1:{free_port()}"
    connection = ClientOptions(bootstrap_servers=address, client_id="test")

    with pytest.raises(ClusterTrouble, match=f"bootstrap_servers: no Kafka answers at {address}"):
        await started(lambda: make(connection), close, connection, patience=1.0)
