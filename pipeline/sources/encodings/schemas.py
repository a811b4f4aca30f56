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
    """A schema that another schema uses, with the name that the other one gives it."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Schema:
    """A schema in the registry."""

    kind: SchemaKind
    text: str
    """JSON; for Protobuf a FileDescriptorProto in base64."""
    references: Sequence[Reference] = ()
    """The used schemas; each comes after the schemas that it uses itself."""


class SchemaRegistry(Protocol):
    """Fetches schemas into `Schemas`."""

    async def fetch(self, schema_id: int, still_waiting: Callable[[], None]) -> None:
        """Fetch the schema, or learn that the id is unknown; wait while the registry is down.

        `still_waiting` is called before each attempt, because a registry outage must not trip the
        watchdog.
        """


@dataclass(slots=True)
class Schemas:
    """The fetched schemas of a registry; the schema of an id never changes."""

    known: dict[int, Schema] = field(default_factory=dict)
    unknown: set[int] = field(default_factory=set)
    """Ids that the registry does not have; each is reported once, then fetched again."""

    def find(self, schema_id: int) -> Schema | SchemaNeeded | Rejected:
        schema = self.known.get(schema_id)
        if schema is not None:
            return schema
        if schema_id in self.unknown:
            self.unknown.discard(schema_id)
            return Rejected("unknown_schema", f"the registry has no schema with the id {schema_id}")
        return SchemaNeeded(schema_id)
