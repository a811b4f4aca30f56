"""The keys and types that the file may have, by the models; for suggestions and variables."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import UnionType
from typing import Annotated, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr

from pipeline.settings.problems import KeyPath


@dataclass(frozen=True, slots=True)
class Shape:
    """The keys and types that one document may have, at each path."""

    root: type[BaseModel]
    chosen: Mapping[KeyPath, type[BaseModel]] = field(default_factory=dict)
    """The sections whose keys depend on what the document says."""
    secret_beginnings: tuple[str, ...] = ()
    """Values that begin with one of these may be secrets, and are never shown."""

    def at(self, path: KeyPath) -> object | None:
        """The type that a path of the document takes, or None for an unknown path."""
        node: object | None = self.root
        for place in range(len(path)):
            node = self.below(node, path[: place + 1])
            if node is None:
                return None
        return node

    def below(self, node: object, path: KeyPath) -> object | None:
        """The type that a path takes, given the type `node` of the section around it."""
        fields = fields_of(node)
        if not fields and isinstance(path[-1], str) and not is_mapping(node):
            fields = fields_of(entry_of(node))  # a single entry may replace a list of one
        declared = fields.get(str(path[-1])) if fields else entry_of(node)
        return self.chosen.get(path, declared)


def fields_of(annotation: object) -> Mapping[str, object]:
    """The keys of a section with their types; empty if the type is no section.

    If the keys of the section depend on its kind, these are the keys of all kinds.
    """
    found: dict[str, object] = {}
    for choice in _choices(annotation):
        if isinstance(choice, type) and issubclass(choice, BaseModel):
            for name, one in choice.model_fields.items():
                found.setdefault(one.alias or name, one.annotation)
    return found


def is_mapping(annotation: object) -> bool:
    """Whether the type is a mapping whose keys are names that the user chooses."""
    return any(get_origin(choice) is Mapping for choice in _choices(annotation))


def entry_of(annotation: object) -> object | None:
    """The type of an entry of a list, or of a mapping with names that the user chooses."""
    for choice in _choices(annotation):
        origin = get_origin(choice)
        if origin is Mapping:
            return _second(choice)
        if origin is tuple:
            return _first(choice)
    return None


def holds_secret(annotation: object) -> bool:
    """Whether a value of this type must never be shown."""
    return SecretStr in _choices(annotation)


def is_nullable(annotation: object) -> bool:
    return type(None) in _choices(annotation)


def takes_text(annotation: object) -> bool:
    """Whether a value of this type is text: it is not read as YAML, so `0123` stays `0123`."""
    choices = [choice for choice in _choices(annotation) if choice is not type(None)]
    return all(_is_textual(choice) for choice in choices)


def _is_textual(choice: object) -> bool:
    if get_args(choice):
        return all(isinstance(value, str) for value in get_args(choice))
    return isinstance(choice, type) and choice not in {bool, int, float} and not fields_of(choice)


def _choices(annotation: object) -> tuple[object, ...]:
    """The members of a union, or the type itself, without the metadata of values.py."""
    if get_origin(annotation) is Annotated:
        return _choices(_first(annotation))
    if get_origin(annotation) in {Union, UnionType}:
        return tuple(found for choice in get_args(annotation) for found in _choices(choice))
    return (annotation,)


def _first(annotation: object) -> object:
    first: object = get_args(annotation)[0]
    return first


def _second(annotation: object) -> object:
    second: object = get_args(annotation)[1]
    return second
