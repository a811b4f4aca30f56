"""The pages of the formats: their configurations load, and their examples are true."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from pipeline.configuration.load import settings_from
from pipeline.configuration.model import Settings
from pipeline.operations.sources.testing import Report, run_examples
from pipeline.settings.document import parse
from pipeline.sources.formats import FORMATS
from tests.configuration.test_example_files import destination, target

PAGES = Path(__file__).parents[2] / "docs" / "sources"
WITH_EXAMPLES = sorted(
    page.name for page in PAGES.glob("*.md") if "```json" in page.read_text(encoding="utf-8")
)


def blocks(page: str, language: str) -> list[str]:
    text = (PAGES / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def configured(block: str, folder: Path) -> Settings:
    """
    The sources and audiences of a page, with a destination that pages leave out.
    """
    (folder / "secrets").mkdir(exist_ok=True)
    (folder / "secrets" / "registry").write_text("hush")
    document: Any = parse(block, "page")
    audiences = document.get("audiences", [{"audience": "vip-customers"}])
    for audience in audiences:
        audience["destinations"] = [target(country="US")]
    whole = {
        "destinations": {"amazon-na": destination(external_user_id="sha256")},
        **document,
        "audiences": audiences,
    }
    return settings_from(whole, folder)


def run(page: str, folder: Path) -> Report:
    [block] = blocks(page, "yaml")
    cases = [case for text in blocks(page, "json") for case in json.loads(text)]
    (folder / "cases.json").write_text(json.dumps(cases))
    return run_examples(
        configured(block, folder), [folder / "cases.json"], now_ms=1_800_000_000_000
    )


@pytest.mark.parametrize("page", WITH_EXAMPLES)
def test_the_examples_of_a_page_are_true(page: str, tmp_path: Path) -> None:
    report = run(page, tmp_path)

    said = [one.line() for tried in report.failed for one in tried.differences]
    assert said == []
    assert report.untested == []


@pytest.mark.parametrize("page", WITH_EXAMPLES)
def test_a_page_shows_adds_removes_and_what_is_neither(page: str, tmp_path: Path) -> None:
    verdicts = [tried.verdict for tried in run(page, tmp_path).tried]

    actions = {change["action"] for verdict in verdicts for change in verdict.changes}
    assert actions == {"add", "remove"}
    assert any(verdict.ignored or verdict.rejected for verdict in verdicts)


@pytest.mark.parametrize("page", WITH_EXAMPLES)
def test_a_page_says_how_to_set_up_the_key_and_the_traps(page: str) -> None:
    headings = re.findall(r"^## (.*)$", (PAGES / page).read_text(encoding="utf-8"), re.MULTILINE)

    assert headings == ["Set up", "The key", "Configuration", "Examples", "Traps"]


def test_the_overview_leads_to_every_page_and_its_configurations_load(tmp_path: Path) -> None:
    text = (PAGES / "README.md").read_text(encoding="utf-8")

    for block in blocks("README.md", "yaml"):
        assert configured(block, tmp_path).sources
    linked = set(re.findall(r"\]\(([a-z-]+\.md)\)", text))
    assert linked == {page.name for page in PAGES.glob("*.md")} - {"README.md"}


def test_every_format_that_is_shown_has_a_page() -> None:
    paged = {
        name
        for page in WITH_EXAMPLES
        for name in re.findall(r"format: (\w+)", "".join(blocks(page, "yaml")))
    }

    assert paged == {name for name, known in FORMATS.items() if known.is_shown}
