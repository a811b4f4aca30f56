"""A short fuzz of the running pipeline for every run of the tests; `make explore` has long ones."""

import logging
from pathlib import Path

import pytest

from pipeline.sandbox.broker import EmbeddedBroker
from tests.conftest import SEED
from tests.explore.fuzz_verdict import failures
from tests.explore.process_fuzz import ProcessFuzz

SECONDS = 8.0

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(300)]


async def test_in_a_random_world_every_record_has_one_end_and_every_process_lives(
    embedded_broker: EmbeddedBroker, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """
    Random events, answers of a partner and messages in our own topics, until all is calm again.
    """
    caplog.set_level(logging.CRITICAL, "aiokafka")
    fuzz = ProcessFuzz(
        seed=SEED,
        seconds=SECONDS,
        bootstrap_servers=embedded_broker.bootstrap_servers,
        is_exactly_once=False,
        folder=tmp_path,
    )
    evidence = await fuzz.run()

    print(f"{fuzz.produced} events, {len(fuzz.forged)} forged messages, {evidence.given}")
    assert failures(evidence) == []
