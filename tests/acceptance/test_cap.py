"""The cap on the real path: never over, and never idle under it."""

from pathlib import Path

import pytest

from tests.cap.run import CapRun
from tests.conftest import Cluster

pytestmark = [pytest.mark.acceptance, pytest.mark.kafka, pytest.mark.timeout(240)]


async def test_a_backlog_uses_nearly_all_of_the_cap_and_never_more(
    apache_kafka: Cluster, tmp_path: Path
) -> None:
    """
    Two connections, three windows, and 98 % of the cap to be had with these batches: 95 % used.
    """
    measured = await CapRun(
        kafka=apache_kafka,
        folder=tmp_path,
        windows=3,
        window_seconds=10.0,
        cap=5000,
        lanes=2,
        replicas=1,
        kept_free=0.02,
    ).measure()

    print(f"used {dict(measured.used())}; largest windows {dict(measured.largest)} of 5000")
    assert len(measured.largest) == 2
    assert max(measured.largest.values()) < measured.cap
    assert min(measured.used().values()) >= 0.95


async def test_replicas_that_come_and_go_never_exceed_the_cap(
    apache_kafka: Cluster, tmp_path: Path
) -> None:
    """
    A rebalance in every window moves lanes from one process to another.
    """
    measured = await CapRun(
        kafka=apache_kafka,
        folder=tmp_path,
        windows=2,
        window_seconds=12.0,
        cap=6000,
        lanes=2,
        replicas=2,
        kept_free=0.02,
    ).measure()

    print(f"used {dict(measured.used())}; largest windows {dict(measured.largest)} of 6000")
    assert len(measured.rebalances) == 2
    assert max(measured.largest.values()) < measured.cap
    assert min(min(measured.by_window(lane)) for lane in measured.arrivals) > 0
