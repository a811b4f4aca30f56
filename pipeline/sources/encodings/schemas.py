"""Schemas of a registry by their ids, and the port that fetches them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Protocol

from pipeline.domain.reasons import Rejected
from pipeline.sources.reading import SchemaNeeded

SchemaKind = Literal["AVRO", "PROTOBUF", "JSON"]
Decoded = object
"""A JSON value, or a `Rejected`, or a `SchemaNeeded`."""
Decode = Callable[[bytes], Decoded]


class Reference(NamedTuple):
    """A schema that another one uses, under the name it uses."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Schema:
    """A schema as the registry keeps it."""

    kind: SchemaKind
    text: str
    """JSON; for Protobuf a FileDescriptorProto in base64."""
    references: Sequence[Reference] = ()
    """Each after those that it uses itself."""


class SchemaRegistry(Protocol):
    """Fetches schemas into `Schemas`."""

    async def fetch(self, schema_id: int, still_waiting: Callable[[], None]) -> None:
        """Make the id known, or known to be unknown; wait for a registry that is away.

        `still_waiting` is called before each try: a registry that is away must not trip the
        watchdog.
        """


@dataclass(slots=True)
class Schemas:
    """What is known of the registry's schemas; a schema never changes under its id."""

    known: dict[int, Schema] = field(default_factory=dict)
    unknown: set[int] = field(default_factory=set)
    """Of these the registry said that there is none; told once, then it is asked again."""

    def find(self, schema_id: int) -> Schema | SchemaNeeded | Rejected:
        schema = self.known.get(schema_id)
        if schema is not None:
            return schema
        if schema_id in self.unknown:
            self.unknown.discard(schema_id)
            return Rejected("unknown_schema", f"the registry has no schema with the id {schema_id}")
        return SchemaNeeded(schema_id)
