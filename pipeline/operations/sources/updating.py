"""Writes what came out into the files of the examples, for whoever has looked and agrees."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson
import yaml

from pipeline.operations.sources.example_files import documents
from pipeline.operations.sources.results import updated
from pipeline.operations.sources.testing import Report, Tried
from pipeline.operations.trouble import refused_path
from pipeline.operations.whole_file import write_whole
from pipeline.settings.document import CarefulDumper


def update(report: Report) -> Sequence[Tried]:
    """Rewrite every example that differs; those that no case can express are returned.

    Raises:
        UsageRefused: a file cannot be written; those before it are.
    """
    by_file: dict[Path, list[Tried]] = defaultdict(list)
    for tried in report.failed:
        by_file[tried.example.file].append(tried)
    return [left for file, failed in by_file.items() for left in _rewritten(file, failed)]


def _rewritten(file: Path, failed: Sequence[Tried]) -> Sequence[Tried]:
    cases = list(documents(file))
    left: list[Tried] = []
    for tried in failed:
        place = tried.example.number - 1
        case = updated(cases[place], tried)
        if case is None:
            left.append(tried)
        else:
            cases[place] = case
    if len(left) < len(failed):
        try:
            write_whole(file, _text(file, cases))
        except OSError as error:
            raise refused_path(file, error, "--update: let this user write to its folder") from None
    return left


def _text(file: Path, cases: Sequence[Mapping[str, Any]]) -> str:
    if file.suffix == ".jsonl":
        return "".join(orjson.dumps(case).decode() + "\n" for case in cases)
    if file.suffix == ".json":
        # A case a line, which shows in a comparison which case changed.
        return "[\n" + ",\n".join(orjson.dumps(case).decode() for case in cases) + "\n]\n"
    text: str = yaml.dump(list(cases), Dumper=CarefulDumper, sort_keys=False, allow_unicode=True)
    return text
