"""Removes envelopes around an event: CloudEvents, Kafka Connect's schema and payload, arrays."""

import binascii
from base64 import b64decode
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, Literal, NamedTuple

import orjson

from pipeline.domain.reasons import Rejected
from pipeline.sources.pointers import lookup
from pipeline.sources.reading import SourceMessage, malformed
from pipeline.sources.scope import NO_ATTRIBUTES

Envelope = Literal["cloudevents", "connect", "array"]
_BINARY: Final = "ce_specversion"
_PAYLOAD: Final = lookup("/payload")
_WRAPPER: Final = frozenset({"schema", "payload"})
_NOT_CONTEXT: Final = frozenset({"data", "data_base64"})
_NO_CLOUD_EVENT: Final = malformed(
    "envelope", "no CloudEvent of version 1: neither its headers nor specversion is there"
)
_NO_PAYLOAD: Final = malformed("envelope", "no object of schema and payload")


class Unwrapped(NamedTuple):
    """An event without its envelopes; `value` is None for a tombstone."""

    value: object
    attributes: Mapping[str, object] = NO_ATTRIBUTES
    """The attributes of the CloudEvent, by the names of its Kafka headers."""


def unwrapped(
    value: object, layers: Sequence[Envelope], message: SourceMessage
) -> Iterator[Unwrapped | Rejected]:
    """Each event inside. An array is optional; it may be around or inside a CloudEvent."""
    yield from _unwrapped(Unwrapped(value), layers, message)


def payload(value: object) -> object:
    """The payload of Kafka Connect's wrapper, or the value itself if it has no wrapper."""
    is_wrapped = type(value) is dict and len(value) == 2 and _WRAPPER.issuperset(value)
    return _PAYLOAD(value) if is_wrapped else value


def _unwrapped(
    found: Unwrapped, layers: Sequence[Envelope], message: SourceMessage
) -> Iterator[Unwrapped | Rejected]:
    if type(found.value) is list and "array" in layers:
        inside = [layer for layer in layers if layer != "array"]
        for element in found.value:
            yield from _unwrapped(Unwrapped(element, found.attributes), inside, message)
        return
    if not layers:
        yield found
        return
    first, *rest = layers
    opened = _opened(found, first, message)
    if isinstance(opened, Rejected):
        yield opened
    else:
        yield from _unwrapped(opened, rest, message)


def _opened(found: Unwrapped, layer: Envelope, message: SourceMessage) -> Unwrapped | Rejected:
    if layer == "array":
        return found
    if layer == "cloudevents":
        return _cloud_event(found.value, message)
    if type(found.value) is dict and found.value.keys() >= _WRAPPER:
        return Unwrapped(_PAYLOAD(found.value), found.attributes)
    return _NO_PAYLOAD


def _cloud_event(value: object, message: SourceMessage) -> Unwrapped | Rejected:
    if any(name == _BINARY for name, _ in message.headers):
        return Unwrapped(value)
    if type(value) is not dict or not _is_version_1(value.get("specversion")):
        return _NO_CLOUD_EVENT
    attributes = {f"ce_{name}": said for name, said in value.items() if name not in _NOT_CONTEXT}
    if "data_base64" in value:
        return _decoded(value["data_base64"], attributes)
    if value.get("data") is None:
        return malformed("data", "the CloudEvent has none")
    return Unwrapped(value["data"], attributes)


def _is_version_1(version: object) -> bool:
    return isinstance(version, str) and version.startswith("1.")


def _decoded(text: object, attributes: Mapping[str, object]) -> Unwrapped | Rejected:
    try:
        return Unwrapped(orjson.loads(b64decode(str(text), validate=True)), attributes)
    except (binascii.Error, ValueError):
        return malformed("data_base64", "is not JSON in base64")
