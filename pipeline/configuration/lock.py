"""The lock file: the audiences that `audiences apply` made, and those it only asked for."""

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
# Written by `audience-pipeline audiences apply`: the ids of the audiences that it made. It belongs
# to the configuration beside it: keep both together and under version control, for without this
# file the audiences would be made a second time.
"""
RESTORE = "restore the file from version control, or correct it by hand"


def _audience_id(value: object) -> object:
    """Digits are a number, as the configuration has it; other ids are text."""
    if isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9_$-]{1,128}", value):
        return int(value) if re.fullmatch(r"[1-9][0-9]{0,18}", value) else value
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return value
    raise refusal("must be the id of an audience", RESTORE)


AudienceId = Annotated[int | str, BeforeValidator(_audience_id)]


class LockEntry(Section):
    """One audience that was asked for; without an id while nobody knows whether it was made."""

    audience: Text
    destination: DestinationName
    connection_id: TopicText | None = None
    advertiser_id: Identifier | None = None
    lane: TopicText | None = None
    """Of a partner whose lanes are said in another way than by the two above."""
    audience_id: AudienceId | None = None
    external_audience_id: Text | None = None
    """Ours, of a partner that has such."""
    name: Text
    ttl_days: int | None = None
    """What the partner was told last from here, where it does not show it."""
    asked_at: Text
    """When the request went out, UTC."""
    operation: Text | None = None
    """What the partner works on since then, where it takes its time."""

    def made(self, audience_id: str) -> "LockEntry":
        """The same with the id that the partner gave it."""
        return self.model_copy(update={"audience_id": _audience_id(audience_id), "operation": None})

    def key(self) -> AudienceKey:
        lane = self.lane or self.connection_id or f"advertiser-{self.advertiser_id}"
        return AudienceKey(self.audience, self.destination, lane)


class AudienceLock(Section):
    """What the file says; every audience once, sorted."""

    version: Literal[1] = 1
    audiences: tuple[LockEntry, ...] = ()

    def entry(self, key: AudienceKey) -> LockEntry | None:
        return next((entry for entry in self.audiences if entry.key() == key), None)

    def with_entry(self, entry: LockEntry) -> "AudienceLock":
        """With this entry in the place of any other of its key."""
        kept = self.without(entry.key()).audiences
        ordered = sorted([*kept, entry], key=LockEntry.key)
        return self.model_copy(update={"audiences": tuple(ordered)})

    def without(self, key: AudienceKey) -> "AudienceLock":
        kept = tuple(entry for entry in self.audiences if entry.key() != key)
        return self.model_copy(update={"audiences": kept})


NO_LOCK = AudienceLock()


def lock_path(config: Path) -> Path:
    """Where the lock of a configuration is: beside it, `pipeline.lock.yaml` for `pipeline.yaml`."""
    return config.with_name(f"{config.stem}.lock.yaml")


def lock_text(lock: AudienceLock) -> str:
    """The file as it is written; `read_lock` gives the same lock back."""
    return HEADING + text_of(lock.model_dump(exclude_none=True, mode="json"))


def read_lock(path: Path) -> AudienceLock:
    """What the file says; no audience where there is no file.

    Raises:
        SettingsError: it is there and cannot be used; a line for each problem.
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
        # An empty file is no empty lock: whoever emptied it would make every audience again.
        problem = Problem(path=(), what="is no lock file", remedy=RESTORE)
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
            what = "stands in the file twice"
            remedy = "keep the entry whose audience_id the partner knows (`audiences show`)"
            yield Problem(
                path=("audiences", place), what=what, value=repr(entry.audience), remedy=remedy
            )
        seen.add(entry.key())


def _unusable(path: Path, problems: list[Problem]) -> SettingsError:
    return SettingsError([replace(problem, source=str(path)) for problem in problems])
