"""The problems of a configuration: one line each, with the remedy.

SettingsError                  the file or the environment is not valid; has every problem
└── SecretUnreadableError      a secret's file became missing or empty while the program ran
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

KeyPath = tuple[str | int, ...]
"""The path of a key in the file: names of keys, and places in lists counted from 0."""

LONGEST_VALUE = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One problem; `value` is shown unchanged, so it must never hold a secret."""

    path: KeyPath
    what: str
    value: str | None = None
    remedy: str = ""
    source: str | None = None
    """The environment variable or other file that has the problem; None: the file being read."""

    def line(self, file: str) -> str:
        """One line: the file or variable, the key, what is wrong, the value, the remedy."""
        parts = [self.source or file, dotted(self.path), self.what, self.value]
        said = ": ".join(part for part in parts if part)
        return f"{said}; {self.remedy}" if self.remedy else said


class SettingsError(Exception):
    """A configuration that is not valid; the text has one line for each problem."""

    def __init__(self, problems: Sequence[Problem], file: str = "settings") -> None:
        super().__init__("\n".join(problem.line(file) for problem in problems))
        self.problems = tuple(problems)


class SecretUnreadableError(SettingsError):
    """A secret's file that could not be read, or held nothing."""


def dotted(path: KeyPath) -> str:
    """A path as text for messages: `audiences[0].destinations[1].country`."""
    return "".join(_link(part) for part in path).removeprefix(".")


def shown(value: object) -> str:
    """A value as text for messages: scalars are shortened.

    Of a mapping or a list only the kind is shown, because it may hold a secret.
    """
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case int() | float():
            return str(value)[:LONGEST_VALUE]
        case str():
            # Text before an @ may be personal data, or a user and password in a URL.
            text = re.sub(r"[^/\s]*@", "…@", value)
            return repr(text if len(text) <= LONGEST_VALUE else text[:LONGEST_VALUE] + "…")
        case _:
            return kind_of(value)


def kind_of(value: object) -> str:
    """The kind of a YAML value in words, without its content."""
    match value:
        case None:
            return "null"
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "a text"
        case list() | tuple():
            return "a list"
        case dict():
            return "a mapping"
        case _:
            return "a value of another kind"


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name most like this one; letter case, `-` and `_` do not count."""
    folded = {_folded(candidate): candidate for candidate in known}
    found = get_close_matches(_folded(name), folded, n=1, cutoff=0.6)
    if found:
        return folded[found[0]]
    # Two letters swapped can look far apart to difflib: "kfaka" shares only "ka" with "kafka".
    jumbled = {"".join(sorted(text)): candidate for text, candidate in folded.items()}
    found = get_close_matches("".join(sorted(_folded(name))), jumbled, n=1, cutoff=0.8)
    return jumbled[found[0]] if found else None


def suggestion(name: str, known: Sequence[str]) -> str:
    """A remedy: the nearest known name as a question, or all known names if none is near."""
    meant = nearest(name, known)
    if meant is not None:
        return f"did you mean {meant!r}?"
    return f"known here: {', '.join(known)}" if known else "remove it"


def _folded(name: str) -> str:
    return name.casefold().replace("-", "_")


def _link(part: str | int) -> str:
    if isinstance(part, int):
        return f"[{part}]"
    return f".{part if part.isprintable() else ascii(part)}"
