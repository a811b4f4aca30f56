"""A partner of snapshots, as far as its settings, `check` and the types of the contract."""

from pathlib import Path
from typing import Any

import pytest

from pipeline.configuration.identities import Identities
from pipeline.configuration.load import Configuration, settings_from
from pipeline.destinations.contract import Partners
from pipeline.destinations.snapshots import Snapshots
from pipeline.operations import check
from pipeline.operations.partner_api import partner_apis
from pipeline.operations.starting_configuration import kinds, starting_configuration
from pipeline.operations.trouble import UsageRefused
from pipeline.settings.problems import SettingsError
from tests.toys.daily import DAILY, DailyFiles
from tests.toys.instant import INSTANT

PARTNERS: Partners = {one.kind: one for one in (DAILY, INSTANT)}
NOBODY = "http://127.0.0.1:9"


def document(*audience_keys: str) -> dict[str, Any]:
    return {
        "kafka": {"bootstrap_servers": "127.0.0.1:9", "namespace": "toys"},
        "sources": [{"topic": "cdp"}],
        "destinations": {"files": {"kind": "daily", "api_url": NOBODY}},
        "audiences": [
            {"audience": key, "destinations": [{"destination": "files", "audience_key": key}]}
            for key in audience_keys
        ],
    }


def test_check_speaks_of_a_snapshot_destination(tmp_path: Path) -> None:
    settings = settings_from(document("runners"), tmp_path, PARTNERS)

    found = [one.text for one in check.offline(Configuration(settings, Identities()), PARTNERS)]

    assert found[:2] == [
        "1 audiences, 0 lanes",
        "snapshots of files: topics toys.members.files, toys.snapshots.files",
    ]
    assert any(one.endswith("audience_key: runners is a toy") for one in found)


async def test_check_online_asks_it(tmp_path: Path) -> None:
    settings = settings_from(document("runners"), tmp_path, PARTNERS)

    async with partner_apis(settings, PARTNERS) as apis:
        [finding] = [one async for one in check.partners(settings, apis, PARTNERS)]

    assert finding.is_bad
    assert "no access token from http://127.0.0.1:9" in finding.text


def test_what_it_says_of_the_configuration_names_the_place(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as error:
        settings_from(document("runners", "walkers"), tmp_path, PARTNERS)

    [problem] = error.value.problems
    assert problem.path == ("destinations", "files", "kind")
    assert problem.what == "takes one audience"


def test_a_key_of_another_partner_is_refused(tmp_path: Path) -> None:
    written = document("runners")
    written["audiences"][0]["destinations"][0]["account"] = "a1"

    with pytest.raises(SettingsError) as error:
        settings_from(written, tmp_path, PARTNERS)

    assert error.value.problems[0].path == ("audiences", 0, "destinations", 0, "account")


def test_two_destinations_of_snapshots_that_are_one_at_the_partner_are_refused(
    tmp_path: Path,
) -> None:
    """
    Each would count the runs that the partner allows alone.
    """
    written = document("runners")
    written["destinations"]["again"] = dict(written["destinations"]["files"])

    with pytest.raises(SettingsError) as error:
        settings_from(written, tmp_path, PARTNERS)

    [problem] = error.value.problems
    assert problem.path == ("destinations", "again")
    assert "'files'" in problem.what


def test_a_topic_of_memberships_is_no_source(tmp_path: Path) -> None:
    """
    But one whose name merely begins alike is.
    """
    written = document("runners")
    written["sources"] = [{"topic": "toys.membership"}, {"topic": "toys.members.files"}]

    with pytest.raises(SettingsError) as error:
        settings_from(written, tmp_path, PARTNERS)

    [problem] = error.value.problems
    assert problem.path == ("sources", 1, "topic")


def test_a_partner_without_a_first_configuration_is_offered_none() -> None:
    assert kinds(PARTNERS) == ()
    with pytest.raises(UsageRefused):
        starting_configuration("daily", PARTNERS)


def test_the_types_of_snapshots_hold() -> None:
    files: Snapshots = DailyFiles()

    assert files.row("m1", ["gold"]) == b"m1,gold\n"
