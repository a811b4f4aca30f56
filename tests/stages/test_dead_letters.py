"""Dead letters that their topic takes, and what operators hear of them."""

import asyncio
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from pipeline.domain.message import Message, Origin
from pipeline.stages.dead_letters import DeadLetterLog, DeadLetters
from tests.fakes.source_world import Broker, size_of
from tests.fakes.telemetry import RecordingTelemetry
from tests.fakes.virtual_loop import run_virtual

ORIGIN = Origin("cdp", 0, 7)


def composed(
    key: bytes | None, value: bytes | None, takes: int, detail: str = "why", quoted: str = ""
) -> Message:
    letters = DeadLetters(
        topic="letters",
        stage="ingest",
        payload="original",
        wall_ms=lambda: 0,
        telemetry=RecordingTelemetry(),
        limits=Broker(takes={"letters": takes}),
    )
    return letters.compose(ORIGIN, key, value, "malformed", detail, quoted)


@given(
    key=st.none() | st.integers(0, 3_000_000).map(lambda size: b"k" * size),
    value=st.none() | st.integers(0, 3_000_000).map(lambda size: b"v" * size),
    takes=st.integers(4_000, 2_000_000),
    detail=st.text(max_size=50).map(lambda text: text * 100),
    quoted=st.text(max_size=50).map(lambda text: text * 100),
)
def test_a_dead_letter_fits_into_its_topic_whatever_it_is_of(
    key: bytes | None, value: bytes | None, takes: int, detail: str, quoted: str
) -> None:
    assert size_of(composed(key, value, takes, detail, quoted)) <= takes


def test_what_is_quoted_stands_behind_our_own_words() -> None:
    letter = composed(b"k", b"v", 1_000_000, "no such audience", "'vip'")

    assert dict(letter.headers)["detail"] == b"no such audience: 'vip'"


async def _logged(notes: Sequence[tuple[float, int]], until: float) -> list[tuple[float, int]]:
    """When the log said how many, of notes at their times."""
    said: list[tuple[float, int]] = []
    told = DeadLetterLog()
    loop = asyncio.get_running_loop()
    with capture_logs() as lines:
        for at, count in [*notes, (until, 0)]:
            while loop.time() < at:
                await asyncio.sleep(min(1.0, at - loop.time()))
                said += [(loop.time(), line["count"]) for line in lines]
                lines.clear()
            if count:
                told.note("ingest", "malformed", count)
    return said


def test_the_first_dead_letter_is_told_at_once_and_the_others_once_a_minute() -> None:
    notes = [(float(second), 1) for second in range(150)]

    said = run_virtual(_logged(notes, 400.0))

    counts = [count for _, count in said]
    assert counts[0] == 1
    assert len(counts) == 4
    assert sum(counts) == 150


@given(
    notes=st.lists(st.tuples(st.floats(0.0, 1000.0), st.integers(1, 100)), max_size=30).map(sorted)
)
def test_at_most_one_line_a_minute_and_the_counts_add_up(notes: list[tuple[float, int]]) -> None:
    said = run_virtual(_logged(notes, 1200.0))

    times = [at for at, _ in said]
    assert sum(count for _, count in said) == sum(count for _, count in notes)
    assert all(later - earlier >= 58.0 for earlier, later in pairwise(times))


def test_every_reason_has_lines_of_its_own() -> None:
    async def story() -> list[str]:
        told = DeadLetterLog()
        with capture_logs() as lines:
            told.note("ingest", "malformed", 2)
            told.note("ingest", "unknown_audience", 3)
            told.note("upload", "malformed", 4)
            told.note("ingest", "malformed", 5)
        return [f"{line['stage']} {line['reason']} {line['count']}" for line in lines]

    assert run_virtual(story()) == [
        "ingest malformed 2",
        "ingest unknown_audience 3",
        "upload malformed 4",
    ]


@pytest.mark.parametrize("count", [0])
def test_no_dead_letter_is_no_line(count: int) -> None:
    async def story() -> int:
        with capture_logs() as lines:
            DeadLetterLog().note("ingest", "malformed", count)
        return len(lines)

    assert run_virtual(story()) == 0
