"""Puts the ids of the lock file into the configuration, and finds contradictions between them."""

import shlex
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline.configuration.lock import NO_LOCK, AudienceLock, LockEntry
from pipeline.configuration.model import Settings
from pipeline.configuration.partners import UnplacedTarget
from pipeline.configuration.targets import AudienceKey, PlacedTarget, placed_targets
from pipeline.destinations.contract import TargetSettings
from pipeline.settings.problems import Problem, dotted


@dataclass(frozen=True, slots=True, kw_only=True)
class Identities:
    """The lock of a configuration, and whether every target needs an id."""

    lock: AudienceLock = NO_LOCK
    lock_file: Path = Path("the lock file")
    config: Path = Path("FILE")
    are_needed: bool = True
    """Whether every target must have an id; false for `audiences apply`, which creates them."""

    def laid_over(self, settings: Settings) -> Settings:
        """The settings; a target without an id gets the id of the lock."""
        targets = map(self._identified, placed_targets(settings.audiences))
        audiences = tuple(
            one.model_copy(update={"destinations": tuple(next(targets) for _ in one.destinations)})
            for one in settings.audiences
        )
        return settings.model_copy(update={"audiences": audiences})

    def problems(self, settings: Settings) -> Iterator[Problem]:
        """Missing ids, and contradictions between the settings as written and the lock."""
        placed = [
            one
            for one in placed_targets(settings.audiences)
            if not isinstance(one.target, UnplacedTarget)  # whose destination is what is wrong
        ]
        nameless = [one for one in placed if one.target.audience() is None]
        yield from _indistinct(nameless)
        yield from self._contradictions(placed)
        for one in nameless:
            entry = self.lock.entry(one.key)
            unmakeable = one.target.unmakeable(one.key.audience) if entry is None else None
            if unmakeable is not None:
                yield replace(unmakeable, path=(*one.path, *unmakeable.path))
            elif self.are_needed and (entry is None or entry.audience_id is None):
                yield self._unmade(one, entry)

    def unused(self, settings: Settings) -> Iterator[str]:
        """A line for each entry of the lock that no target uses any more."""
        ids = _ids_by_key(placed_targets(settings.audiences))
        for place, entry in enumerate(self.lock.audiences):
            if ids[entry.key()].isdisjoint({None, str(entry.audience_id)}):
                yield f"{self.lock_file}: audiences[{place}]: {_unused(entry)}"

    def outdated(self, settings: Settings) -> Iterator[str]:
        """A line for each audience with another ttl_days than this program told the partner."""
        for one in placed_targets(settings.audiences):
            entry, meant = self.lock.entry(one.key), one.target.unshown_ttl_days()
            if entry is None or None in (meant, entry.ttl_days) or entry.ttl_days == meant:
                continue
            if one.target.audience() == str(entry.audience_id):
                yield (
                    f"{dotted(one.path)}.ttl_days: is {meant}, but {self.lock_file.name} says that "
                    f"the partner was told {entry.ttl_days} for audience {entry.audience_id}; "
                    f"renewals count {meant} days; put back "
                    f"{entry.ttl_days}, or run `audiences update {entry.audience_id} "
                    f"--ttl-days {meant} --destination {one.key.destination}`"
                )

    def _identified(self, placed: PlacedTarget) -> TargetSettings:
        entry = self.lock.entry(placed.key)
        if placed.target.audience() is not None or entry is None or entry.audience_id is None:
            return placed.target
        return placed.target.with_audience(str(entry.audience_id))

    def _contradictions(self, placed: Sequence[PlacedTarget]) -> Iterator[Problem]:
        """Targets whose id differs between the configuration and the lock file."""
        ids = _ids_by_key(placed)
        for one in placed:
            entry = self.lock.entry(one.key)
            if entry is None or entry.audience_id is None:
                continue
            if ids[one.key].isdisjoint({None, str(entry.audience_id)}):
                yield Problem(
                    path=(*one.path, one.target.id_key),
                    what=f"differs from the id in {self.lock_file.name}",
                    value=f"{one.target.audience()} here, {entry.audience_id} there",
                    remedy=f"remove the wrong one: this key, or its entry in {self.lock_file}",
                )

    def _unmade(self, placed: PlacedTarget, entry: LockEntry | None) -> Problem:
        path = (*placed.path, placed.target.id_key)
        command = f"audience-pipeline audiences apply --config {shlex.quote(str(self.config))}"
        if entry is None:
            what = "is missing, because the audience is not created yet"
            return Problem(path=path, what=what, remedy=f"`{command}` creates it")
        return Problem(
            path=path,
            what=f"is missing; it was requested at {entry.asked_at}, but no answer is recorded",
            remedy=f"`{command}` says how to find out",
        )


def _ids_by_key(placed: Iterable[PlacedTarget]) -> Mapping[AudienceKey, set[str | None]]:
    ids: dict[AudienceKey, set[str | None]] = defaultdict(set)
    for one in placed:
        ids[one.key].add(one.target.audience())
    return ids


def _indistinct(nameless: Sequence[PlacedTarget]) -> Iterator[Problem]:
    homes: dict[AudienceKey, PlacedTarget] = {}
    for one in nameless:
        first = homes.setdefault(one.key, one)
        if first is not one:
            yield Problem(
                path=(*one.path, one.target.id_key),
                what=f"is missing, as in {dotted(first.path)}, which has the same destination: "
                "the lock file could not tell the two apart",
                remedy="remove one of the two, or give it the id of an audience that "
                "`audiences create` made",
            )


def _unused(entry: LockEntry) -> str:
    if entry.audience_id is None:
        return (
            f"no target needs the audience that was requested for {entry.audience!r} at "
            f"{entry.asked_at} any more; remove the entry"
        )
    return (
        f"no target uses audience {entry.audience_id}, created for {entry.audience!r}; if the "
        "target was renamed, rename the entry too, or the audience is created again; otherwise "
        "remove the entry only if the target never comes back"
    )
