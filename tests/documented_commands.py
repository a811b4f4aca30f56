"""The commands of ours that documents show, whole lines and mentions in a sentence."""

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

ROOT = Path(__file__).parents[1]
NAME = "audience-pipeline"
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`([^`\n]+)`")
_CALL = re.compile(r"(?:^|[\s/(])audience-pipeline((?:\s+[^|;&\n]*)?)")
_REDIRECTION = re.compile(r"\s(?:<<?|>)\s*\S+")
_PLACEHOLDERS = {"FILE|-": "-", "ID": "7", "N": "1", "P": "8080", "SECONDS": "1"}
"""What stands in a document for a value, where a value of another kind would be refused."""


@dataclass(frozen=True, slots=True)
class Documented:
    """A command as a document shows it, after the name of the program."""

    document: str
    words: tuple[str, ...]
    is_whole: bool
    """It stands on a line of its own and can be typed so; a mention may leave options out."""

    def __str__(self) -> str:
        return f"{self.document}: {' '.join(self.words)}"


def documents() -> Sequence[Path]:
    """Everything that a person reads: pages, configurations with comments, alerts."""
    patterns = ("*.md", "docs/**/*.md", "deploy/**/*.md", "config/*.yaml", "deploy/**/*.y*ml")
    found = {path for pattern in patterns for path in ROOT.glob(pattern)}
    return sorted(path for path in found if path.name != "CHANGELOG.md")


def documented_commands(groups: set[str]) -> Sequence[Documented]:
    """Every command of every document, each once. `groups`: first words that need a second."""
    found: dict[Documented, None] = {}
    for path in documents():
        text = path.read_text(encoding="utf-8")
        name = str(path.relative_to(ROOT))
        for words in _whole(text):
            found[Documented(name, words, is_whole=True)] = None
        prose = text if path.suffix != ".md" else _FENCE.sub("", text)
        for words in _mentioned(prose, groups):
            found[Documented(name, words, is_whole=False)] = None
    return list(found)


def _whole(text: str) -> Iterator[tuple[str, ...]]:
    for language, block in _FENCE.findall(text):
        for line in _typed(language, block):
            call = _CALL.search(line)
            if call and call[1].strip():
                words = shlex.split(_REDIRECTION.sub("", call[1]), comments=True)
                # Named once for the whole block, by the variable.
                is_named = "export AUDIENCE_PIPELINE_CONFIG" in block and "--config" not in words
                yield (*words, "--config", "FILE") if is_named else tuple(words)


def _typed(language: str, block: str) -> Iterator[str]:
    """Lines of shell, continued ones joined; of a console what was typed."""
    joined = block.replace("\\\n", " ")
    if language == "console":
        yield from (line[2:] for line in joined.splitlines() if line.startswith("$ "))
    elif language in ("", "sh", "bash", "shell"):
        yield from joined.splitlines()


def _mentioned(prose: str, groups: set[str]) -> Iterator[tuple[str, ...]]:
    for span in _SPAN.findall(prose):
        said = span.replace("\\|", "|").replace("…", "").strip()
        if said.startswith(f"{NAME} "):
            said = said.removeprefix(NAME).strip()
        elif said.partition(" ")[0] not in groups or " " not in said:
            continue
        yield from _alternatives(said)


def _alternatives(said: str) -> Iterator[tuple[str, ...]]:
    """`lanes list|pause` is two commands; what is in brackets is taken to be said."""
    words = re.sub(r"[\[\]]", "", said).split()
    choices = [
        [_PLACEHOLDERS[word]] if word in _PLACEHOLDERS else word.split("|") for word in words
    ]
    yield from product(*choices)
