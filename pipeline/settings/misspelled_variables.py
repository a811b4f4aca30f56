"""Finds variables that would silently set nothing because they lack an underscore."""

import re
from collections.abc import Iterator, Mapping, Sequence

from pipeline.settings.problems import KeyPath, Problem
from pipeline.settings.shape import Shape, entry_of, fields_of, is_mapping

PROGRAM = "AUDIENCE_PIPELINE_"
_LINK = re.compile(r"(tcp|udp|sctp)://", re.IGNORECASE)
"""Kubernetes sets variables for a service, such as <program>-admin; their values begin so."""


def misspelled(
    environ: Mapping[str, str], document: Mapping[str, object], shape: Shape
) -> Iterator[Problem]:
    """A problem for each variable that names a key once an underscore is added."""
    for name in sorted(environ):
        rest = name.upper().removeprefix(PROGRAM)
        if rest == name.upper() or rest.startswith("_") or _LINK.match(environ[name]):
            continue
        meant = meant_by(rest, document, shape)
        if meant is not None:
            yield Problem(
                path=(),
                what="sets nothing: each part of the name needs two underscores before it",
                remedy=f"did you mean {meant!r}?",
                source=name,
            )


def meant_by(rest: str, document: Mapping[str, object], shape: Shape) -> str | None:
    """The right name of a variable that lacks underscores; None if its words spell no key.

    `rest` is the variable's name after the name of the program.
    """
    words = [word for word in rest.casefold().replace("-", "_").split("_") if word]
    path = next(_spelled(words, (), shape.root, document, shape), None) if words else None
    if path is None:
        return None
    parts = (str(part).upper().replace("-", "_") for part in path)
    return f"{PROGRAM}_{'__'.join(parts)}"


def _spelled(
    words: Sequence[str], path: KeyPath, declared: object, node: object, shape: Shape
) -> Iterator[KeyPath]:
    """Every key that all of the words spell."""
    if not words:
        yield path
        return
    annotation = shape.chosen.get(path, declared)
    for key, below in _keys(annotation, node, words[0]):
        own = [word for word in str(key).casefold().replace("-", "_").split("_") if word]
        if list(words[: len(own)]) == own:
            yield from _spelled(words[len(own) :], (*path, key), below, _inner(node, key), shape)


def _keys(annotation: object, node: object, word: str) -> Iterator[tuple[str | int, object]]:
    fields = fields_of(annotation)
    if fields:
        yield from fields.items()
        return
    entry = entry_of(annotation)
    if entry is not None and is_mapping(annotation):
        yield from ((str(key), entry) for key in (node if isinstance(node, Mapping) else ()))
    elif entry is not None and word.isascii() and word.isdecimal():
        length = len(node) if isinstance(node, list) else 0
        if int(word) <= length:  # the first place after the end appends
            yield int(word), entry


def _inner(node: object, key: str | int) -> object:
    if isinstance(node, Mapping):
        return node.get(key)
    if isinstance(node, list) and isinstance(key, int) and key < len(node):
        return node[key]
    return None
