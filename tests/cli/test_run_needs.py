"""`run` says what a stage lacks, instead of standing there with nothing to do."""

from pathlib import Path

import pytest

from pipeline.configuration.load import settings_from
from pipeline.configuration.stage_needs import stages_with_work, unmet_needs
from pipeline.destinations.contract import Partners
from pipeline.domain.message import StageName
from tests.cli.test_commands import _logging_is_put_back, run
from tests.configuration.test_example_files import Example
from tests.toys.daily import DAILY
from tests.toys.instant import INSTANT

__all__ = ["_logging_is_put_back"]

SOURCES = "sources: none, so ingest has nothing to read; name the topics of upstream events"


@pytest.mark.parametrize(
    ("key", "stages", "said"),
    [
        ("sources", "ingest,upload,poll", SOURCES),
        ("sources", "ingest", SOURCES),
        ("audiences", "ingest,upload,poll", "audiences: none, so ingest and upload have nowhere"),
        ("audiences", "upload", "audiences: none, so upload has nowhere to send to; add audiences"),
        ("audiences", "ingest", "audiences: none, so ingest has nowhere to send to; add audiences"),
    ],
)
def test_a_stage_without_what_it_needs_is_refused_before_the_brokers_are_asked(
    tmp_path: Path, key: str, stages: str, said: str
) -> None:
    config = Example().put(key, []).write(tmp_path)

    ran = run(["run", "--config", str(config), "--stages", stages])

    assert ran.code == 2
    assert ran.error.startswith(f"error: {config}: {said}")


@pytest.mark.parametrize(
    ("key", "stages"), [("sources", {"upload", "poll"}), ("audiences", {"poll"})]
)
def test_a_stage_that_needs_less_is_not_refused(key: str, stages: set[StageName]) -> None:
    settings = settings_from(Example().put(key, []).document, Path())

    assert list(unmet_needs(settings, stages)) == []


def test_a_stage_that_no_destination_needs_is_refused(tmp_path: Path) -> None:
    config = Example().write(tmp_path)

    ran = run(["run", "--config", str(config), "--stages", "ingest,snapshot"])

    assert ran.code == 2
    assert "destinations: none takes snapshots, so snapshot has nothing to do" in ran.error


@pytest.mark.parametrize(
    ("kinds", "stages"),
    [
        (["instant"], ["ingest", "upload", "poll"]),
        (["daily"], ["ingest", "snapshot"]),
        (["daily", "instant"], ["ingest", "upload", "poll", "snapshot"]),
    ],
)
def test_a_run_does_what_its_destinations_need(kinds: list[str], stages: list[str]) -> None:
    document = {
        "destinations": {kind: {"kind": kind, "api_url": "http://127.0.0.1:9"} for kind in kinds}
    }
    partners: Partners = {one.kind: one for one in (DAILY, INSTANT)}

    assert stages_with_work(settings_from(document, Path(), partners)) == stages
