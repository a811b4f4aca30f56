"""YAML is read strictly, and a file that is none is refused without quoting it."""

from pathlib import Path

import pytest

from pipeline.configuration.load import load
from pipeline.settings.document import parse
from pipeline.settings.problems import SettingsError


def test_country_codes_are_not_read_as_truth_values() -> None:
    assert parse("[NO, no, ON, y, true]", "text") == ["NO", "no", "ON", "y", True]


def test_numbers_and_ids_are_read_as_they_are_written() -> None:
    assert parse("[0123, 15_000_000, 1e3, 1.5, 12:30, 2026-01-01]", "text") == [
        123,
        15_000_000,
        1000.0,
        1.5,
        "12:30",
        "2026-01-01",
    ]


def test_a_key_that_stands_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "twice.yaml"
    path.write_text("kafka: {}\nadmin: {}\nkafka: {}\n", encoding="utf-8")

    with pytest.raises(SettingsError) as refused:
        load(path, {})

    assert str(refused.value) == (
        f"{path}: is not YAML, line 3, column 1: the key 'kafka' is twice in one mapping; "
        "correct the line, or the one before it"
    )


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"kafka: [", "is not YAML, line 1, column 9: "),
        (b"a: *hush", "line 1, column 4: an unknown alias or tag; put texts"),
        (b"a: !hush x", "line 1, column 4: an unknown alias or tag; put texts"),
        (b"- a", "must be a mapping of sections; write keys at the top level"),
        (b"1: a", "must be a mapping of sections"),
        (b"\xff\xfe\xfa", "is not UTF-8 text; save it as UTF-8"),
        (b"a: \x01", "is not YAML; remove the characters"),
        (b"", "destinations: is required and missing"),
        (b"kafka:", "kafka: must be a mapping: null"),
    ],
)
def test_a_file_that_is_no_configuration_is_refused_in_one_line_each(
    tmp_path: Path, content: bytes, said: str
) -> None:
    path = tmp_path / "broken.yaml"
    path.write_bytes(content)

    with pytest.raises(SettingsError) as refused:
        load(path, {})

    assert said in str(refused.value)
    assert all(line.startswith(f"{path}: ") for line in str(refused.value).splitlines())
    assert "hush" not in str(refused.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    path = tmp_path / "none.yaml"

    with pytest.raises(SettingsError, match=r"none\.yaml: no such file .* config init FILE"):
        load(path, {})


def test_merge_keys_and_anchors_still_work() -> None:
    text = "base: &base {a: 1}\nother: {<<: *base, b: 2}"

    assert parse(text, "text") == {"base": {"a": 1}, "other": {"a": 1, "b": 2}}
