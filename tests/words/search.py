"""Finds given-up words in a text: as words, in identifiers, over a line's end, in the plural."""

import re
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

from tests.words.table import Allowed, GivenUp

ROOT = Path(__file__).parents[2]
ROOMS = ("pipeline", "tests", "docs", "deploy", "benchmarks", "config")
SUFFIXES = {".py", ".md", ".yaml", ".yml", ".toml", ".json"}
ITSELF = "tests/words/"

GAP = r"[\s_]+(?:# )?"
"""Between two words of one: blanks, an underscore, or the end of a line of a comment."""
GAP_OR_NONE = rf"(?:{GAP})?"


class Finding(NamedTuple):
    """A given-up word and where it stands."""

    path: str
    line: int
    word: GivenUp

    def __str__(self) -> str:
        return f'{self.path}:{self.line}: "{self.word.word}" is given up: {self.word.instead}'


def files(root: Path = ROOT) -> Iterator[Path]:
    """Everything that is written by hand, in the order of its path."""
    yield from sorted(root.glob("*.md"))
    yield from [root / "Makefile", root / "pyproject.toml"]
    for room in ROOMS:
        for path in sorted((root / room).rglob("*")):
            is_ours = not path.relative_to(root).as_posix().startswith(ITSELF)
            if path.suffix in SUFFIXES and path.is_file() and is_ours:
                yield path


def findings(path: str, text: str, words: Sequence[GivenUp]) -> Iterator[Finding]:
    """Every given-up word in a text, its path included: modules have names, too."""
    small = f"{path}\n{text}".lower()
    for word in words:
        # A search for the letters alone is a hundred times as fast, and nearly always enough.
        if word.word.split(" ")[0] not in small:
            continue
        if pattern(word).search(path):
            yield Finding(path, 0, word)
        for match in pattern(word).finditer(text):
            yield Finding(path, text.count("\n", 0, match.start()) + 1, word)


def is_allowed(finding: Finding, allowed: Sequence[Allowed]) -> bool:
    return any(
        one.word == finding.word.word and finding.path.startswith(one.path) for one in allowed
    )


@cache
def pattern(word: GivenUp) -> re.Pattern[str]:
    """Matches `Till`, `CapTill`, `_till`, `tills`, `TILL`, but not `still`, `Tilly` or `until`."""
    parts = word.word.split(" ")
    capital = GAP_OR_NONE.join(part.capitalize() for part in parts)
    if word.as_name_only:
        return re.compile(rf"(?<=[a-z]){capital}(?![a-z])|\b{capital}(?=[A-Z])")
    shapes = [rf"(?<![A-Z]){capital}s?(?![a-z])"]
    shapes += [rf"(?<![A-Za-z]){GAP.join(parts)}s?(?![a-z])"]
    shapes += [rf"(?<![A-Za-z]){GAP.join(part.upper() for part in parts)}S?(?![A-Za-z])"]
    return re.compile("|".join(shapes))
