"""A format is one record in one table; everything else that knows of formats asks that table."""

import ast
from pathlib import Path

import pytest
from pydantic import ValidationError

from pipeline.sources.formats import FORMATS
from pipeline.sources.settings import SourceSettings

PIPELINE = Path(__file__).parents[2] / "pipeline"
READ_OTHERWISE = {"mapping", "python"}


def test_the_choices_of_the_settings_are_the_table() -> None:
    schema = SourceSettings.model_json_schema()["properties"]["format"]

    assert schema["enum"] == list(FORMATS)


def test_a_format_that_is_not_in_the_table_is_refused_by_its_key() -> None:
    with pytest.raises(ValidationError) as refused:
        SourceSettings.model_validate({"topic": "cdp", "format": "carrier-pigeon"})

    [problem] = refused.value.errors()
    assert problem["loc"] == ("format",)


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_says_all_that_is_to_be_known_of_it(name: str) -> None:
    known = FORMATS[name]

    assert known.name == name
    assert known.keys
    assert (known.parts is None) == (name in READ_OTHERWISE)


@pytest.mark.parametrize("name", sorted(set(FORMATS) - READ_OTHERWISE - {"native"}))
def test_the_readers_of_a_platform_are_imported_by_the_table_alone(name: str) -> None:
    """
    So a new one is a module and a line: nobody else has to learn of it.
    """
    module = f"pipeline.sources.{name}"
    users = {
        path.stem
        for path in PIPELINE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and node.module == module
    }

    # RudderStack took over what Segment calls a merge.
    assert users - {"rudderstack"} == {"formats"}
