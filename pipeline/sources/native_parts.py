"""The native event not read as it stands: in an envelope, encoded, or with a mapping."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import orjson

from pipeline.domain.change import Attributes, MembershipChange
from pipeline.domain.reasons import Ignored, Rejected
from pipeline.identity.normalize.fields import FIELDS
from pipeline.sources import native
from pipeline.sources.audiences import UNKNOWN, AudienceNames
from pipeline.sources.mapping import mapped
from pipeline.sources.mapping_settings import MappingSettings
from pipeline.sources.members import inner
from pipeline.sources.parts import Parts, ReadEvent, event_reader, gathered
from pipeline.sources.reader import too_large
from pipeline.sources.reading import Read, Reading, SourceMessage, malformed
from pipeline.sources.scope import Scope

_FIELDS: Final[dict[str, object]] = {name: {"item": f"/{name}"} for name in FIELDS}
_MAPPING: Final[dict[str, object]] = {
    "audience": {"pointer": "/audience"},
    "action": {"pointer": "/action", "add": ["add"], "remove": ["remove"]},
    "member": {"pointer": "/member/id"},
    "occurred_at": {"pointer": "/occurred_at"},
    "country": {"pointer": "/member/country"},
    "identities": [{"for_each": "/member/identities", **_FIELDS}],
    "consent": {
        "tcf": {"pointer": "/consent/tcf"},
        "gpp": {"pointer": "/consent/gpp"},
        "amazon": {
            "ad_storage": {"pointer": "/consent/amazon/ad_storage"},
            "user_data": {"pointer": "/consent/amazon/user_data"},
        },
    },
}
"""The native event in the words of a mapping."""


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


def native_parts() -> Parts:
    """The parts of a native add or remove."""
    parts = mapped(MappingSettings.model_validate(_MAPPING), None)
    return replace(parts, attributes=_attributes)


def _attributes(scope: Scope) -> Attributes | None:
    found, wrong = native.attributes_of(inner(scope.root, "member", "attributes"))
    if wrong is not None:
        scope.complain(wrong)
    return found
