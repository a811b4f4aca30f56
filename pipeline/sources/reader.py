"""Reads the changes of a message from its bytes: size, tombstone, encoding, envelopes, event."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pipeline.domain.reasons import Ignored, Rejected
from pipeline.sources.encodings import json_values
from pipeline.sources.encodings.confluent import is_framed
from pipeline.sources.encodings.plain import without
from pipeline.sources.encodings.schemas import Decode
from pipeline.sources.envelopes import Envelope, Unwrapped, payload, unwrapped
from pipeline.sources.parts import ReadEvent, gathered
from pipeline.sources.reading import (
    TOMBSTONE,
    Outcome,
    Reading,
    SchemaNeeded,
    SourceMessage,
)
from pipeline.sources.scope import NO_ATTRIBUTES, ReadKey, Scope

UNAVAILABLE: Final = "__debezium_unavailable_value"
"""Debezium writes this for a large column that did not change; every format reads no value."""
_NO_VALUE: Final = (Rejected, SchemaNeeded)
_UNAVAILABLE_BYTES: Final = UNAVAILABLE.encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Layers:
    """The layers between the bytes of a message and its event."""

    largest_bytes: int
    decode: Decode
    has_framed_keys: bool
    envelopes: Sequence[Envelope]
    """The envelopes, from the outside in."""
    has_payload: bool
    """Whether Kafka Connect's wrapper is also removed without a setting."""


class MessageReader:
    """Reads the messages of one source."""

    __slots__ = ("_event", "_layers", "_removal")

    def __init__(self, layers: Layers, event: ReadEvent, removal: ReadEvent | None) -> None:
        """`removal` reads messages without a value; None: they are ignored."""
        self._layers = layers
        self._event = event
        self._removal = removal

    def read(self, message: SourceMessage) -> Outcome:
        """The changes of the message, or why there are none; never raises."""
        layers = self._layers
        if layers.has_framed_keys and is_framed(message.key or b""):
            key = layers.decode(message.key or b"")
            return key if isinstance(key, SchemaNeeded) else self._value(message, _already(key))
        return self._value(message, loose_key)

    def _value(self, message: SourceMessage, read_key: ReadKey) -> Outcome:
        layers = self._layers
        value = message.value
        if value is None:
            return self._read(message, None, read_key)
        if len(value) > layers.largest_bytes:
            return too_large(layers.largest_bytes)
        root = layers.decode(value)
        if isinstance(root, _NO_VALUE):
            return root
        if _UNAVAILABLE_BYTES in value:
            root = without(root, UNAVAILABLE)
        if layers.has_payload:
            root = payload(root)
        if not layers.envelopes:
            return self._read(message, root, read_key)
        events = unwrapped(root, layers.envelopes, message)
        return _together([self._unwrapped(found, message, read_key) for found in events])

    def _unwrapped(
        self, found: Unwrapped | Rejected, message: SourceMessage, read_key: ReadKey
    ) -> Reading:
        if isinstance(found, Rejected):
            return found
        return self._read(message, found.value, read_key, found.attributes)

    def _read(
        self,
        message: SourceMessage,
        root: object,
        read_key: ReadKey,
        attributes: Mapping[str, object] = NO_ATTRIBUTES,
    ) -> Reading:
        if root is not None:
            return self._event(Scope(message, root, read_key, attributes))
        if self._removal is None:
            return TOMBSTONE
        return self._removal(Scope(message, None, read_key, attributes))


def loose_key(key: bytes) -> object:
    return payload(json_values.loose(key))


def too_large(largest: int) -> Rejected:
    return Rejected(
        "event_too_large",
        f"more than {largest} bytes; raise largest_event_bytes of the source if such are expected",
    )


def _already(key: object) -> ReadKey:
    found = None if isinstance(key, Rejected) else payload(key)
    return lambda _: found


def _together(readings: Sequence[Reading]) -> Reading:
    if len(readings) == 1:
        return readings[0]
    return gathered(
        part
        for reading in readings
        for part in ((reading,) if isinstance(reading, Ignored | Rejected) else reading)
    )
