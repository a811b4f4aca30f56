"""The lock file: the audiences that `audiences apply` created or has requested."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, ValidationError

from pipeline.configuration.targets import AudienceKey
from pipeline.settings.document import parse, text_of
from pipeline.settings.problems import Problem, SettingsError, shown
from pipeline.settings.shape import Shape
from pipeline.settings.translation import problems_of
from pipeline.settings.values import DestinationName, Identifier, Section, Text, TopicText, refusal

VERSION = 1
HEADING = """\
# Written by `audience-pipeline audiences apply`: the ids of the audiences that it created. Keep
# this file beside its configuration, and both under version control: without this file, the
# audiences would be created a second time.
"""
RESTORE = "restore the file from version control, or correct it by hand"


def _audience_id(value: object) -> object:
    """An id as the configuration has it: digits become a number, other ids stay text."""
    if isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9_$-]{1,128}", value):
        return int(value) if re.fullmatch(r"[1-9][0-9]{0,18}", value) else value
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return value
    raise refusal("must be the id of an audience", RESTORE)


AudienceId = Annotated[int | str, BeforeValidator(_audience_id)]


class LockEntry(Section):
    """One requested audience; it has no id while it is unknown whether the partner created it."""

    audience: Text
    destination: DestinationName
    connection_id: TopicText | None = None
    advertiser_id: Identifier | None = None
    lane: TopicText | None = None
    """The lane, for partners that use neither connection_id nor advertiser_id."""
    audience_id: AudienceId | None = None
    external_audience_id: Text | None = None
    """Our own id of the audience, for partners that have such ids."""
    name: Text
    ttl_days: int | None = None
    """The lifetime that we told the partner last; kept here if the partner does not show it."""
    asked_at: Text
    """When the request was sent, UTC."""
    operation: Text | None = None
    """The partner's id of the operation that creates the audience, if it takes a while."""

    def made(self, audience_id: str) -> "LockEntry":
        """This entry with the id that the partner gave the audience."""
        return self.model_copy(update={"audience_id": _audience_id(audience_id), "operation": None})

    def key(self) -> AudienceKey:
        lane = self.lane or self.connection_id or f"advertiser-{self.advertiser_id}"
        return AudienceKey(self.audience, self.destination, lane)


class AudienceLock(Section):
    """The content of the lock file: every audience once, sorted."""

    version: Literal[1] = 1
    audiences: tuple[LockEntry, ...] = ()

    def entry(self, key: AudienceKey) -> LockEntry | None:
        return next((entry for entry in self.audiences if entry.key() == key), None)

    def with_entry(self, entry: LockEntry) -> "AudienceLock":
        """The lock with this entry; it replaces an entry of the same key."""
        kept = self.without(entry.key()).audiences
        ordered = sorted([*kept, entry], key=LockEntry.key)
        return self.model_copy(update={"audiences": tuple(ordered)})

    def without(self, key: AudienceKey) -> "AudienceLock":
        kept = tuple(entry for entry in self.audiences if entry.key() != key)
        return self.model_copy(update={"audiences": kept})


NO_LOCK = AudienceLock()


def lock_path(config: Path) -> Path:
    """The path of a configuration's lock: `pipeline.lock.yaml` beside `pipeline.yaml`."""
    return config.with_name(f"{config.stem}.lock.yaml")


def lock_text(lock: AudienceLock) -> str:
    """The text of the lock file; `read_lock` reads it back to the same lock."""
    return HEADING + text_of(lock.model_dump(exclude_none=True, mode="json"))


def read_lock(path: Path) -> AudienceLock:
    """The lock of a file; a lock without audiences if there is no file.

    Raises:
        SettingsError: the file exists but cannot be used; a line for each problem.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return NO_LOCK
    except OSError as error:
        what = (error.strerror or "cannot be read").lower()
        raise _unusable(
            path, [Problem(path=(), what=what, remedy="let this user read it")]
        ) from None
    except UnicodeDecodeError:
        problem = Problem(path=(), what="is not UTF-8 text", remedy=RESTORE)
        raise _unusable(path, [problem]) from None
    return _validated(parse(text, path), path)


def _validated(document: object, path: Path) -> AudienceLock:
    if not isinstance(document, dict) or not document:
        # An empty file is refused: taken as an empty lock, it would create every audience again.
        problem = Problem(path=(), what="is not a lock file", remedy=RESTORE)
        raise _unusable(path, [problem])
    version = document.get("version")
    if version != VERSION or isinstance(version, bool):
        problem = Problem(
            path=("version",),
            what=f"must be {VERSION}, the one that this release reads and writes",
            value=shown(version),
            remedy="use the release that wrote the file, or a newer one",
        )
        raise _unusable(path, [problem])
    try:
        lock = AudienceLock.model_validate(document)
    except ValidationError as error:
        found = problems_of(error, Shape(AudienceLock), document)
        raise _unusable(path, [replace(one, remedy=RESTORE) for one in found]) from None
    problems = list(_inconsistencies(lock))
    if problems:
        raise _unusable(path, problems)
    return lock


def _inconsistencies(lock: AudienceLock) -> Iterator[Problem]:
    seen: set[AudienceKey] = set()
    for place, entry in enumerate(lock.audiences):
        ways = (entry.connection_id, entry.advertiser_id, entry.lane)
        if sum(way is not None for way in ways) != 1:
            what = "must have exactly one of connection_id, advertiser_id and lane"
            yield Problem(path=("audiences", place), what=what, remedy=RESTORE)
        elif entry.key() in seen:
            what = "is in the file twice"
            remedy = "keep the entry whose audience_id the partner knows (`audiences show`)"
            yield Problem(
                path=("audiences", place), what=what, value=repr(entry.audience), remedy=remedy
            )
        seen.add(entry.key())


def _unusable(path: Path, problems: list[Problem]) -> SettingsError:
    return SettingsError([replace(problem, source=str(path)) for problem in problems])
