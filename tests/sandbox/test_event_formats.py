"""The sandbox's upstream says the same in every format, and counts right what each becomes."""

from collections.abc import Sequence
from random import Random

import pytest

from pipeline.destinations.amazon_ads.rendering import RecordRenderer
from pipeline.domain.change import MembershipChange
from pipeline.domain.reasons import Ignored, Rejected
from pipeline.sandbox.event_formats import FORMATS
from pipeline.sandbox.expectation import Expectation
from pipeline.sandbox.traffic import Event, Traffic
from pipeline.sources.encodings.schemas import Schemas
from pipeline.sources.formats import FORMATS as SOURCE_FORMATS
from pipeline.sources.reading import SchemaNeeded
from pipeline.sources.registry import compile_source
from pipeline.sources.settings import SourceSettings
from tests.sandbox.test_traffic import AUDIENCES, START_MS, adobe, replay_change
from tests.sources.messages import Sent


def traffic(name: str, seed: int) -> Traffic:
    return Traffic(AUDIENCES, 400, Random(seed), START_MS, FORMATS[name])


def replayed(name: str, events: Sequence[Event]) -> Expectation:
    """
    What the pipeline's own reading, routing and rendering make of the events.
    """
    settings = SourceSettings.model_validate({"topic": "cdp", **FORMATS[name].source})
    names = {audience.name: audience.name for audience in AUDIENCES}
    read = compile_source(settings, audiences=names, schemas=Schemas())
    expected, renderer, member = Expectation(), RecordRenderer(), adobe()
    for event in events:
        expected.events += 1
        reading = read(Sent(event.value, event.key))
        assert not isinstance(reading, SchemaNeeded)
        for part in [reading] if isinstance(reading, Ignored | Rejected) else reading:
            if isinstance(part, Ignored):
                expected.ignored[part.reason] += 1
            elif isinstance(part, Rejected):
                expected.reject(part.reason)
            else:
                assert isinstance(part, MembershipChange)
                replay_change(expected, part, renderer, member)
    return expected


@pytest.mark.parametrize("name", FORMATS)
def test_the_expectation_says_what_the_pipeline_makes_of_the_events(name: str) -> None:
    upstream = traffic(name, 3)
    events = list(upstream.events(4_000))

    assert upstream.expected == replayed(name, events)
    assert sum(upstream.expected.changes.values()) > 3_000


def test_the_sandbox_writes_every_format_that_is_shown() -> None:
    assert set(FORMATS) == {name for name, known in SOURCE_FORMATS.items() if known.is_shown}
