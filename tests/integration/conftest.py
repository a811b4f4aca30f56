"""Both brokers, for what both of them keep."""

import pytest

from tests.conftest import Cluster


@pytest.fixture(
    params=[
        pytest.param("embedded_broker", id="embedded"),
        pytest.param("apache_kafka", id="apache", marks=pytest.mark.kafka),
    ]
)
def cluster(request: pytest.FixtureRequest) -> Cluster:
    found: Cluster = request.getfixturevalue(request.param)
    return found
