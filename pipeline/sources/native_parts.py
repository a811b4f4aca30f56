"""Reads native events in all settings: plain, in an envelope, encoded, or with a mapping."""

from collections.abc import Sequence

import orjson

from pipeline.domain.change import MembershipChange
from pipeline.domain.reasons import Ignored, Rejected
from pipeline.sources import native
from pipeline.sources.audiences import UNKNOWN, AudienceNames
from pipeline.sources.members import inner
from pipeline.sources.parts import Parts, ReadEvent, event_reader, gathered
from pipeline.sources.reader import too_large
from pipeline.sources.reading import Read, Reading, SourceMessage, malformed
from pipeline.sources.scope import Scope


def plain(names: AudienceNames, *, ignores_unknown: bool, largest: int) -> Read:
    """A reader of native events as plain JSON; the fastest one."""
    has_other_names = any(name != ours for name, ours in names.known.items())
    is_renamed = has_other_names or ignores_unknown

    def read(message: SourceMessage) -> Reading:
        value = message.value
        if value is not None and len(value) > largest:
            return too_large(largest)
        reading = native.read(value)
        return renamed(reading, names, ignores_unknown=ignores_unknown) if is_renamed else reading

    return read


def decoded(names: AudienceNames, *, ignores_unknown: bool) -> ReadEvent:
    """A reader of decoded native events; it writes them as JSON again, to use the same reader."""

    def read(scope: Scope) -> Reading:
        try:
            value = orjson.dumps(scope.root)
        except orjson.JSONEncodeError:
            return malformed("event", "is nested too deep")
        return renamed(native.read(value), names, ignores_unknown=ignores_unknown)

    return read


def with_mapping(parts: Parts, names: AudienceNames, *, ignores_unknown: bool) -> ReadEvent:
    """A reader of native events with a mapping; a withdrawal of consent ignores the mapping."""
    event = event_reader(parts, names, ignores_unknown=ignores_unknown)
    withdrawal = decoded(names, ignores_unknown=ignores_unknown)

    def read(scope: Scope) -> Reading:
        is_withdrawal = inner(scope.root, "action") == "withdraw_consent"
        return withdrawal(scope) if is_withdrawal else event(scope)

    return read


def renamed(
    reading: Sequence[MembershipChange] | Ignored | Rejected,
    names: AudienceNames,
    *,
    ignores_unknown: bool,
) -> Reading:
    """The changes with our names of audiences; unknown audiences are ignored if configured so."""
    if isinstance(reading, Ignored | Rejected):
        return reading
    known = names.known
    found: list[MembershipChange | Ignored] = []
    for change in reading:
        ours = change.audience if change.audience is None else known.get(change.audience)
        if ours == change.audience:
            found.append(change)
        elif ours is not None:
            found.append(change._replace(audience=ours))
        else:
            found.append(UNKNOWN if ignores_unknown else change)
    return gathered(found)
