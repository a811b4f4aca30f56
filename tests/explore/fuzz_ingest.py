"""What ingest has to make of the events of a fuzz, by the pure transformation alone."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from random import Random

from pipeline.configuration.load import load
from pipeline.configuration.routing import audience_names
from pipeline.destinations.registry import PARTNERS
from pipeline.operations.ingest_routes import ingest_routes
from pipeline.sources.encodings.schemas import Schemas
from pipeline.sources.reading import SchemaNeeded
from pipeline.sources.registry import compile_source
from pipeline.stages.dead_letters import DeadLetters
from pipeline.stages.ingest.chunk import Chunk
from pipeline.stages.ingest.lane_records import LaneRecords
from pipeline.stages.ingest.member_records import MemberRecords
from pipeline.stages.ingest.topic_limits import TopicLimits
from pipeline.stages.ingest.transform import Transform
from pipeline.stages.ports import USUAL_LIMITS, Partition
from tests.explore.fuzz_evidence import Evidence
from tests.explore.fuzz_topics import letter_headers, named, own_messages
from tests.fakes.source_world import Source, SourceLease
from tests.fakes.telemetry import RecordingTelemetry

MOST_IN_A_PART = 10**9


def carried(evidence: Evidence) -> Iterator[str]:
    """Each event became what the pure transformation makes of it, and that once."""
    records, letters = _made(evidence)
    for topic in evidence.lanes.values():
        stand: Counter[tuple[bytes, bytes | None]] = Counter(
            (one.key, one.value) for one in own_messages(evidence, topic) if one.key is not None
        )
        missing, doubled = records[topic] - stand, stand - records[topic]
        if missing or doubled:
            yield f"{topic}: {missing.total()} records are missing, {doubled.total()} too many"
    found: Counter[tuple[str, ...]] = Counter(
        (letter["reason"], letter["topic"], letter["partition"], letter["offset"])
        for letter in letter_headers(evidence)
        if letter["stage"] == "ingest"
    )
    yield from named("dead letters of events are missing", list(letters - found))
    yield from named("dead letters of events are too many", list(found - letters))


def _made(
    evidence: Evidence,
) -> tuple[Mapping[str, Counter[tuple[bytes, bytes | None]]], Counter[tuple[str, ...]]]:
    """Records by topic, and dead letters, of all events."""
    settings = load(evidence.config, {})
    names, routes = audience_names(settings), ingest_routes(settings, PARTNERS)
    records: defaultdict[str, Counter[tuple[bytes, bytes | None]]] = defaultdict(Counter)
    letters: Counter[tuple[str, ...]] = Counter()
    for source in settings.sources:
        read = compile_source(source, audiences=names, schemas=Schemas())
        for event in evidence.messages[source.topic]:
            _, partition, offset = event.place
            limits = TopicLimits(USUAL_LIMITS)
            transform = Transform(
                lease=SourceLease(_NO_SOURCE, topic=source.topic, partition=partition),
                read=read,
                routes=routes,
                records=LaneRecords(partition=partition, limits=limits),
                members=MemberRecords(
                    source=Partition(source.topic, partition),
                    restates=source.restates,
                    limits=limits,
                    wall_ms=lambda: 0,
                ),
                letters=_NO_LETTERS,
            )
            reading, chunk = transform.read(event), Chunk()
            assert not isinstance(reading, SchemaNeeded)
            for _ in transform.event(event, reading, chunk, after=None, most=MOST_IN_A_PART):
                pass
            for target, outgoing in chunk.outgoing.items():
                records[target.topic].update((one.key, one.value) for one in outgoing)
            letters.update(
                (reason, source.topic, str(partition), str(offset))
                for reason, count in chunk.counts.letters.items()
                for _ in range(count)
            )
    return records, letters


_NO_SOURCE = Source(Random(0))
_NO_LETTERS = DeadLetters(
    topic="letters",
    stage="ingest",
    payload="reference",
    wall_ms=lambda: 0,
    telemetry=RecordingTelemetry(),
)
