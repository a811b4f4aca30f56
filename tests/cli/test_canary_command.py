"""`canary` does nothing on a live account that was not said."""

from pathlib import Path

from tests.cli.test_commands import _logging_is_put_back, run
from tests.configuration.test_example_files import Example

__all__ = ["_logging_is_put_back"]


def test_without_a_yes_nothing_is_made(tmp_path: Path) -> None:
    refused = run(["canary", "--config", str(Example().write(tmp_path))])

    assert "say --yes" in refused.error


def test_a_configuration_without_snapshots_has_nothing_to_try_out(tmp_path: Path) -> None:
    refused = run(["canary", "--yes", "--config", str(Example().write(tmp_path))])

    assert "none takes snapshots, and this command" in refused.error
