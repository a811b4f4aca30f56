"""The README's way from a clone to somebody's own event, done word by word."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipeline.sandbox.server_process import free_port

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PATIENCE = 60.0

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(180)]


def passage(heading: str) -> str:
    """What stands under a heading, up to the next one."""
    found = re.search(rf"^#+ {heading}\n(.*?)(?=^#+ )", README, re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]


def blocks(language: str) -> list[str]:
    text = passage("From clone to my own event")
    found = re.findall(r"^```(\w*)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return [block for of, block in found if of == language]


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """As a clone is after `make install`."""
    (tmp_path / "config").symlink_to(ROOT / "config")
    (tmp_path / ".venv").symlink_to(sys.prefix)
    return tmp_path


@pytest.fixture
def elsewhere() -> Mapping[str, str]:
    """Other ports than the README's, which somebody may use on this machine."""
    partner = f"http://localhost:{free_port()}"
    prefix = "AUDIENCE_PIPELINE__"
    return {
        f"{prefix}KAFKA__BOOTSTRAP_SERVERS": f"localhost:{free_port()}",
        f"{prefix}DESTINATIONS__AMAZON_NA__API_URL": partner,
        f"{prefix}DESTINATIONS__AMAZON_NA__TOKEN_URL": f"{partner}/auth/o2/token",
        f"{prefix}ADMIN__PORT": str(free_port()),
    }


@contextmanager
def served(script: str, clone: Path, ports: Mapping[str, str]) -> Iterator[Path]:
    """The first terminal; ended as by Ctrl-C. Gives what it shows."""
    shown = clone / "shown"
    *before, last = script.rstrip().splitlines()
    with shown.open("w") as output:
        process = subprocess.Popen(
            # Its last command takes the place of the shell, so that a signal reaches it.
            ["bash", "-ec", "\n".join([*before, f"exec {last}"])],
            cwd=clone,
            env={**os.environ, **ports},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield shown
    finally:
        process.terminate()
        code = process.wait(timeout=60)
    assert code == 0, shown.read_text()


def shell(script: str, clone: Path, ports: Mapping[str, str]) -> str:
    done = subprocess.run(
        ["bash", "-ec", script],
        cwd=clone,
        env={**os.environ, **ports},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def wait_for(shown: Path, words: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while words not in shown.read_text():
        assert time.monotonic() < deadline, shown.read_text()
        time.sleep(0.2)


def test_an_event_of_ones_own_arrives_by_the_words_of_the_readme(
    clone: Path, elsewhere: Mapping[str, str]
) -> None:
    """
    Two terminals, every line as it stands; only the installation is done already.
    """
    first, second = blocks("sh")
    [output] = blocks("")
    installing, serving = first.split("\n", 1)
    export, asking = second.splitlines()[0], second.splitlines()[-1]

    with served(serving, clone, elsewhere) as shown:
        wait_for(shown, "partitions assigned")
        written = shell(second, clone, elsewhere)
        found = written
        deadline = time.monotonic() + PATIENCE
        while "SUCCEEDED" not in found:
            assert time.monotonic() < deadline, found
            found = shell(f"{export}\n{asking}", clone, elsewhere)
        checked = shell(f"{export}\naudience-pipeline check --online", clone, elsewhere)
        planned = shell(f"{export}\naudience-pipeline audiences plan", clone, elsewhere)

    told, heading, line = output.splitlines()
    assert installing == "make install"
    assert written.splitlines()[0] == told
    assert found.splitlines()[-2].split() == heading.split()
    assert found.splitlines()[-1].split()[:4] == line.split()[:4]
    assert "configuration is valid" in checked
    assert planned.splitlines()[-1] == "1 unchanged"


def test_the_event_of_the_passage_is_the_one_that_is_explained() -> None:
    explained = re.search(r"```json\n(.*?)```", passage("The event"), re.DOTALL)

    assert explained is not None
    assert explained[1].strip() in passage("From clone to my own event")
