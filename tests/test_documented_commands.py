"""Every command that a document shows is one that exists, with these options."""

from typing import Any

import pytest
import yaml
from typer.main import get_command

from pipeline.cli.main import app
from tests.documented_commands import ROOT, Documented, documented_commands, documents

ROOT_COMMAND: Any = get_command(app)
GROUPS = {name for name, one in ROOT_COMMAND.commands.items() if hasattr(one, "commands")}
COMMANDS = documented_commands({*ROOT_COMMAND.commands})


def refusal(documented: Documented) -> str | None:
    """Why the command line would refuse it; None where it would begin to work."""
    command, words = ROOT_COMMAND, list(documented.words)
    path: list[str] = []
    while hasattr(command, "commands"):
        if not words or words[0] not in command.commands:
            known = ", ".join(sorted(command.commands))
            return f"{' '.join(path)} has no {words[:1]}; there are {known}"
        path.append(words[0])
        command = command.commands[words.pop(0)]
    try:
        command.make_context(path[-1], words, resilient_parsing=not documented.is_whole)
    except Exception as error:  # noqa: BLE001 - whatever refuses it
        return f"{type(error).__name__}: {error}"
    return _unknown_options(command, words)


def _unknown_options(command: Any, words: list[str]) -> str | None:
    """Of a mention, which is parsed as if for completion and so refuses nothing."""
    known = {option for parameter in command.params for option in parameter.opts} | {"-h", "--help"}
    unknown = [word for word in words if word.startswith("--") and word not in known]
    return f"no option {unknown[0]}" if unknown else None


@pytest.mark.parametrize("documented", COMMANDS, ids=str)
def test_a_command_that_a_document_shows_exists_with_its_options(documented: Documented) -> None:
    assert refusal(documented) is None


def test_the_documents_show_most_of_what_there_is() -> None:
    shown = {one.words[0] for one in COMMANDS}

    assert {*ROOT_COMMAND.commands} <= shown | {"simulator"}


@pytest.mark.parametrize(
    "words", [("jobs", "replay"), ("audiences",), ("lanes", "list", "--jsno"), ("run",)]
)
def test_a_command_that_does_not_exist_is_found(words: tuple[str, ...]) -> None:
    """
    As documents named the first two once.
    """
    assert refusal(Documented("a page", words, is_whole=True)) is not None


@pytest.mark.parametrize("name", ["simulator", "pipeline", "traffic"])
def test_what_a_container_of_ours_runs_exists_with_its_options(name: str) -> None:
    compose = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text(encoding="utf-8"))

    words = tuple(compose["services"][name]["command"])

    assert refusal(Documented("deploy/compose.yaml", words, is_whole=True)) is None


def test_every_page_is_looked_at() -> None:
    names = {path.name for path in documents()}

    assert {"README.md", "operating.md", "alerts.yml", "production.yaml"} <= names
