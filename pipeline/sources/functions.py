"""Reads events with a user's own Python function, if no mapping can describe them.

A package declares the function as an entry point in the group `audience_pipeline.sources`. It takes
a `SourceMessage` and returns changes, `Ignored` or `Rejected`. Its exceptions become dead letters.
"""

from collections.abc import Callable, Sequence
from importlib.metadata import entry_points
from typing import Any, Final

from pipeline.domain.change import MembershipChange
from pipeline.domain.reasons import Ignored, Rejected
from pipeline.settings.problems import Problem, SettingsError, suggestion
from pipeline.sources.audiences import AudienceNames
from pipeline.sources.native_parts import renamed
from pipeline.sources.reader import too_large
from pipeline.sources.reading import TOMBSTONE, Read, Reading, SourceMessage, malformed

GROUP: Final = "audience_pipeline.sources"
Function = Callable[[SourceMessage], Any]


def function_named(name: str) -> Function:
    """The function of this entry point; SettingsError if it is missing or cannot be loaded."""
    found = {one.name: one for one in entry_points(group=GROUP)}
    if name not in found:
        remedy = (
            suggestion(name, tuple(found)) if found else f"install a package with one in {GROUP}"
        )
        raise _unusable("no entry point of this name is installed", name, remedy)
    try:
        function = found[name].load()
    except Exception as error:
        raise _unusable("cannot be loaded", name, type(error).__name__) from error
    if not callable(function):
        raise _unusable("is not a function", name, "name a function in the entry point")
    made: Function = function
    return made


def reader_of(
    function: Function, names: AudienceNames, *, ignores_unknown: bool, largest: int
) -> Read:
    """A reader that calls the function; it rejects exceptions and wrong results."""

    def read(message: SourceMessage) -> Reading:
        if message.value is None:
            return TOMBSTONE
        if len(message.value) > largest:
            return too_large(largest)
        try:
            reading = function(message)
        except Exception as error:  # noqa: BLE001 -- a user's function may raise anything, and the stage must go on
            return malformed("function", f"raised {type(error).__name__}")
        if isinstance(reading, Ignored | Rejected):
            return reading
        if not _is_changes(reading):
            return malformed(
                "function", "returned something else than changes, ignored or rejected"
            )
        return renamed(reading, names, ignores_unknown=ignores_unknown)

    return read


def _is_changes(reading: object) -> bool:
    return isinstance(reading, Sequence) and all(
        isinstance(change, MembershipChange) for change in reading
    )


def _unusable(what: str, name: str, remedy: str) -> SettingsError:
    problem = Problem(path=("function",), what=what, value=repr(name), remedy=remedy)
    return SettingsError([problem])
