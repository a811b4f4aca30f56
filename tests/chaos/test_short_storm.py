"""A short storm for every run of the tests; `make storm` has long ones."""

import logging
from pathlib import Path

import pytest

from tests.chaos.report import table
from tests.chaos.storm import Storm
from tests.chaos.verdict import failures
from tests.conftest import SEED
from tests.servers.apache_kafka import ApacheKafka

SECONDS = 60.0

pytestmark = [pytest.mark.acceptance, pytest.mark.kafka, pytest.mark.timeout(420)]


async def test_a_minute_of_everything_going_wrong_breaks_no_promise(
    own_apache_kafka: ApacheKafka, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """
    Whatever strikes: memberships equal, no window over the cap, every record accounted for.
    """
    # A client whose broker is away says so a thousand times a second.
    caplog.set_level(logging.CRITICAL, "aiokafka")
    storm = Storm(seed=SEED, seconds=SECONDS, kafka=own_apache_kafka, folder=tmp_path)
    evidence = await storm.run()

    found = failures(evidence)
    print(table(evidence, found))
    assert found == []
