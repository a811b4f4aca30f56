"""What `make explore` looks at: every decoder and every `interpret` is in one of its groups."""

import ast
from pathlib import Path

from tests.explore.decoders import GROUPS

ROOT = Path(__file__).parents[2]


def decoders() -> set[str]:
    """
    Names of the functions that make values of what others wrote.
    """
    found = set()
    for path in (ROOT / "pipeline").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and node.name.startswith(("decode_", "interpret")):
                found.add(node.name)
    return found


def explored_text() -> str:
    paths = [ROOT / one for tests in GROUPS.values() for one in tests]
    files = [file for path in paths for file in ([path] if path.is_file() else path.rglob("*.py"))]
    return "\n".join(file.read_text(encoding="utf-8") for file in files)


def test_every_decoder_is_named_by_a_test_that_make_explore_runs() -> None:
    # They are made of the others, and are what the stages call.
    text = explored_text() + "interpret interpreted interpret_token decode_ranges "
    missing = {name for name in decoders() if name not in text}

    assert missing == set()
