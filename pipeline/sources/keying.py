"""What is known of the keys that each platform writes, for whoever sets its topic up."""

from collections.abc import Mapping
from typing import Final

from pipeline.sources.settings import Format

KEYS: Final[Mapping[Format, str]] = {
    "native": "key each event by member.id",
    "segment": "Segment writes an empty key unless it is mapped; map it to $.userId",
    "mparticle": "a bridge writes this topic; have it key by mpid",
    "adobe_rtcdp": "Event Hubs or a bridge writes this topic; have it key by mapping.member",
    "rudderstack": "RudderStack keys by userId or anonymousId, which record events may not have",
    "debezium": "Debezium keys by the primary key; an append-only table needs message.key.columns "
    "with the audience and the member",
    "mapping": "key each event by what mapping.member is",
    "python": "key each event by its member",
}
"""Of each format; everything about one member has to be in one partition."""
