"""Makes the reader of a source from its configuration, once, when the process starts."""

from collections.abc import Mapping
from dataclasses import replace

from pipeline.sources import functions, mapping, native_parts
from pipeline.sources.actions import conditions
from pipeline.sources.audiences import AudienceNames
from pipeline.sources.encodings.choice import decoder
from pipeline.sources.encodings.schemas import Schemas
from pipeline.sources.formats import FORMATS
from pipeline.sources.mapping_settings import MappingSettings
from pipeline.sources.parts import Parts, ReadEvent, event_reader
from pipeline.sources.reader import Layers, MessageReader
from pipeline.sources.reading import NOT_MEMBERSHIP, Read, Reading
from pipeline.sources.scope import Scope
from pipeline.sources.settings import SourceSettings


def compile_source(
    settings: SourceSettings, *, audiences: Mapping[str, str], schemas: Schemas
) -> Read:
    """The reader of one topic; SettingsError if its file or function cannot be used.

    `audiences` has the configured name of each audience by every name, also the configured one.
    `schemas` has the fetched schemas of the registry; a reader that needs another one asks for it.
    """
    names = AudienceNames(audiences)
    ignores_unknown = settings.unknown_audience == "ignore"
    largest = settings.largest_event_bytes
    if settings.format == "python":
        function = functions.function_named(settings.function or "")
        return functions.reader_of(
            function, names, ignores_unknown=ignores_unknown, largest=largest
        )
    if _is_plain_native(settings):
        return native_parts.plain(names, ignores_unknown=ignores_unknown, largest=largest)
    parts = _parts(settings)
    removal = None
    if settings.tombstone == "remove":
        removal = event_reader(_removal(parts), names, ignores_unknown=ignores_unknown)
    layers = Layers(
        largest_bytes=largest,
        decode=decoder(settings, schemas),
        has_framed_keys=settings.is_framed() and settings.encoding != "json",
        envelopes=settings.envelope,
        has_payload=FORMATS[settings.format].has_payload,
    )
    event = _when(settings.mapping, _event(settings, parts, names, ignores_unknown=ignores_unknown))
    return MessageReader(layers, event, removal).read


def _is_plain_native(settings: SourceSettings) -> bool:
    is_json = settings.encoding in {"json", "json_schema"} and not settings.is_framed()
    is_bare = not settings.envelope and not settings.mapping.model_fields_set
    return (
        settings.format == "native"
        and is_json
        and is_bare
        and settings.audience is None
        and settings.tombstone == "ignore"
    )


def _event(
    settings: SourceSettings, parts: Parts, names: AudienceNames, *, ignores_unknown: bool
) -> ReadEvent:
    if settings.format != "native":
        return event_reader(parts, names, ignores_unknown=ignores_unknown)
    if settings.audience is None and not settings.mapping.model_fields_set:
        return native_parts.decoded(names, ignores_unknown=ignores_unknown)
    return native_parts.with_mapping(parts, names, ignores_unknown=ignores_unknown)


def _parts(settings: SourceSettings) -> Parts:
    """The parts of the format, replaced by those of the mapping where it has them."""
    if settings.format == "mapping":
        return mapping.mapped(settings.mapping, settings.audience)
    make = FORMATS[settings.format].parts
    assert make is not None, "read otherwise, above"
    return mapping.overlaid(make(settings), settings.mapping, settings.audience)


def _when(settings: MappingSettings, event: ReadEvent) -> ReadEvent:
    if not settings.when:
        return event
    hold = conditions(settings.when)

    def read(scope: Scope) -> Reading:
        return event(scope) if hold(scope) else NOT_MEMBERSHIP

    return read


def _removal(parts: Parts) -> Parts:
    """The parts for `tombstone: remove`: a null value removes the key's member at that time."""
    return replace(
        parts,
        items=None,
        action=lambda _: "remove",
        occurred_at=lambda scope: scope.message.timestamp,
        places={**parts.places, "occurred_at": "the timestamp of the message"},
    )
