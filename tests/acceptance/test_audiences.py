"""The installed command makes a configuration true at the stand-alone simulator, once."""

import json
import re
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
import yaml

from tests.acceptance.deployment import COMMAND
from tests.configuration.test_example_files import destination

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(120)]

CONNECTION = "380208a9-ad45-423d-bb1a-11df587fd280"
DAY = 86_400


@dataclass(frozen=True, slots=True)
class Partner:
    """The simulator as its own process, seen through its own view."""

    url: str

    def view(self, name: str) -> Any:
        with urlopen(f"{self.url}/__simulator__/{name}") as reply:
            return json.load(reply)

    def misbehave(self, wish: dict[str, object]) -> None:
        request = Request(f"{self.url}/__simulator__/faults", json.dumps(wish).encode())
        urlopen(request).close()

    def changes(self) -> Counter[str]:
        endpoints = (one["endpoint"] for one in self.view("requests"))
        return Counter(
            name for name in endpoints if name in {"audiences.create", "audiences.update"}
        )


@pytest.fixture
def partner() -> Iterator[Partner]:
    process = subprocess.Popen(
        [COMMAND, "simulator", "--port", "0", "--seed", "1"], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        found = re.search(r"listens at (http://\S+),", process.stdout.readline())
        assert found
        yield Partner(found[1])
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)


def configured(folder: Path, partner: Partner, *, connection: str, ttl: int) -> Path:
    keys = {"api_url": partner.url, "token_url": f"{partner.url}/auth/o2/token"}
    target = {
        "destination": "amazon-na",
        "connection_id": connection,
        "target_types": ["DSP"],
        "ttl_seconds": ttl,
    }
    path = folder / "pipeline.yaml"
    document = {
        "sources": [{"topic": "cdp.membership"}],
        "destinations": {"amazon-na": destination(**keys)},
        "audiences": [{"audience": "vip-customers", "destinations": [target]}],
    }
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    return path


def command(config: Path, line: str, answers: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [COMMAND, *line.split(), "--config", str(config)],
        input=answers,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_the_configuration_is_made_true_once(partner: Partner, tmp_path: Path) -> None:
    """
    Connection, plan, apply, check; apply again; a shorter ttl, confirmed; apply again.
    """
    config = configured(tmp_path, partner, connection=CONNECTION, ttl=30 * DAY)
    made = command(config, "connections create --dsp-advertiser 585806696618602001 --json")
    connection = json.loads(made.stdout)["connection_id"]
    config = configured(tmp_path, partner, connection=connection, ttl=30 * DAY)

    planned = command(config, "audiences plan --exit-code")
    refused = command(config, "check")
    first = command(config, "audiences apply")
    second = command(config, "audiences apply")
    checked = command(config, "check")

    lock = (tmp_path / "pipeline.lock.yaml").read_bytes()
    assert (planned.returncode, refused.returncode) == (1, 2)
    assert (first.returncode, second.returncode, checked.returncode) == (0, 0, 0), first.stderr
    assert partner.changes() == Counter({"audiences.create": 1})

    configured(tmp_path, partner, connection=connection, ttl=DAY)
    shorter = command(config, "audiences apply", "hide members of 1 audience\n")
    command(config, "audiences apply")

    [entry] = yaml.safe_load(lock)["audiences"]
    shown = command(config, f"audiences show {entry['audience_id']} --json")
    assert shorter.returncode == 0, shorter.stderr
    assert json.loads(shown.stdout)["ttl"] == DAY
    assert partner.changes() == Counter({"audiences.create": 1, "audiences.update": 1})
    assert (tmp_path / "pipeline.lock.yaml").read_bytes() == lock


def test_killed_between_request_and_answer_it_does_not_ask_again(
    partner: Partner, tmp_path: Path
) -> None:
    config = configured(tmp_path, partner, connection=CONNECTION, ttl=DAY)
    slow = {"latency": [20, 20]}
    partner.misbehave({"script": [{"endpoint": "audiences.create", "fault": slow, "times": None}]})

    def asked() -> int:
        struck = partner.view("state")["totals"]["faults"]
        return int(struck.get("scripted", 0))

    process = subprocess.Popen([COMMAND, "audiences", "apply", "--config", str(config)])
    until(lambda: asked() == 1)
    process.kill()
    process.wait()

    again = command(config, "audiences apply")

    assert again.returncode == 1
    assert "it was requested at 20" in again.stderr
    assert "remove its entry from the lock file" in again.stderr
    assert asked() == 1
