"""The shape of the code: what is too long for one reading is taken apart."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MODULES = sorted((ROOT / "pipeline").rglob("*.py"))
LONGEST_MODULE = 300
LONGEST_FUNCTION = 39


def too_long(source: str) -> Iterator[str]:
    """What of a module has more lines than one can read at a time, decorators not counted."""
    lines = len(source.splitlines())
    if lines > LONGEST_MODULE:
        yield f"the module has {lines} lines"
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            lines = node.end_lineno - node.lineno + 1
            if lines > LONGEST_FUNCTION:
                yield f"{node.name} has {lines} lines"


def test_no_module_is_over_300_lines_and_every_function_is_under_40() -> None:
    """
    Nothing is excused. Name a part, make a table of what repeats, or group what belongs together.
    """
    found = {
        path.relative_to(ROOT).as_posix(): list(too_long(path.read_text(encoding="utf-8")))
        for path in MODULES
    }

    assert len(found) > 1
    assert {path: long for path, long in found.items() if long} == {}


@pytest.mark.parametrize("kind", ["def", "async def"])
def test_a_function_of_40_lines_is_found_wherever_it_stands(kind: str) -> None:
    def source(lines: int) -> str:
        return f"class A:\n    @B\n    {kind} long():\n" + "        x\n" * (lines - 1)

    assert list(too_long(source(39))) == []
    assert list(too_long(source(40))) == ["long has 40 lines"]


def test_a_module_of_301_lines_is_found() -> None:
    assert list(too_long("x\n" * 300)) == []
    assert list(too_long("x\n" * 301)) == ["the module has 301 lines"]
