"""Each rule that a promise rests on is taken out of a copy, and a test must notice."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.conftest import Cluster
from tests.mutation.rules import RULES, Rule

ROOT = Path(__file__).parents[2]
NAMES = [rule.name for rule in RULES]

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(120)]


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """
    What the tests need of this project, to be broken at will; whole, they pass in this run, too.
    """
    folder = tmp_path_factory.mktemp("copy")
    for name in ("pipeline", "tests", "config"):
        shutil.copytree(
            ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "data")
        )
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def failed(copy: Path, tests: Sequence[str], cluster: Cluster) -> list[str]:
    """Names of the tests that fail there; those that could not run are an error."""
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests],
        cwd=copy,
        env={
            **os.environ,
            "KAFKA_BOOTSTRAP_SERVERS": cluster.bootstrap_servers,
            "AUDIENCE_PROPERTIES": "broken",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    could_run = ran.returncode in (0, 1) and not re.search(
        r"^ERROR tests", ran.stdout, re.MULTILINE
    )
    assert could_run, ran.stdout[-2000:]
    return re.findall(r"^FAILED (\S+)", ran.stdout, re.MULTILINE)


@pytest.mark.kafka
@pytest.mark.parametrize("rule", RULES, ids=NAMES)
def test_without_the_rule_a_test_fails(rule: Rule, copy: Path, apache_kafka: Cluster) -> None:
    whole = (ROOT / rule.file).read_text()
    assert whole.count(rule.kept) == 1, f"{rule.file} no longer says this once: {rule.kept!r}"

    (copy / rule.file).write_text(whole.replace(rule.kept, rule.broken))
    try:
        noticed = failed(copy, rule.tests, apache_kafka)
    finally:
        (copy / rule.file).write_text(whole)

    assert noticed, f"nothing fails without this rule: {rule.name}"
    print(f"{rule.name}: {noticed[0]}")
