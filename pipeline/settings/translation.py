"""Turns pydantic's findings into messages for users, with the nearest known name."""

from collections.abc import Iterator, Mapping
from typing import TypeGuard

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from pipeline.settings.problems import KeyPath, Problem, kind_of, nearest, shown, suggestion
from pipeline.settings.shape import Shape, entry_of, fields_of, holds_secret

UNKNOWN_KEY = "unknown key"
EMPTY = "must not be empty"

SENTENCES = {
    "bool_type": "must be true or false, without quotes",
    "dict_type": "must be a mapping",
    "float_type": "must be a number, without quotes",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "int_type": "must be a whole number, without quotes",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "mapping_type": "must be a mapping",
    "model_attributes_type": "must be a mapping",
    "model_type": "must be a mapping",
    "string_too_short": EMPTY,
    "string_type": "must be text",
    "too_long": "must have no more than {max_length} entries, and has {actual_length}",
    "too_short": EMPTY,
    "tuple_type": "must be a list",
}
REMEDIES = {
    "string_type": "put it in quotes",
    "mapping_type": "write keys below it, indented",
    "model_attributes_type": "write keys below it, indented",
    "model_type": "write keys below it, indented",
    "tuple_type": "begin each entry with '- '",
}


def problems_of(
    error: ValidationError, shape: Shape, document: Mapping[str, object]
) -> list[Problem]:
    """Every finding as a problem; values of secret keys and of unknown keys are not shown."""
    found: list[Problem] = []
    for detail in error.errors(include_url=False):
        path = _path(detail["loc"], document)
        found.extend(_problems(detail, path, shape))
    # pydantic also calls a list empty if all its entries are bad; the entries' problems suffice.
    return [one for one in found if one.what != EMPTY or not _is_above_another(one, found)]


def _is_above_another(problem: Problem, others: list[Problem]) -> bool:
    depth = len(problem.path)
    return any(len(one.path) > depth and one.path[:depth] == problem.path for one in others)


def _path(location: KeyPath, document: object) -> KeyPath:
    """The path in the file: pydantic adds parts of its own, such as the tag of a union."""
    path: list[str | int] = []
    for place, part in enumerate(location):
        is_last = place == len(location) - 1
        if _holds(document, part):
            document = document[part]
        elif not is_last or part == "[key]" or _is_place_of_one(document, part):
            continue
        path.append(part)
    return tuple(path)


def _is_place_of_one(document: object, part: str | int) -> bool:
    """Whether the part is a place in a list that the file writes as a single entry."""
    return isinstance(document, Mapping) and isinstance(part, int)


def _holds(document: object, part: str | int) -> TypeGuard[Mapping[str | int, object]]:
    if isinstance(document, Mapping):
        return part in document
    return isinstance(document, list) and isinstance(part, int) and part < len(document)


def _problems(detail: ErrorDetails, path: KeyPath, shape: Shape) -> Iterator[Problem]:
    context: Mapping[str, object] = detail.get("ctx", {})
    match detail["type"]:
        case "inconsistent":
            yield from _below(path, context["problems"])
        case "missing":
            remedy = f"add '{path[-1]}: …'; config/reference.yaml shows every key"
            yield Problem(path=path, what="is required and missing", remedy=remedy)
        case "extra_forbidden":
            section = shape.at(path[:-1])
            # If a single entry replaces a list, the known keys are those of the entry.
            known = tuple(fields_of(section) or fields_of(entry_of(section)))
            name = str(path[-1])
            remedy = _home(name, shape) or suggestion(name, known)
            if name in known:  # the section has this key with another kind
                remedy = "another kind of this section has it; remove it, or correct the kind"
            yield Problem(path=path, what=UNKNOWN_KEY, remedy=remedy)
        case "union_tag_invalid" | "union_tag_not_found":
            yield _wrong_kind(path, context)
        case _:
            yield _wrong_value(detail, path, shape, context)


def _below(path: KeyPath, problems: object) -> Iterator[Problem]:
    assert isinstance(problems, tuple)
    for problem in problems:
        assert isinstance(problem, Problem)
        yield Problem(
            path=path + problem.path,
            what=problem.what,
            value=problem.value,
            remedy=problem.remedy,
        )


def _home(name: str, shape: Shape) -> str:
    """The place of a key that is at the wrong level, if exactly one section has it."""
    homes = [section for section, kind in fields_of(shape.root).items() if name in fields_of(kind)]
    return f"did you mean {f'{homes[0]}.{name}'!r}?" if len(homes) == 1 else ""


def _wrong_value(
    detail: ErrorDetails, path: KeyPath, shape: Shape, context: Mapping[str, object]
) -> Problem:
    value = detail["input"]
    kind = detail["type"]
    what = SENTENCES.get(kind, detail["msg"]).format_map(context)
    remedy = str(context.get("remedy", "")) or REMEDIES.get(kind, "")
    if kind == "literal_error":
        # The wording is pydantic's: "'a', 'b' or 'c'".
        what, remedy = f"must be {context['expected']}", _nearest_choice(value, context)
    return Problem(path=path, what=what, value=_value(value, kind, path, shape), remedy=remedy)


def _wrong_kind(path: KeyPath, context: Mapping[str, object]) -> Problem:
    """The problem of a section whose `kind` is missing or unknown."""
    key = str(context["discriminator"]).strip("'")
    if "tag" not in context:
        remedy = f"add '{key}: …'; config/reference.yaml shows every key"
        return Problem(path=(*path, key), what="is required and missing", remedy=remedy)
    # The wording is pydantic's: "'a', 'b', 'c'".
    expected, tag = str(context["expected_tags"]), str(context["tag"])
    meant = nearest(tag, [choice.strip("'") for choice in expected.split(", ")])
    remedy = f"did you mean {meant!r}?" if meant else "choose one of these"
    what = f"must be one of {expected}"
    return Problem(path=(*path, key), what=what, value=shown(tag), remedy=remedy)


def _nearest_choice(value: object, context: Mapping[str, object]) -> str:
    choices = str(context["expected"]).replace(" or ", ", ").split(", ")
    known = [choice.strip("'") for choice in choices]
    meant = nearest(value, known) if isinstance(value, str) else None
    if meant is not None:
        return f"did you mean {meant!r}?"
    return "choose one of these" if len(known) > 1 else f"write {known[0]!r}"


def _value(value: object, kind: str, path: KeyPath, shape: Shape) -> str | None:
    # A text in the place of a section may be a secret that was written one level too high.
    is_section = kind in {
        "dict_type",
        "mapping_type",
        "model_attributes_type",
        "model_type",
        "tuple_type",
    }
    if is_section or holds_secret(shape.at(path)):
        return kind_of(value)
    return _path_shown(value, shape) if _is_path_of_secret(path, shape) else shown(value)


def _is_path_of_secret(path: KeyPath, shape: Shape) -> bool:
    last = str(path[-1]) if path else ""
    partner = (*path[:-1], last.removesuffix("_file"))
    is_partner_secret = holds_secret(shape.at(partner))
    return last == "token_file" or (last.endswith("_file") and is_partner_secret)


def _path_shown(value: object, shape: Shape) -> str:
    """A path; not shown if it may be the secret itself instead of its file."""
    text = value if isinstance(value, str) else ""
    is_path = "/" in text and not text.startswith(shape.secret_beginnings)
    return shown(value) if is_path else f"{kind_of(value)} without a folder"
