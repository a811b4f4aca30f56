"""Clients of the cluster at start, while nobody is there."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import InvalidTopicError, KafkaConnectionError
from structlog.testing import capture_logs

from pipeline.kafka import closing
from pipeline.kafka.client_options import ClientOptions
from pipeline.kafka.cluster import (
    BrokersAway,
    ClusterTrouble,
    admin_client,
    check_transactions,
    once_they_stay,
    started,
    unless,
)
from pipeline.kafka.group_consumer import GroupOptions, make_consumer
from pipeline.kafka.producer import make_producer
from pipeline.sandbox.server_process import free_port
from tests.conftest import Cluster
from tests.fakes.virtual_loop import run_virtual

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


@dataclass(slots=True)
class LateBroker:
    """A client whose broker answers after so many seconds."""

    at: float

    async def start(self) -> None:
        if asyncio.get_running_loop().time() < self.at:
            raise KafkaConnectionError

    async def stop(self) -> None:
        return None


def test_a_start_waits_as_long_as_it_takes_and_says_once_a_minute_what_for() -> None:
    """
    Ended and started anew by the platform it would wait longer and longer.
    """
    connection = ClientOptions(bootstrap_servers="kafka.example:9092", client_id="test")

    async def story() -> float:
        await started(lambda: LateBroker(305.0), LateBroker.stop, connection, None)
        return asyncio.get_running_loop().time()

    with capture_logs() as logs:
        took = run_virtual(story())

    assert 305.0 <= took < 306.0
    said = [line for line in logs if line["event"] == "waiting for Kafka"]
    assert len(said) == 6
    assert all("kafka.example:9092" in line["trouble"] for line in said)


def test_a_start_that_waits_hears_that_it_is_to_stop() -> None:
    connection = ClientOptions(bootstrap_servers="kafka.example:9092", client_id="test")

    async def story() -> tuple[object, float]:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.call_later(30.0, stop.set)
        work = started(lambda: LateBroker(9e9), LateBroker.stop, connection, None)
        return await unless(stop, work), round(loop.time(), 3)

    assert run_virtual(story()) == (None, 30.0)


@dataclass(slots=True)
class LeavingBrokers:
    """They leave in the middle of whatever is asked of them, until a time."""

    until: float
    asked: int = 0

    async def asked_for_topics(self) -> str:
        self.asked += 1
        if asyncio.get_running_loop().time() < self.until:
            raise BrokersAway("kafka.bootstrap_servers: kafka.example:9092 stopped answering")
        return "topics"


def test_what_brokers_leave_in_the_middle_is_done_anew_and_said_once_a_minute() -> None:
    brokers = LeavingBrokers(until=100.0)

    with capture_logs() as logs:
        found = run_virtual(once_they_stay(brokers.asked_for_topics, None))

    assert found == "topics"
    assert [line["waited_seconds"] for line in logs] == [0, 60]


def test_who_waits_for_so_long_gives_up_then_and_names_the_key() -> None:
    brokers = LeavingBrokers(until=100.0)

    async def story() -> float:
        with pytest.raises(BrokersAway, match=r"bootstrap_servers: kafka\.example:9092"):
            await once_they_stay(brokers.asked_for_topics, 10.0)
        return asyncio.get_running_loop().time()

    assert run_virtual(story()) <= 10.0


@pytest.mark.kafka
async def test_a_broker_that_leaves_while_topics_are_looked_at_is_away_and_not_a_fault_of_ours(
    apache_kafka: Cluster,
) -> None:
    """
    A start goes on when it is back; whatever else the brokers say is no reason to wait.
    """
    options = ClientOptions(bootstrap_servers=apache_kafka.bootstrap_servers, client_id="test")

    with pytest.raises(BrokersAway, match="stopped answering"):
        async with admin_client(options, 10.0):
            raise KafkaConnectionError
    with pytest.raises(InvalidTopicError):
        async with admin_client(options, 10.0):
            raise InvalidTopicError


@pytest.mark.kafka
async def test_a_broker_that_leaves_during_a_transaction_of_the_start_has_transactions(
    apache_kafka: Cluster, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    To be told to configure a cluster without them would be the wrong remedy.
    """

    async def leave(_: AIOKafkaProducer) -> None:
        raise KafkaConnectionError

    monkeypatch.setattr(AIOKafkaProducer, "begin_transaction", leave)
    options = ClientOptions(bootstrap_servers=apache_kafka.bootstrap_servers, client_id="test")

    with pytest.raises(BrokersAway):
        await check_transactions(options, f"{namespace}.ingest.check")
