"""The files in config/: the reference holds every key with its default, and all are valid."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import get_args

import pytest
from jsonschema import Draft202012Validator
from pydantic import BaseModel, TypeAdapter
from pydantic.fields import FieldInfo
from yaml import MappingNode, Node, ScalarNode, SequenceNode, compose

from pipeline.configuration.load import load, shape_of
from pipeline.configuration.schema import schema, whole_model
from pipeline.destinations.registry import PARTNERS
from pipeline.destinations.storage_settings import StorageSettings
from pipeline.settings.document import read
from pipeline.settings.problems import KeyPath
from pipeline.settings.shape import Shape, entry_of, fields_of
from tests.configuration.amazon import targets
from tests.configuration.test_example_files import Example

CONFIG = Path(__file__).parents[2] / "config"
SECRET_FILES = [
    "client-secret",
    "refresh-token",
    "amazon-client-secret",
    "amazon-refresh-token",
    "adobe-client-secret",
    "kafka-password",
    "kafka-ca.pem",
]
EXAMPLES = {
    # Keys with a default for which the reference shows an example all the same.
    "sources",
    "sources.0.envelope",
    "sources.0.mapping",
    "audiences",
    "destinations.amazon-na.client_secret_file",
    "destinations.amazon-na.refresh_token_file",
    "audiences.0.destinations.0.audience_id",
    "audiences.0.destinations.0.connection_id",
    "destinations.adobe-prod.client_secret_file",
    "audiences.0.destinations.1.external_audience_id",
    "audiences.0.destinations.1.columns",
}

WHOLE = whole_model(PARTNERS)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The files of config/ with a secret wherever one of them names it."""
    (tmp_path / "secrets").mkdir()
    for name in SECRET_FILES:
        (tmp_path / "secrets" / name).write_text("hush\n")
    for file in CONFIG.glob("*.yaml"):
        (tmp_path / file.name).write_text(file.read_text(encoding="utf-8"), encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("name", ["reference", "local", "local-adobe", "production"])
def test_a_file_of_ours_is_valid(folder: Path, name: str) -> None:
    assert load(folder / f"{name}.yaml", {}).destinations


def test_the_local_file_needs_nothing_beside_it() -> None:
    assert load(CONFIG / "local.yaml", {}).kafka.namespace == "audience"


def test_the_production_file_has_two_connections_and_encryption(folder: Path) -> None:
    settings = load(folder / "production.yaml", {})

    assert settings.kafka.security_protocol == "SASL_SSL"
    assert len({target.connection_id for target in targets(settings)}) == 2


def _dotted(path: KeyPath) -> str:
    return ".".join(map(str, path))


def _walk(
    shape: Shape, document: object, path: KeyPath = ()
) -> Iterator[tuple[str, FieldInfo, object]]:
    """Every field of the section at a path, and of those below it, with what the reference says."""
    model = shape.at(path)
    assert isinstance(model, type), path
    assert issubclass(model, BaseModel), path
    assert isinstance(document, dict), path
    for own_name, field in model.model_fields.items():
        name = field.alias or own_name
        assert name in document, f"{_dotted((*path, name))} is not in the reference"
        value = document[name]
        yield _dotted((*path, name)), field, value
        if name == "mapping":  # whose every key has a test of its own
            continue
        inner: KeyPath = (*path, name)
        entries: list[tuple[KeyPath, object]] = [(inner, value)]
        if entry_of(field.annotation) is not None:
            named = value.items() if isinstance(value, dict) else enumerate(value or ())
            entries = [((*inner, key), entry) for key, entry in named]
        for place, entry in entries:
            below = shape.at(place)
            if entry is not None and isinstance(below, type) and issubclass(below, BaseModel):
                yield from _walk(shape, entry, place)


def _plain(value: object) -> object:
    if isinstance(value, BaseModel):
        return {name: _plain(getattr(value, name)) for name in type(value).model_fields}
    return list(value) if isinstance(value, tuple) else value


def test_the_reference_holds_every_key_with_its_default() -> None:
    document = read(CONFIG / "reference.yaml")

    found = list(_walk(shape_of(PARTNERS, document), document))

    defaults = {
        path: (value, _plain(field.default))
        for path, field, value in found
        if not field.is_required() and path not in EXAMPLES
    }
    assert len(found) > 90
    assert {path: value for path, (value, _) in defaults.items()} == {
        path: default for path, (_, default) in defaults.items()
    }


def test_every_key_of_the_reference_has_a_comment() -> None:
    lines = (CONFIG / "reference.yaml").read_text(encoding="utf-8").splitlines()
    leaves = [line for line in lines if ": " in line and not line.lstrip().startswith("#")]

    assert [line for line in leaves if " # " not in line] == []


def _choices(field: FieldInfo) -> Sequence[str]:
    """
    The words that a key takes, where it takes nothing else but null.
    """
    assert field.annotation is not None
    said = TypeAdapter(field.annotation).json_schema()
    kinds = [one for one in said.get("anyOf", [said]) if one.get("type") != "null"]
    return kinds[0].get("enum", []) if len(kinds) == 1 else []


def _lines(node: Node | None, path: KeyPath = ()) -> Iterator[tuple[str, int]]:
    """
    The line of every key of a document, from 0.
    """
    if isinstance(node, MappingNode):
        for key, value in node.value:
            assert isinstance(key, ScalarNode)
            inner = (*path, key.value)
            yield _dotted(inner), key.start_mark.line
            yield from _lines(value, inner)
    elif isinstance(node, SequenceNode):
        for place, entry in enumerate(node.value):
            yield from _lines(entry, (*path, place))


def _listed(comment: str) -> Sequence[str]:
    """
    The first word of each choice in a comment such as `required: one | other: when, that | third`.
    """
    return [
        re.split("[ ,:;]", part.strip())[0]
        for part in comment.removeprefix("required: ").split(" | ")
    ]


def test_a_comment_of_the_reference_lists_the_choices_that_there_are() -> None:
    """
    The lists are written by hand, and a new format, partner or storage must stand in them.
    """
    text = (CONFIG / "reference.yaml").read_text(encoding="utf-8")
    document = read(CONFIG / "reference.yaml")
    storages = get_args(get_args(StorageSettings)[0])
    expected = {
        **{
            path: _choices(field)
            for path, field, _ in _walk(shape_of(PARTNERS, document), document)
        },
        "destinations.amazon-na.kind": list(PARTNERS),
        "destinations.adobe-prod.storage.kind": [
            get_args(one.model_fields["kind"].annotation)[0] for one in storages
        ],
    }

    lines = dict(_lines(compose(text)))
    listed = {
        path: _listed(text.splitlines()[lines[path]].partition(" # ")[2])
        for path, choices in expected.items()
        if choices
    }

    assert len(listed) >= 20
    assert listed == {path: choices for path, choices in expected.items() if choices}


@pytest.mark.parametrize("name", ["reference", "local", "local-adobe", "production"])
def test_the_schema_accepts_what_is_valid(name: str) -> None:
    validator = Draft202012Validator(schema(PARTNERS))
    Draft202012Validator.check_schema(schema(PARTNERS))

    assert [error.message for error in validator.iter_errors(read(CONFIG / f"{name}.yaml"))] == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("kafka.namespce", "x"),
        ("admin.port", "1"),
        ("destinations.amazon-na.region", "US"),
        ("destinations.amazon-na.batch.max_records", 10_001),
        ("audiences.0.destinations.0.audience_id", "12a"),
        ("audiences.0.destinations.0.country", "usa"),
    ],
)
def test_the_schema_refuses_what_is_not(path: str, value: object) -> None:
    document = Example().put(path, value).document

    assert not Draft202012Validator(schema(PARTNERS)).is_valid(document)


def test_the_schema_takes_an_id_in_quotes_and_explains_keys() -> None:
    document = Example().put("audiences.0.destinations.0.audience_id", "347891").document

    text = str(schema(PARTNERS))

    assert Draft202012Validator(schema(PARTNERS)).is_valid(document)
    assert "Requests of one connection in flight at a time." in text


def test_the_fields_of_a_section_are_found_through_lists_and_names() -> None:
    assert "topic" in fields_of(entry_of(fields_of(WHOLE)["sources"]))
    assert "region" in fields_of(entry_of(fields_of(WHOLE)["destinations"]))
