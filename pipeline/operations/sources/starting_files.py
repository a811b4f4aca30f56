"""A first configuration for a format, and examples of its events that pass as they are written."""

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Final

from pipeline.destinations.registry import PARTNERS
from pipeline.operations.trouble import UsageRefused
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
        UsageRefused: there is no such format, or a file that would be overwritten.
        OSError: a file cannot be written.
    """
    examples = file.parent / "examples" / f"{name}.json"
    made = starting_files(name, file, examples.relative_to(file.parent))
    for path in (file, examples):
        if path.exists():
            raise UsageRefused(f"{path}: is there already, and is not overwritten")
    examples.parent.mkdir(parents=True, exist_ok=True)
    for path, text in ((file, made.configuration), (examples, made.examples)):
        with path.open("x", encoding="utf-8") as new:
            new.write(text)
    return file, examples
