"""What the processes of a storm wrote, and what of it should not be there."""

import re
from collections import Counter
from pathlib import Path

MOST_LINES_A_SECOND = 200
_SECOND = re.compile(r"\d\d:\d\d:\d\d(?=\.\d)")
_BAD_LINE = re.compile(r"Traceback|internal:|never retrieved|nhandled|\"exception\"")


def floods(folder: Path) -> list[str]:
    """Processes that wrote more than anybody can read, and in which second."""
    found = []
    for path in sorted(folder.glob("run-*.log")):
        lines = path.read_text(errors="replace").splitlines()
        seconds = Counter(stamp[0] for line in lines if (stamp := _SECOND.search(line)))
        found += [
            f"{path.name}: {count} lines at {second}"
            for second, count in seconds.items()
            if count > MOST_LINES_A_SECOND
        ]
    return found


def bad_lines(folder: Path) -> list[str]:
    return [
        f"{path.name}: {line[:300]}"
        for path in sorted(folder.glob("run-*.log"))
        for line in path.read_text(errors="replace").splitlines()
        if _BAD_LINE.search(line)
    ]
