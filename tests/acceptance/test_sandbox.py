"""The sandbox as its users meet it: the installed command, and nothing beside it."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from tests.conftest import Cluster

COMMAND = str(Path(sys.executable).with_name("audience-pipeline"))
SMALL = (
    *("sandbox", "--events", "3000", "--members", "700", "--audiences", "6"),
    *("--connections", "2", "--cap", "1800", "--cap-window", "3"),
)

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(110)]


@contextmanager
def command(arguments: Sequence[str], folder: Path) -> Iterator[subprocess.Popen[str]]:
    """The command in flight; stopped in order on leaving, so that nothing of it is left behind."""
    process = subprocess.Popen(
        [COMMAND, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "TMPDIR": str(folder)},
    )
    try:
        yield process
    finally:
        process.terminate()
        process.communicate()


def ledger(output: str, name: str) -> list[int]:
    """The numbers of one row of the ledger; the last is the sum."""
    (row,) = re.findall(rf"^  {name} +([\d, ]+)$", output, re.MULTILINE)
    return [int(number.replace(",", "")) for number in row.split()]


def test_a_small_run_with_faults_reconciles(tmp_path: Path) -> None:
    """
    Three thousand events go all the way, every one is accounted for, and the exit code says so.
    """
    with command([*SMALL, "--faults", "mild", "--seed", "11"], tmp_path) as process:
        output, _ = process.communicate(timeout=90)

    assert process.returncode == 0, output
    assert re.search(r"^reconciled: .* and \d+ members of Adobe's audiences", output, re.MULTILINE)
    assert "--seed 11" in output
    assert ledger(output, "prepared")[-1] > 3_000
    accepted, *ends = (ledger(output, name)[-1] for name in ("accepted", "applied", "invalid"))
    assert accepted == sum(ends)
    assert not list(tmp_path.iterdir()), "a run that ended well leaves nothing behind"


@pytest.mark.kafka
@pytest.mark.timeout(200)
def test_a_run_on_apache_kafka_reconciles_exactly_once(
    apache_kafka: Cluster, tmp_path: Path
) -> None:
    """
    With transactions, and a rough partner.
    """
    # One snapshot after the other takes its transactions there: three audiences show it as well.
    few = ["--audiences", "3", "--faults", "rough", "--broker", apache_kafka.bootstrap_servers]
    with command([*SMALL, *few], tmp_path) as process:
        output, _ = process.communicate(timeout=190)

    assert process.returncode == 0, output
    assert "reconciled: " in output


def test_adobe_can_be_left_out(tmp_path: Path) -> None:
    """
    Then there are only Amazon's lanes, as many audiences as anybody likes, and no files.
    """
    arguments = [*SMALL, "--audiences", "30", "--no-adobe", "--faults", "none"]
    with command(arguments, tmp_path) as process:
        output, _ = process.communicate(timeout=90)

    assert process.returncode == 0, output
    assert "Adobe" not in output


@pytest.mark.skipif(sys.platform != "linux", reason="looks for the child under /proc")
def test_a_pipeline_that_dies_fails_the_run(tmp_path: Path) -> None:
    """
    Killed in the middle, it is reported at once, with the place of its log.
    """
    with command(SMALL, tmp_path) as process:
        output = until(process, "carrying")
        os.kill(pipeline_of(process), signal.SIGKILL)
        output += process.communicate(timeout=60)[0]

    assert process.returncode == 1, output
    assert "error: the pipeline ended by itself with exit code -9" in output
    assert (next(tmp_path.glob("audience-sandbox-*")) / "pipeline.log").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="looks for the child under /proc")
def test_a_run_that_is_stopped_takes_everything_with_it(tmp_path: Path) -> None:
    """
    SIGTERM ends the pipeline in order first; what was not compared is not called reconciled.
    """
    with command(SMALL, tmp_path) as process:
        output = until(process, "carrying")
        child = pipeline_of(process)
        process.terminate()
        output += process.communicate(timeout=60)[0]

    assert process.returncode == 1, output
    assert "stopped before the end" in output
    assert "reconciled: " not in output
    assert not Path(f"/proc/{child}").exists()


@pytest.mark.parametrize(
    ("option", "value"),
    [("--faults", "wild"), ("--events", "0"), ("--cap", "5"), ("--audiences", "30")],
)
def test_a_wrong_option_is_refused_before_anything_starts(option: str, value: str) -> None:
    done = subprocess.run(
        [COMMAND, "sandbox", option, value], capture_output=True, text=True, check=False
    )

    assert done.returncode == 2
    assert option in done.stderr


def test_the_simulator_runs_alone_until_it_is_told_to_stop(tmp_path: Path) -> None:
    """
    Its port is open once it says so, it asks for a token, and SIGTERM ends it with code 0.
    """
    with command(["simulator", "--port", "0", "--faults", "none"], tmp_path) as process:
        said = until(process, "simulator listens at")
        (url,) = re.findall(r"listens at (http://[\d.:]+)", said)
        with pytest.raises(HTTPError, match="401"):
            urlopen(f"{url}/amc/audiences/connections/terms", timeout=5)
        process.terminate()
        process.communicate(timeout=20)

    assert process.returncode == 0


def until(process: subprocess.Popen[str], word: str) -> str:
    """What the command says up to and with the line that holds the word."""
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        said += line
        if word in line:
            return said
    pytest.fail(f"it ended without saying {word!r}:\n{said}")


def pipeline_of(process: subprocess.Popen[str]) -> int:
    """The pipeline that the sandbox runs as its child."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    (found,) = [
        int(child)
        for child in children
        if b"\0run\0--config\0" in Path(f"/proc/{child}/cmdline").read_bytes()
    ]
    return found
