"""What a commit says beside its offset, and what is made of it."""

import asyncio
from dataclasses import dataclass

import pytest
from aiokafka import TopicPartition

from pipeline.domain.pause_request import encode_pause_request
from pipeline.kafka.coordinator import Committed
from pipeline.kafka.offset_resolver import (
    LARGEST_METADATA_BYTES,
    OffsetResolver,
    Said,
    metadata,
    read_metadata,
)
from pipeline.kafka.pause_requests import LatestPauseRequests
from pipeline.operations.ledger.ledger_reading import paused
from pipeline.operations.ledger.paused import NONE_PAUSED, PausedSince
from pipeline.stages.ports import StartingPoint
from tests.fakes.telemetry import RecordingTelemetry

LONG = 413642381039213537


def test_what_is_kept_back_is_read_as_it_was_written() -> None:
    paused = {str(LONG): 10**12, "7": 0}

    assert read_metadata(metadata(clean=True, paused=paused)) == Said(True, paused, None)


def test_where_the_work_goes_on_stands_beside_what_is_kept_back_or_not_at_all() -> None:
    """
    An owner that does not learn which audiences are kept back must begin at the offset itself.
    """
    many = {str(LONG + number): 10**12 + number for number in range(200)}

    assert read_metadata(metadata(clean=True, paused={"7": 0}, done_to=9)) == Said(
        True, {"7": 0}, None, 9
    )
    assert read_metadata(metadata(clean=True, paused=many, done_to=10**13)) == Said(
        True, {}, 10**12, None
    )


def test_more_than_brokers_take_is_said_with_one_offset_for_all() -> None:
    """
    At least eighty audiences with the longest ids have their own.
    """
    eighty = {str(LONG + number): 10**12 + number for number in range(80)}
    many = {str(LONG + number): 10**12 + number for number in range(200)}

    assert read_metadata(metadata(clean=False, paused=eighty)) == Said(False, eighty, None)
    assert len(metadata(clean=False, paused=many)) <= LARGEST_METADATA_BYTES
    assert read_metadata(metadata(clean=False, paused=many)) == Said(False, {}, 10**12)


def test_the_ledger_learns_what_is_kept_back_from_the_commit_that_settled_it() -> None:
    named = metadata(clean=True, paused={"7": 4})
    many = metadata(clean=True, paused={str(LONG + number): 4 for number in range(200)})

    assert paused(Committed(10, named)) == PausedSince({"7": 4})
    assert paused(Committed(10, many)) == PausedSince(others=4)
    assert paused(Committed(10, "")) == paused(None) == NONE_PAUSED


def test_keys_of_a_later_version_are_passed_over() -> None:
    assert read_metadata('{"format": 2, "clean": true, "new": [1]}') == Said(True, {}, None)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "clean",
        "[]",
        "1",
        "{}",
        '{"format": 3, "clean": true}',
        '{"format": 2, "clean": true, "paused": [7]}',
        '{"format": 2, "clean": true, "paused": {"vip": "first"}}',
        '{"format": 2, "clean": true, "paused": {"7": null}}',
        '{"format": 2, "clean": true, "paused": {"7": -1}}',
        '{"format": 2, "clean": true, "paused": {"7": 9223372036854775808}}',
        '{"format": 2, "clean": true, "paused_since": Infinity}',
        '{"format": 2, "clean": true, "paused_since": 1.5}',
        '{"format": 2, "clean": true, "done_to": -1}',
        pytest.param("[" * 4_000, id="nested too deep"),
    ],
)
def test_what_nobody_here_wrote_leaves_open_what_is_kept_back(text: str) -> None:
    assert read_metadata(text) is None


def test_a_control_message_that_is_not_understood_changes_nothing() -> None:
    book = LatestPauseRequests()
    book.take(0, b"lane|7", encode_pause_request(is_paused=True, at_ms=1))
    book.take(1, b"lane|8", encode_pause_request(is_paused=True, at_ms=1))

    book.take(2, b"lane|7", b'{"format": 99, "state": "running"}')
    book.take(3, b"lane|8", None)

    assert book.requested("lane") == {"7": True}
    assert book.requested("another") == {}


@dataclass(frozen=True, slots=True)
class OneLane:
    """What a group has committed for its only partition, and where that begins and ends."""

    said: Committed
    at_end: int

    async def committed(self, _: TopicPartition) -> Committed:
        return self.said

    async def oldest(self, _: TopicPartition) -> int:
        return 0

    async def end(self, _: TopicPartition) -> int:
        return self.at_end


@pytest.mark.parametrize(("end", "begins_at"), [(20, 9), (5, 0)])
def test_an_owner_goes_on_where_the_work_was_only_if_the_topic_reaches_so_far(
    end: int, begins_at: int
) -> None:
    """
    The topic may begin anew while the first record of a refused audience keeps the offset low:
    from behind its end nothing is ever read.
    """
    said = Committed(0, metadata(clean=True, paused={"7": 0}, done_to=9))
    resolver = OffsetResolver(
        OneLane(said, end),  # type: ignore[arg-type]
        TopicPartition("lane", 0),
        start="earliest",
        telemetry=RecordingTelemetry(),
    )

    async def is_readable(offset: int) -> bool:
        return offset <= end

    start = asyncio.run(resolver.find(is_readable))

    assert start == StartingPoint(begins_at, is_clean=end == 20, paused={"7": 0})
