"""Looks at upstream topics: what stands in one, and what the keys of the sources show."""

import asyncio
import contextlib
import random
from collections.abc import Mapping
from dataclasses import dataclass

import aiohttp

from pipeline.configuration.model import Settings
from pipeline.configuration.routing import audience_names
from pipeline.http.schema_registry import registry_at
from pipeline.operations.sources.key_evidence import KeyEvidence, evidence
from pipeline.operations.sources.message_shapes import Inspection, ValuesSeen, inspected, values_at
from pipeline.operations.sources.topic_sample import Sample, newest
from pipeline.sources.encodings import json_values
from pipeline.sources.encodings.choice import decoder
from pipeline.sources.encodings.confluent import PREFIX_BYTES, is_framed
from pipeline.sources.encodings.schemas import Decode, Schemas
from pipeline.sources.registry import compile_source
from pipeline.sources.settings import SourceSettings

REGISTRY_SECONDS = 20.0
A_FEW = 200
"""Messages that `check --online` looks at in each topic."""


@dataclass(frozen=True, slots=True)
class Report:
    """What stands in a topic."""

    partitions: int
    inspection: Inspection
    keys: KeyEvidence | None
    """Of a topic that is a source, so that its members are known."""
    values: ValuesSeen | None


async def inspect(settings: Settings, topic: str, *, count: int, pointer: str | None) -> Report:
    """The newest so many messages of a topic, whether it is a source or not.

    Raises:
        ClusterTrouble: the cluster cannot be reached, or there is no such topic.
    """
    sample = await newest(settings.kafka, topic, count)
    source = next((one for one in settings.sources if one.topic == topic), None)
    decode: Decode = json_values.decode
    keys = None
    if source is not None:
        schemas = await _schemas(source, sample)
        decode = decoder(source, schemas)
        keys = _evidence(settings, source, sample, schemas)
    return Report(
        partitions=sample.partitions,
        inspection=inspected(sample.messages, decode),
        keys=keys,
        values=None if pointer is None else values_at(sample.messages, decode, pointer),
    )


async def key_evidence(settings: Settings) -> Mapping[str, KeyEvidence]:
    """What a few messages of each source show of its keys.

    Raises:
        ClusterTrouble: the cluster cannot be reached, or a topic does not exist.
    """
    found: dict[str, KeyEvidence] = {}
    for source in settings.sources:
        sample = await newest(settings.kafka, source.topic, A_FEW)
        schemas = await _schemas(source, sample)
        found[source.topic] = _evidence(settings, source, sample, schemas)
    return found


def _evidence(
    settings: Settings, source: SourceSettings, sample: Sample, schemas: Schemas
) -> KeyEvidence:
    read = compile_source(source, audiences=audience_names(settings), schemas=schemas)
    return evidence(sample.messages, read, sample.partitions)


async def _schemas(source: SourceSettings, sample: Sample) -> Schemas:
    """The schemas that the messages name, as far as the registry gives them in a while."""
    schemas = Schemas()
    if source.registry is None:
        return schemas
    texts = (text for one in sample.messages for text in (one.value, one.key) if text is not None)
    wanted = {int.from_bytes(text[1:PREFIX_BYTES], "big") for text in texts if is_framed(text)}
    async with aiohttp.ClientSession() as http:
        registry = registry_at(
            http,
            source.registry,
            schemas,
            is_protobuf=source.encoding == "protobuf",
            chance=random.random,
        )
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(REGISTRY_SECONDS):
                for schema_id in wanted:
                    await registry.fetch(schema_id, lambda: None)
    return schemas
