"""Reads and writes the YAML of a configuration; strictly: no key twice, and `NO` is Norway."""

import re
from collections.abc import Mapping
from pathlib import Path

import yaml

from pipeline.settings.problems import Problem, SettingsError


class StrictLoader(yaml.SafeLoader):
    """Reads scalars as YAML 1.2 does: a country, a time or an id stays text."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012


class CarefulDumper(yaml.SafeDumper):
    """Quotes each text that this reader, or one of YAML 1.1, would not read as text."""


def _text(dumper: CarefulDumper, text: str) -> yaml.ScalarNode:
    # Only double quotes keep Unicode line breaks: with others the library loses them.
    style = None if text.isascii() else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style)


def _plain_integer(loader: StrictLoader, node: yaml.ScalarNode) -> int:
    return int(str(loader.construct_scalar(node)))


def _mapping(loader: StrictLoader, node: yaml.MappingNode) -> dict[object, object]:
    seen: set[str] = set()
    for key, _ in node.value:
        if key.value in seen:
            # Users see only the `problem` of this error.
            problem = f"the key {key.value!r} is twice in one mapping"
            raise yaml.parser.ParserError(None, None, problem, key.start_mark)
        seen.add(key.value)
    return loader.construct_mapping(node, deep=True)


_SCALARS = {
    "merge": ("<<", ["<"]),
    "null": ("~|null|Null|NULL|", ["~", "n", "N", ""]),
    "bool": ("true|True|TRUE|false|False|FALSE", list("tTfF")),
    "int": ("[-+]?[0-9](?:_?[0-9])*", list("-+0123456789")),
    "float": (
        r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        list("-+.0123456789"),
    ),
}
for _name, (_pattern, _first) in _SCALARS.items():
    for _side in (StrictLoader, CarefulDumper):
        _side.add_implicit_resolver(
            f"tag:yaml.org,2002:{_name}", re.compile(f"^(?:{_pattern})$"), _first
        )
CarefulDumper.add_representer(str, _text)
StrictLoader.add_constructor("tag:yaml.org,2002:int", _plain_integer)
StrictLoader.add_constructor("tag:yaml.org,2002:map", _mapping)


def read(path: Path) -> dict[str, object]:
    """The mapping in a YAML file; an empty file gives an empty mapping."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        remedy = (
            "give the path of the configuration with --config; "
            "`audience-pipeline config init FILE` writes a first one"
        )
        raise _unusable(path, (error.strerror or "cannot be read").lower(), remedy) from None
    except UnicodeDecodeError:
        raise _unusable(path, "is not UTF-8 text", "save it as UTF-8") from None
    document = parse(text, path)
    if document is None:
        return {}
    if not isinstance(document, dict) or not all(isinstance(key, str) for key in document):
        remedy = "write keys at the top level, as config/reference.yaml does"
        raise _unusable(path, "must be a mapping of sections", remedy)
    return document


def parse(text: str, source: Path | str) -> object:
    """The value of a YAML text; SettingsError names the line, and never quotes the text."""
    problem = "is not YAML"
    try:
        value: object = yaml.load(text, StrictLoader)  # noqa: S506 -- a SafeLoader, made stricter
    except (yaml.composer.ComposerError, yaml.constructor.ConstructorError) as error:
        # These errors quote the text, which may be a secret that begins with * or !.
        problem = f"is not YAML{_place(error)}: an unknown alias or tag"
        remedy = "put texts that begin with *, & or ! in quotes"
    except yaml.MarkedYAMLError as error:
        problem = f"is not YAML{_place(error)}: {error.problem}"
        remedy = "correct the line, or the one before it"
    except yaml.YAMLError:
        remedy = "remove the characters that YAML does not allow"
    else:
        return value
    raise _unusable(source, problem, remedy)


def text_of(document: Mapping[str, object]) -> str:
    """The YAML of a document, keys in their order; `parse` reads it back to the same document."""
    text: str = yaml.dump(
        document, Dumper=CarefulDumper, sort_keys=False, allow_unicode=True, width=1_000
    )
    return text


def _place(error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark
    return "" if mark is None else f", line {mark.line + 1}, column {mark.column + 1}"


def _unusable(source: Path | str, what: str, remedy: str) -> SettingsError:
    return SettingsError([Problem(path=(), what=what, remedy=remedy, source=str(source))])
