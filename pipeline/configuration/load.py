"""Reads the configuration file, its lock and the environment; reports all problems at once."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from pydantic import ValidationError

from pipeline.configuration.consistency import inconsistencies
from pipeline.configuration.identities import Identities
from pipeline.configuration.lock import NO_LOCK, AudienceLock, lock_path, read_lock
from pipeline.configuration.model import Settings
from pipeline.configuration.partners import MODELS, models_of
from pipeline.destinations.contract import Partners, secret_beginnings
from pipeline.destinations.registry import PARTNERS
from pipeline.settings.document import read
from pipeline.settings.environment import child, origin_of, overlaid
from pipeline.settings.problems import KeyPath, Problem, SettingsError
from pipeline.settings.shape import Shape
from pipeline.settings.translation import UNKNOWN_KEY, problems_of
from pipeline.settings.values import FOLDER, REDACTED


@dataclass(frozen=True, slots=True)
class Configuration:
    """The settings, with the ids of the lock in them, and the lock itself."""

    settings: Settings
    identities: Identities


def load(path: Path, environ: Mapping[str, str], partners: Partners = PARTNERS) -> Settings:
    """The valid configuration of a file. Its relative paths start from the folder of the file.

    Every target has its id, from the file or from the lock file beside it.

    Raises:
        SettingsError: the configuration is not valid; a line for each problem.
    """
    return load_with_lock(path, environ, partners=partners).settings


def load_with_lock(
    path: Path,
    environ: Mapping[str, str],
    *,
    needs_ids: bool = True,
    partners: Partners = PARTNERS,
) -> Configuration:
    """Like `load`, with the lock; without `needs_ids`, a target may have no id yet."""
    laid = overlaid(read(path), environ, partial(shape_of, partners))
    lock, troubles = _lock(lock_path(path))
    identities = Identities(
        lock=lock,
        lock_file=lock_path(path),
        config=path,
        are_needed=needs_ids,
    )
    # If the lock cannot be read, missing ids are no problem of their own: it may have them.
    settings, problems = _examined(
        laid.document, path.parent, None if troubles else identities, partners
    )
    if settings is None or laid.problems or troubles:
        named = [replace(one, source=origin_of(laid.origins, one.path)) for one in problems]
        raise SettingsError([*laid.problems, *named, *troubles], str(path))
    return Configuration(settings, identities)


def settings_from(
    document: Mapping[str, object],
    folder: Path,
    partners: Partners = PARTNERS,
    *,
    needs_ids: bool = True,
) -> Settings:
    """Like `load`, from a document in memory, for programs that write their own configuration."""
    identities = Identities(are_needed=needs_ids)
    settings, problems = _examined(document, folder, identities, partners)
    if settings is None:
        raise SettingsError(problems)
    return settings


def _lock(path: Path) -> tuple[AudienceLock, list[Problem]]:
    try:
        return read_lock(path), []
    except SettingsError as error:
        return NO_LOCK, list(error.problems)


def _examined(
    document: Mapping[str, object],
    folder: Path,
    identities: Identities | None,
    partners: Partners,
) -> tuple[Settings | None, list[Problem]]:
    context = {
        FOLDER: folder,
        MODELS: models_of(document, partners),
        REDACTED: secret_beginnings(partners),
    }
    try:
        settings = Settings.model_validate(document, context=context)
    except ValidationError as error:
        problems = problems_of(error, shape_of(partners, document), document)
        unknown = [problem.path for problem in problems if problem.what == UNKNOWN_KEY]
    else:
        whole, problems = _identified(settings, identities)
        problems += inconsistencies(whole, partners)
        return (None if problems else whole), problems
    if not unknown:
        return None, problems
    # An unknown key hides other problems of its section, so look again without the unknown keys.
    _, others = _examined(_without(document, unknown), folder, identities, partners)
    return None, [*problems, *(other for other in others if other not in problems)]


def shape_of(partners: Partners, document: Mapping[str, object]) -> Shape:
    """The keys and values that this document may have, at each path."""
    chosen = models_of(document, partners).chosen(document)
    return Shape(Settings, chosen, secret_beginnings(partners))


def _identified(
    settings: Settings, identities: Identities | None
) -> tuple[Settings, list[Problem]]:
    if identities is None:
        return settings, []
    return identities.laid_over(settings), list(identities.problems(settings))


def _without(document: Mapping[str, object], paths: list[KeyPath]) -> Mapping[str, object]:
    pruned = deepcopy(dict(document))
    for path in paths:
        node: object = pruned
        for key in path[:-1]:
            node = child(node, key)
        if isinstance(node, dict):
            node.pop(path[-1], None)
    return pruned
