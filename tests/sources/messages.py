"""Messages and readers for tests of sources."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from pipeline.sources.encodings.schemas import Schemas
from pipeline.sources.reading import Read
from pipeline.sources.registry import compile_source
from pipeline.sources.settings import SourceSettings

NAMES = {"vip": "vip", "high_value": "vip", "456": "vip"}


class Sent(NamedTuple):
    """
    A message as Kafka would give it.
    """

    value: bytes | None
    key: bytes | None = None
    headers: Sequence[tuple[str, bytes]] = ()
    timestamp: int = 1_766_225_700_000


def reader(schemas: Schemas | None = None, names: Mapping[str, str] = NAMES, **keys: Any) -> Read:
    settings = SourceSettings.model_validate({"topic": "t", **keys})
    return compile_source(settings, audiences=names, schemas=schemas or Schemas())


def mapped(**mapping: object) -> dict[str, Any]:
    """
    A mapping of which a test says only what it is about.
    """
    return {
        "audience": {"value": "vip"},
        "action": {"value": "add"},
        "member": {"value": "u-1"},
        "occurred_at": {"timestamp": "record"},
        **mapping,
    }
