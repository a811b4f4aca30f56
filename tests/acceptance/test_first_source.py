"""The way from `config init --format` to a record at the partner, by the words of its page."""

import re
import sys
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.acceptance.test_readme import PATIENCE, elsewhere, served, shell, wait_for

__all__ = ["elsewhere"]

PAGE = Path(__file__).parents[2] / "docs" / "sources" / "README.md"

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(180)]


def blocks() -> list[str]:
    text = PAGE.read_text(encoding="utf-8")
    [begin] = re.findall(r"^## Begin\n(.*?)(?=^## )", text, re.MULTILINE | re.DOTALL)
    return re.findall(r"^```sh\n(.*?)^```", begin, re.MULTILINE | re.DOTALL)


def test_an_event_of_a_platform_reaches_the_partner_by_the_words_of_the_page(
    tmp_path: Path, elsewhere: Mapping[str, str]
) -> None:
    """
    Every line as it stands, but for the ports, which others may use on this machine.
    """
    beginning, exports, serving, producing = blocks()
    partner = elsewhere["AUDIENCE_PIPELINE__DESTINATIONS__AMAZON_NA__API_URL"]
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    environment = {**elsewhere, "PATH": path}
    exported = exports.replace("http://localhost:8080", partner)
    *commands, asking = producing.splitlines()

    begun = shell(beginning, tmp_path, environment)
    with served(exported + serving, tmp_path, environment) as shown:
        wait_for(shown, "partitions assigned")
        told = shell(exported + "\n".join(commands), tmp_path, environment)
        [url] = re.findall(r"http\S+", asking)
        deadline = time.monotonic() + PATIENCE
        held = ""
        while "u-1001" not in held:
            assert time.monotonic() < deadline, shown.read_text()
            time.sleep(0.2)
            with urllib.request.urlopen(url.replace("http://localhost:8080", partner)) as answer:
                held = answer.read().decode()

    assert "5 passed, 0 failed" in begun
    assert "1 messages" in told
    assert '"action":"add"' in held
