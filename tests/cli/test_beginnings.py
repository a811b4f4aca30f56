"""What somebody types first: the version, the help, a first configuration, a check of it."""

import json
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml

from pipeline.configuration.load import settings_from
from pipeline.destinations.registry import PARTNERS
from pipeline.operations.starting_configuration import kinds, starting_configuration
from tests.cli.test_commands import _logging_is_put_back, run
from tests.configuration.test_example_files import Example

__all__ = ["_logging_is_put_back"]


def test_the_version_is_told() -> None:
    assert run(["--version"]).out == f"audience-pipeline {version('audience-pipeline')}\n"


@pytest.mark.parametrize("words", [["-h"], ["lanes", "-h"], ["lanes", "list", "-h"]])
def test_help_is_short_to_ask_for_everywhere(words: list[str]) -> None:
    shown = run(words)

    assert shown.code == 0
    assert "Usage" in shown.out


def test_a_shell_can_complete_a_command() -> None:
    """
    As bash asks for it, after the script of `--show-completion` was installed.
    """
    asked = {
        "_AUDIENCE_PIPELINE_COMPLETE": "complete_bash",
        "COMP_WORDS": "audience-pipeline dead",
        "COMP_CWORD": "1",
    }
    command = [str(Path(sys.executable).with_name("audience-pipeline"))]

    told = subprocess.run(
        command, env=os.environ | asked, capture_output=True, text=True, check=False
    )

    assert told.stdout.split() == ["dead-letters"]


def test_the_configuration_can_be_named_by_a_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUDIENCE_PIPELINE_CONFIG", str(Example().write(tmp_path)))

    assert "configuration is valid" in run(["check"]).out


@pytest.mark.parametrize("kind", kinds())
def test_a_first_configuration_is_valid_once_its_secrets_and_audiences_are_there(
    kind: str, tmp_path: Path
) -> None:
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    for name in ("client-secret", "refresh-token"):
        (secrets / name).write_text("hush", encoding="utf-8")
        (secrets / name).chmod(0o600)
    path = tmp_path / "pipeline.yaml"

    written = run(["config", "init", str(path), "--kind", kind])
    shown = run(["config", "init", "--kind", kind])
    document = yaml.safe_load(path.read_text())
    lanes = run(["audiences", "plan", "-h"])

    assert written.code == 0
    assert shown.out == path.read_text() == starting_configuration(kind)
    for audience in document["audiences"]:
        for number, one in enumerate(audience["destinations"], 1):
            one.setdefault(PARTNERS[kind].target.id_key, f"{number}")
    assert settings_from(document, tmp_path).audiences
    assert lanes.code == 0


def test_what_is_there_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "pipeline.yaml"
    path.write_text("mine", encoding="utf-8")

    refused = run(["config", "init", str(path)])

    assert refused.code == 2
    assert f"{path}: file exists; choose another name" in refused.error
    assert path.read_text() == "mine"


def test_a_kind_that_does_not_exist_is_named() -> None:
    refused = run(["config", "init", "--kind", "nobody"])

    assert (refused.code, "no partner 'nobody'" in refused.error) == (2, True)


def test_a_check_for_programs_lists_what_it_found(tmp_path: Path) -> None:
    checked = run(["check", "--json", "--config", str(Example().write(tmp_path))])

    assert checked.found["is_valid"] is True
    assert checked.found["problems"] == []
    assert any("lane amazon-na." in one["text"] for one in checked.found["findings"])


def test_a_check_for_programs_lists_every_problem_with_its_key(tmp_path: Path) -> None:
    example = Example().put("destinations.amazon-na.regio", "NA").put("admin.port", -1)

    checked = run(["check", "--json", "--config", str(example.write(tmp_path))])

    report = json.loads(checked.out)
    assert (checked.code, checked.err, report["is_valid"]) == (2, "", False)
    assert {one["path"] for one in report["problems"]} == {
        "destinations.amazon-na.regio",
        "admin.port",
    }
