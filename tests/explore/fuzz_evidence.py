"""What a fuzz of the running pipeline leaves behind, as plain values."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple


class Place(NamedTuple):
    """Where a message stands."""

    topic: str
    partition: int
    offset: int


class Message(NamedTuple):
    """A message as it stands in its topic."""

    place: Place
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]

    @property
    def offset(self) -> int:
        return self.place.offset

    def __repr__(self) -> str:
        return f"<Message {self.place}>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Everything, once it was calm for long enough."""

    config: Path
    namespace: str
    destination: str
    sources: Sequence[str]
    lanes: Mapping[str, str]
    """Topic by lane."""
    blocked_lane: str
    """The one that got a record of a newer version, or ""."""
    messages: Mapping[str, Sequence[Message]]
    """By topic; those of a partition in their order."""
    committed: Mapping[tuple[str, int], int]
    """By topic and partition, of the group that reads it."""
    forged: Collection[Place]
    """What the pipeline did not write, in its own topics."""
    standing: Mapping[int, Mapping[str, tuple[str, int]]]
    """By audience and member: the action that stands, and the checksum of its record."""
    largest_windows: Mapping[str, int]
    cap: int
    states: Mapping[str, Mapping[str, object]]
    """Of each lane, from /status."""
    exits: Sequence[str]
    """Processes that ended by themselves, with their exit codes."""
    bad_lines: Sequence[str]
    commands: Sequence[str]
    """Commands that failed, with what they said."""
    given: Mapping[str, int]
    """How often the partner answered in which way."""
