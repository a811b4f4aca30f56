"""What the documents point at is there: files, folders, headings and targets of make."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DOCUMENTS = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "deploy").rglob("*.md")]
)
LINK = re.compile(r"\[[^\]]+\]\(([^)#\s]+)?(#[^)\s]+)?\)")
PATH = re.compile(r"`((?:[\w.-]+/)+[\w.-]*\.(?:py|md|ya?ml|toml)|tests/[\w/]+)(?:::?\s?\w+)?`")
BESIDE_OURS = {"secrets/"}
"""Paths of the reader's own files, in examples."""


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_every_link_leads_somewhere(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    links = [target for target, _ in LINK.findall(text) if target and "://" not in target]

    missing = [target for target in links if not (document.parent / target).exists()]

    assert missing == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_every_file_that_is_named_exists(document: Path) -> None:
    """
    Named from the root, or from `pipeline/` as ARCHITECTURE does it, or from beside the document.
    """
    named = PATH.findall(document.read_text(encoding="utf-8"))
    bases = [ROOT, ROOT / "pipeline", document.parent]

    missing = [
        path
        for path in named
        if not any((base / path).exists() for base in bases)
        and not path.startswith(tuple(BESIDE_OURS))
    ]

    assert missing == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_every_target_of_make_that_is_named_exists(document: Path) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))

    named = re.findall(r"(?:^|`)make ([a-z-]+)", document.read_text(encoding="utf-8"), re.MULTILINE)

    assert set(named) - targets == set()


def test_every_room_stands_in_the_architecture() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    tree = text[text.index("pipeline/\n") : text.index("config/  deploy/")]
    rooms = {path.parent.name for path in (ROOT / "pipeline").glob("*/__init__.py")}

    assert {room for room in rooms if f" {room}/" not in tree} == set()
