"""The native event not read as it stands: in an envelope, encoded, or with a mapping."""

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
    """Native events as bytes, which is the quickest of all ways."""
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
    """A native event that was decoded already: written out again, so that there is one reader."""

    def read(scope: Scope) -> Reading:
        try:
            value = orjson.dumps(scope.root)
        except orjson.JSONEncodeError:
            return malformed("event", "is nested too deep")
        return renamed(native.read(value), names, ignores_unknown=ignores_unknown)

    return read


def with_mapping(parts: Parts, names: AudienceNames, *, ignores_unknown: bool) -> ReadEvent:
    """A native event of which a mapping replaced some parts; a withdrawal is read as it stands."""
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
    """The changes under our names of the audiences; those of others ignored, if that is said."""
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
