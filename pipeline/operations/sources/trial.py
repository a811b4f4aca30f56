"""What becomes of one message under a configuration, up to the record that a lane would get."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

import orjson

from pipeline.configuration.model import Settings
from pipeline.configuration.routing import audience_names
from pipeline.destinations.contract import Partners
from pipeline.destinations.registry import PARTNERS
from pipeline.domain.change import MembershipChange
from pipeline.domain.reasons import Ignored, Rejected, Rendered, Withheld
from pipeline.operations.ingest_routes import ingest_routes
from pipeline.sources.audiences import unknown
from pipeline.sources.encodings.schemas import Schema, Schemas
from pipeline.sources.reading import Reading, SchemaNeeded
from pipeline.sources.registry import compile_source
from pipeline.stages.ingest.route import AnyRoute


class TrialMessage(NamedTuple):
    """A message of an upstream topic, without Kafka."""

    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]] = ()
    timestamp: int = -1


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a message is; a message with many items may state changes and be rejected in part."""

    changes: Sequence[Mapping[str, Any]] = ()
    records: Sequence[Mapping[str, Any]] = ()
    """What each destination would get of the changes."""
    ignored: str | None = None
    rejected: Sequence[Rejected] = field(default_factory=tuple)


class Trial:
    """Reads messages as a running process would, by the same readers, routes and renderers."""

    def __init__(
        self,
        settings: Settings,
        schemas: Mapping[int, Schema] | None = None,
        partners: Partners = PARTNERS,
    ) -> None:
        names = audience_names(settings)
        self._known = frozenset(names.values())
        self._routes = ingest_routes(settings, partners)
        known = Schemas(dict(schemas or {}))
        self._readers = {
            source.topic: compile_source(source, audiences=names, schemas=known)
            for source in settings.sources
        }

    def of(self, topic: str, message: TrialMessage) -> Verdict:
        """What the message of that topic is; KeyError for a topic that is no source."""
        outcome = self._readers[topic](message)
        if isinstance(outcome, SchemaNeeded):
            detail = f"no schema with the id {outcome.schema_id} was given"
            return Verdict(rejected=(Rejected("unknown_schema", detail),))
        return self._verdict(outcome)

    def _verdict(self, reading: Reading) -> Verdict:
        if isinstance(reading, Ignored):
            return Verdict(ignored=reading.reason)
        if isinstance(reading, Rejected):
            return Verdict(rejected=(reading,))
        changes: list[MembershipChange] = []
        rejected: list[Rejected] = []
        for part in reading:
            if isinstance(part, Rejected):
                rejected.append(part)
            elif part.audience is not None and part.audience not in self._known:
                rejected.append(unknown(part.audience))
            else:
                changes.append(part)
        return Verdict(
            changes=[shown(change) for change in changes],
            records=[_record(route, change) for change in changes for route in self._ways(change)],
            rejected=rejected,
        )

    def _ways(self, change: MembershipChange) -> Sequence[AnyRoute]:
        return self._routes.of(change.audience)


def shown(change: MembershipChange) -> Mapping[str, Any]:
    """A change in the words of the examples; what it does not have is left out."""
    at = datetime.fromtimestamp(change.occurred_at_ms / 1000, UTC)
    said = {
        "audience": change.audience,
        "action": change.action,
        "member": change.member_id,
        "occurred_at": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "country": change.country,
        "identities": [dict(identity) for identity in change.identities] or None,
        "consent": None if change.consent is None else dict(change.consent),
        "attributes": None if change.attributes is None else dict(change.attributes),
        "backfill": change.is_backfill or None,
    }
    return {key: value for key, value in said.items() if value is not None}


def _record(route: AnyRoute, change: MembershipChange) -> Mapping[str, Any]:
    where: dict[str, Any] = {
        "destination": route.lane.destination,
        "connection": route.lane.connection,
        "audience_id": route.audience_id,
    }
    match route.render(change, None):
        case Rendered(member, value):
            # Of a remove, only who it is goes into the topic of memberships.
            record = {"record": orjson.loads(value)} if value else {}
            return {**where, "action": change.action, "member": member, **record}
        case Withheld(reason):
            return {**where, "withheld": reason}
        case Rejected(reason, detail):
            return {**where, "rejected": reason, "detail": detail}
