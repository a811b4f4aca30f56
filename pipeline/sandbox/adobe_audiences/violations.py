"""Counts what a client of the partner must never do, and keeps the latest examples."""

from collections import Counter, deque
from typing import Final, Literal, TypeAlias, get_args

Violation: TypeAlias = Literal[
    "window_twice",  # two runs of one audience took the same file
    "runs_at_once",  # two runs of one audience went on at the same time
    "several_files",  # a window took more than one file
    "no_file",  # a window took none
    "bad_file",  # a rule of the format was broken
    "broken_request",  # a rule of the API was broken
    "asked_after_end",  # a question about a run after an answer told its end
    "refreshed_credentials",  # that makes the landing zone's credentials of all others invalid
]
_EXAMPLES: Final = 20


class Violations:
    """The counts and the latest examples, without identities."""

    def __init__(self) -> None:
        self.counts: Counter[Violation] = Counter()
        self.examples: deque[str] = deque(maxlen=_EXAMPLES)

    def add(self, violation: Violation, what: str) -> None:
        """Count a violation; `what` is a sentence for people."""
        self.counts[violation] += 1
        self.examples.append(f"{violation}: {what}")

    def shown(self) -> dict[str, int]:
        """Every violation there is, with its count."""
        return {name: self.counts[name] for name in get_args(Violation)}
