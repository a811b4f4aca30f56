"""Reads the file and the environment into Settings, or says everything that is wrong at once."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

from pydantic import ValidationError

from pipeline.app.settings.consistency import inconsistencies
from pipeline.app.settings.document import read
from pipeline.app.settings.environment import child, origin_of, overlaid
from pipeline.app.settings.errors import KeyPath, Problem, SettingsError
from pipeline.app.settings.model import Settings
from pipeline.app.settings.translation import UNKNOWN_KEY, problems_of
from pipeline.app.settings.values import FOLDER


def load(path: Path, environ: Mapping[str, str]) -> Settings:
    """The configuration, whole and consistent; SettingsError with a line for each problem.

    Paths in it are relative to the folder of the file.
    """
    laid = overlaid(read(path), environ)
    settings, problems = _examined(laid.document, path.parent)
    if settings is None or laid.problems:
        named = [replace(one, source=origin_of(laid.origins, one.path)) for one in problems]
        raise SettingsError([*laid.problems, *named], str(path))
    return settings


def settings_from(document: Mapping[str, object], folder: Path) -> Settings:
    """The same from a document in memory, for programs that write their own configuration."""
    settings, problems = _examined(document, folder)
    if settings is None:
        raise SettingsError(problems)
    return settings


def _examined(
    document: Mapping[str, object], folder: Path
) -> tuple[Settings | None, list[Problem]]:
    try:
        settings = Settings.model_validate(document, context={FOLDER: folder})
    except ValidationError as error:
        problems = problems_of(error, Settings, document)
        unknown = [problem.path for problem in problems if problem.what == UNKNOWN_KEY]
    else:
        problems = inconsistencies(settings)
        return (None if problems else settings), problems
    if not unknown:
        return None, problems
    # An unknown key hides what else is wrong with its section: look again without those keys.
    _, others = _examined(_without(document, unknown), folder)
    return None, [*problems, *(other for other in others if other not in problems)]


def _without(document: Mapping[str, object], paths: list[KeyPath]) -> Mapping[str, object]:
    pruned = deepcopy(dict(document))
    for path in paths:
        node: object = pruned
        for key in path[:-1]:
            node = child(node, key)
        if isinstance(node, dict):
            node.pop(path[-1], None)
    return pruned
