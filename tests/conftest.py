"""Brokers that tests share: started once, on first use, and told apart by a namespace a test."""

import os
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import pytest
from hypothesis import HealthCheck, Phase, settings

from pipeline.sandbox.broker import EmbeddedBroker
from tests.servers.apache_kafka import ApacheKafka, missing_for_apache_kafka

SEED = int(os.environ.get("AUDIENCE_SEED", "1"))
"""What every test with chance in it begins from: the same in each run, but for `make explore`."""

# How long an example takes says how busy the machine is, and nothing about what is promised.
settings.register_profile(
    "promises", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
# Other examples each time, from the seed that `make explore` prints.
settings.register_profile(
    "explore",
    settings.get_profile("promises"),
    derandomize=False,
    max_examples=int(os.environ.get("AUDIENCE_EXAMPLES", "2000")),
)
# Where it is known that an example fails, none need be made smaller.
settings.register_profile(
    "broken", settings.get_profile("promises"), phases=[Phase.explicit, Phase.generate]
)
settings.load_profile(os.environ.get("AUDIENCE_PROPERTIES", "promises"))


class Cluster(Protocol):
    """What a test may know of a broker that it shares with others."""

    @property
    def bootstrap_servers(self) -> str: ...


@dataclass(frozen=True, slots=True)
class GivenCluster:
    """A cluster that somebody else runs, named by `KAFKA_BOOTSTRAP_SERVERS`."""

    bootstrap_servers: str


@pytest.fixture(scope="session")
def embedded_broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker() as broker:
        yield broker


@pytest.fixture(scope="session")
def apache_kafka() -> Iterator[Cluster]:
    """
    The cluster in KAFKA_BOOTSTRAP_SERVERS, else a broker of this run: shared, never restarted.
    """
    given = os.environ.get("KAFKA_BOOTSTRAP_SERVERS")
    if given:
        yield GivenCluster(given)
        return
    skip_unless_kafka_can_start()
    with ApacheKafka() as kafka:
        yield kafka


@pytest.fixture
def own_apache_kafka() -> Iterator[ApacheKafka]:
    """
    A broker for one test alone, which may stop, kill and restart it.
    """
    skip_unless_kafka_can_start()
    with ApacheKafka() as kafka:
        yield kafka


@pytest.fixture
def namespace() -> str:
    """
    A `kafka.namespace` nobody has used, so that tests and runs can share one cluster.
    """
    return f"test-{uuid.uuid4().hex[:12]}"


def skip_unless_kafka_can_start() -> None:
    missing = missing_for_apache_kafka(os.environ)
    if missing is None:
        return
    if os.environ.get("CI") == "true":
        pytest.fail(f"{missing}; in continuous integration this may not be skipped")
    pytest.skip(missing)
