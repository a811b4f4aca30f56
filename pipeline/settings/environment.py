"""Lets environment variables override the file: AUDIENCE_PIPELINE__SECTION__KEY."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from itertools import pairwise

from pipeline.settings.document import parse
from pipeline.settings.misspelled_variables import meant_by, misspelled
from pipeline.settings.problems import KeyPath, Problem, SettingsError, nearest
from pipeline.settings.shape import (
    Shape,
    entry_of,
    fields_of,
    holds_secret,
    is_mapping,
    is_nullable,
    takes_text,
)

PREFIX = "AUDIENCE_PIPELINE__"

ShapeOf = Callable[[Mapping[str, object]], Shape]
"""Gives the allowed keys of a document; later variables may depend on earlier ones."""


class _UnknownNameError(Exception):
    """A part of a variable's name that names no key of the file."""

    def __init__(self, place: int, known: Sequence[str], what: str) -> None:
        super().__init__(what)
        self.place = place
        self.known = known
        self.what = what


@dataclass(frozen=True, slots=True)
class Overlaid:
    """The document with the variables' values, and the variable that set each key."""

    document: dict[str, object]
    origins: dict[KeyPath, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


def overlaid(
    document: Mapping[str, object], environ: Mapping[str, str], shape_of: ShapeOf
) -> Overlaid:
    """A copy of the document in which each variable of ours has replaced its key.

    In names of destinations `-` and `_` are equal. Lists take a place from 0; the first place after
    the end appends. A variable that names no key is a problem, also one that lacks an underscore.
    """
    result = Overlaid(deepcopy(dict(document)))
    ours = [name for name in environ if name.upper().startswith(PREFIX)]
    for name in sorted(ours, key=_order):
        try:
            _lay(result, name, environ[name], shape_of(result.document))
        except _UnknownNameError as error:
            meant = meant_by(name[len(PREFIX) :], result.document, shape_of(result.document))
            result.problems.append(_unknown(name, error, meant))
        except SettingsError as error:
            result.problems.extend(error.problems)
    result.problems.extend(misspelled(environ, result.document, shape_of(result.document)))
    return result


def _order(name: str) -> tuple[int, bool, str]:
    """Sorts a section before its keys, so that the more precise variable wins.

    Keys that decide which other keys exist (a kind, the destination of a target) come first.
    """
    return name.count("__"), not name.upper().endswith(("__KIND", "__DESTINATION")), name


def origin_of(origins: Mapping[KeyPath, str], path: KeyPath) -> str | None:
    """The variable that set this key or a section around it."""
    lengths = range(len(path), 0, -1)
    return next((origins[path[:n]] for n in lengths if path[:n] in origins), None)


def child(node: object, key: str | int) -> object:
    """The value under a key or place of a document's node, or None."""
    if isinstance(node, Mapping):
        return node.get(key)
    if isinstance(node, list) and isinstance(key, int) and key < len(node):
        return node[key]
    return None


def _lay(result: Overlaid, name: str, text: str, shape: Shape) -> None:
    path, annotation = _resolve(name, result.document, shape)
    if path in result.origins:
        what = f"is also set by {result.origins[path]}"
        raise SettingsError([Problem(path=path, what=what, remedy="keep one", source=name)])
    _displace_other_way(result, path)
    _put(result.document, path, _value(name, text, annotation))
    result.origins[path] = name


def _resolve(name: str, document: Mapping[str, object], shape: Shape) -> tuple[KeyPath, object]:
    path: list[str | int] = []
    annotation: object = shape.root
    node: object = document
    for place, part in enumerate(name[len(PREFIX) :].split("__")):
        key, declared = _step(place, part, annotation, node)
        node = child(node, key)
        path.append(key)
        annotation = shape.chosen.get(tuple(path), declared)
    return tuple(path), annotation


def _step(place: int, part: str, annotation: object, node: object) -> tuple[str | int, object]:
    fields = fields_of(annotation)
    if fields:
        key = _match(part, fields)
        if key is None:
            raise _UnknownNameError(place, tuple(fields), "unknown variable")
        return key, fields[key]
    entry = entry_of(annotation)
    if entry is None:
        raise _UnknownNameError(place, (), "unknown variable: its key holds a single value")
    if is_mapping(annotation):
        names = tuple(str(key) for key in node) if isinstance(node, Mapping) else ()
        named = _match(part, names)
        if named is None:
            raise _UnknownNameError(place, names, "the file has no entry of this name")
        return named, entry
    length = len(node) if isinstance(node, list) else 0
    if not part.isdecimal() or int(part) > length:
        known = [str(index) for index in range(length + 1)]
        raise _UnknownNameError(place, known, f"a list takes a place from 0 to {length}")
    return int(part), entry


def _match(part: str, known: Mapping[str, object] | Sequence[str]) -> str | None:
    return next((name for name in known if _folded(name) == _folded(part)), None)


def _folded(name: str) -> str:
    return name.casefold().replace("-", "_")


def _displace_other_way(result: Overlaid, path: KeyPath) -> None:
    """Let a secret given by a variable replace the other way of giving it in the file."""
    last = str(path[-1])
    other = last.removesuffix("_file") if last.endswith("_file") else f"{last}_file"
    parent: object = result.document
    for key in path[:-1]:
        parent = child(parent, key)
    if isinstance(parent, dict) and (*path[:-1], other) not in result.origins:
        parent.pop(other, None)


def _put(document: dict[str, object], path: KeyPath, value: object) -> None:
    node: object = document
    for key, following in pairwise(path):
        node = _opened(node, key, following)
    _set(node, path[-1], value)


def _opened(node: object, key: str | int, following: str | int) -> object:
    inner = child(node, key)
    if inner is None:
        inner = [] if isinstance(following, int) else {}
        _set(node, key, inner)
    return inner


def _set(node: object, key: str | int, value: object) -> None:
    if isinstance(node, dict):
        node[key] = value
    elif isinstance(node, list) and isinstance(key, int):
        node[key : key + 1] = [value]
    # Other nodes are wrong where a section belongs: validation reports them.


def _value(name: str, text: str, annotation: object) -> object:
    if holds_secret(annotation):
        return text
    if takes_text(annotation):
        is_null = is_nullable(annotation) and text in {"", "~", "null"}
        return None if is_null else text
    return parse(text, name)


def _unknown(name: str, error: _UnknownNameError, meant: str | None) -> Problem:
    lacks_underscores = meant is not None and meant.count("__") > name.count("__")
    remedy = f"did you mean {meant!r}?" if lacks_underscores else _remedy(name, error)
    return Problem(path=(), what=error.what, remedy=remedy, source=name)


def _remedy(name: str, error: _UnknownNameError) -> str:
    parts = name[len(PREFIX) :].split("__")
    before = parts[: error.place]
    meant = nearest(parts[error.place], error.known)
    if meant is not None:
        return f"did you mean {_variable([*before, meant])!r}?"
    if not error.known:
        return f"did you mean {_variable(before)!r}?" if before else "remove it"
    return f"known here: {', '.join(_variables(before, error.known))}"


def _variables(before: Sequence[str], known: Sequence[str]) -> Iterator[str]:
    return (_variable([*before, name]) for name in known)


def _variable(parts: Sequence[str]) -> str:
    return PREFIX + "__".join(part.upper().replace("-", "_") for part in parts)
