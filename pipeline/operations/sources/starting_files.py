"""A first configuration for a format, and examples of its events that pass as they are written."""

import os
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Final

from pipeline.destinations.registry import PARTNERS
from pipeline.operations.trouble import UsageRefused, refused_path
from pipeline.settings.problems import suggestion

_STARTS: Final = files("pipeline.operations.sources").joinpath("starts")
_HEAD: Final = """\
# Events of the format {format}, carried to {partner}. docs/sources/ explains the format, and
# config/reference.yaml every key.
#
#   audience-pipeline test --config {file} {examples}    what example events become
#   audience-pipeline check --config {file}    what is still missing

kafka:
  bootstrap_servers: localhost:9092

"""
ELSEWHERE: Final = "choose another name, in a folder that this user may write to"
_DESTINATION: Final = "$destination"
"""Stands in the examples for the name of a destination."""


@dataclass(frozen=True, slots=True)
class StartingFiles:
    """Texts of two files, the configuration and its examples."""

    configuration: str
    examples: str


def formats() -> list[str]:
    """The formats that there is a first configuration for."""
    return sorted(
        one.name.removesuffix(".yaml") for one in _STARTS.iterdir() if one.name.endswith(".yaml")
    )


def starting_files(name: str, file: Path, examples: Path) -> StartingFiles:
    """The texts, in which the two files are called so.

    Raises:
        UsageRefused: there is no first configuration for a format of this name.
    """
    if name not in formats():
        raise UsageRefused(f"no format {name!r}; {suggestion(name, tuple(formats()))}")
    partner = next(iter(PARTNERS.values()))
    start = partner.starting_destination
    head = _HEAD.format(format=name, partner=partner.title, file=file.name, examples=examples)
    source = _STARTS.joinpath(f"{name}.yaml").read_text(encoding="utf-8")
    written = _STARTS.joinpath(f"{name}.json").read_text(encoding="utf-8")
    return StartingFiles(head + source + start.sections, written.replace(_DESTINATION, start.name))


def write_starting_files(name: str, file: Path) -> tuple[Path, Path]:
    """Write both, the examples to a folder `examples` beside the configuration; the two paths.

    Raises:
        UsageRefused: there is no such format, or a file that would be overwritten, or one that
            cannot be written.
    """
    examples = file.parent / "examples" / f"{name}.json"
    made = starting_files(name, file, examples.relative_to(file.parent))
    for path in (file, examples):
        if os.path.lexists(path):
            raise UsageRefused(f"{path}: is there already, and is not overwritten")
    try:
        examples.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise refused_path(examples.parent, error, ELSEWHERE) from None
    for path, text in ((file, made.configuration), (examples, made.examples)):
        write_new(path, text)
    return file, examples


def write_new(path: Path, text: str) -> None:
    """Write a file that is not there yet.

    Raises:
        UsageRefused: it is there, or cannot be written.
    """
    try:
        with path.open("x", encoding="utf-8") as new:
            new.write(text)
    except OSError as error:
        raise refused_path(path, error, ELSEWHERE) from None
