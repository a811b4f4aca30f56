"""A few strikes at the owner of snapshots for every run of the tests; `make kills` has more."""

import logging
from pathlib import Path

import pytest

from tests.chaos.kills import Kills
from tests.chaos.kills_verdict import failures, table
from tests.chaos.strikes import short_selection
from tests.conftest import SEED, Cluster

pytestmark = [pytest.mark.acceptance, pytest.mark.kafka, pytest.mark.timeout(600)]


async def test_an_owner_killed_and_frozen_at_its_states_runs_no_window_twice_and_loses_nothing(
    apache_kafka: Cluster, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """
    Whoever goes on from what is written: one run a window, all paid for, the newest ingested.
    """
    caplog.set_level(logging.CRITICAL, "aiokafka")
    kills = Kills(
        seed=SEED,
        strikes=short_selection(),
        bootstrap_servers=apache_kafka.bootstrap_servers,
        folder=tmp_path,
    )
    evidence = await kills.run()

    found = failures(evidence)
    print(table(evidence, found))
    assert found == []
