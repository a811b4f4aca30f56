"""Refuses a namespace that another version of this program wrote, and says what to do."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from aiokafka import TopicPartition

from pipeline.domain.job import JOB_FORMAT
from pipeline.domain.names import Names
from pipeline.kafka.client_options import ClientOptions
from pipeline.kafka.cluster import ClusterTrouble
from pipeline.kafka.offset_resolver import METADATA_FORMAT
from pipeline.kafka.topic_reader import TopicReader, reading
from pipeline.stages.ports import Record

LAST_OFFSETS = 5
"""How many offsets to read for the newest message; markers of transactions also take offsets."""


class OtherFormat(ClusterTrouble):
    """The namespace was written in a format that this version does not read."""


@dataclass(frozen=True, slots=True)
class StoredVersion:
    """A commit or message with its format version."""

    place: str
    version: int
    read: int
    """The version that this program can read."""


def said_version(text: str | bytes | None) -> int | None:
    """The format version of a commit's metadata or of a message; None if it has none."""
    try:
        said: object = json.loads(text or "")
    except (ValueError, RecursionError):
        return None
    version = said.get("format") if isinstance(said, dict) else None
    return version if type(version) is int else None


def refusal(namespace: str, found: Iterable[StoredVersion]) -> str | None:
    """Why this program must not use the namespace, in one line; None if it may."""
    other = next((one for one in found if one.version != one.read), None)
    if other is None:
        return None
    is_earlier = other.version < other.read
    way = (
        "run that version until `ledger` shows that nothing waits, then set kafka.namespace to "
        "a new name for this version"
        if is_earlier
        else "run that version, or give kafka.namespace another name"
    )
    return (
        f"kafka.namespace: {namespace!r} belongs to {'an earlier' if is_earlier else 'a later'} "
        f"version of this program ({other.place} says format {other.version}, and this version "
        f"reads {other.read}); {way}"
    )


async def check_stored_format(
    client_options: ClientOptions, namespace: str, *, patience: float
) -> None:
    """Look at the newest commits and messages of the namespace; changes nothing.

    Raises:
        OtherFormat: another version wrote them; the message says what to do.
        ClusterTrouble: the cluster cannot be asked now.
    """
    names = Names(namespace)
    upload, poll = names.group("upload"), names.group("poll")
    # Read uncommitted messages too, because the newest writer decides.
    async with reading(client_options, committed_only=False, patience=patience) as reader:
        found = [
            *await _of_group(reader, upload, list(names.lanes(reader.topics).values())),
            *await _of_group(reader, poll, _existing(reader, names.jobs)),
            *await _of_topic(reader, names.jobs),
            *await _of_topic(reader, names.outcomes),
        ]
    why = refusal(namespace, found)
    if why is not None:
        raise OtherFormat(why)


def _existing(reader: TopicReader, topic: str) -> Sequence[str]:
    return [topic] if topic in reader.topics else []


async def _of_group(
    reader: TopicReader, group: str, topics: Sequence[str]
) -> Sequence[StoredVersion]:
    committed = await reader.committed(group, reader.partitions(*topics))
    versions = ((tp, said_version(one.metadata)) for tp, one in committed.items())
    return [
        StoredVersion(f"group {group}, topic {tp.topic}", version, METADATA_FORMAT)
        for tp, version in versions
        if version is not None
    ]


async def _of_topic(reader: TopicReader, topic: str) -> Sequence[StoredVersion]:
    """The version of the topic's newest message; older messages may have an older version."""
    partitions = reader.partitions(*_existing(reader, topic))
    oldest, ends = await reader.oldest(partitions), await reader.named_ends(partitions)
    newest: list[Record] = []
    for tp in partitions:
        if oldest[tp] < ends[tp]:
            newest += await _last(reader, tp, max(oldest[tp], ends[tp] - LAST_OFFSETS))
    if not newest:
        return []
    version = said_version(max(newest, key=lambda record: record.timestamp).value)
    return [] if version is None else [StoredVersion(f"topic {topic}", version, JOB_FORMAT)]


async def _last(reader: TopicReader, tp: TopicPartition, start: int) -> Sequence[Record]:
    return list((await reader.stretch(tp, start)).records[-1:])
