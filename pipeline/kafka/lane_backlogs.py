"""Counts the waiting records of each audience in the lanes' topics, up to a bound."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from aiokafka import TopicPartition

from pipeline.domain.lane_record import audience_of
from pipeline.kafka.client_options import ClientOptions
from pipeline.kafka.lane_positions import LaneTopicFacts
from pipeline.kafka.topic_reader import TopicReader

MOST_RECORDS = 20_000
"""Most records read of one lane: an audience with a backlog is nearly always among the oldest."""
MOST_SECONDS = 10.0
"""For all lanes together: a start must not wait long for this advice."""


@dataclass(frozen=True, slots=True)
class Backlog:
    """One lane's records that are still to be sent, by audience."""

    topic: str
    records: Mapping[str, int]
    is_whole: bool
    """False where more records wait than were looked at."""


async def backlogs(
    client_options: ClientOptions,
    lanes: Sequence[LaneTopicFacts],
    *,
    read_committed: bool,
    clock: Callable[[], float],
    most_records: int = MOST_RECORDS,
    most_seconds: float = MOST_SECONDS,
) -> Sequence[Backlog]:
    """Return the backlogs of these lanes; a lane not reached in time is empty and not whole.

    Raises:
        aiokafka.errors.KafkaError: a broker went away meanwhile.
    """
    waiting = [one for one in lanes if one.waiting or _kept(one)]
    if not waiting:
        return []
    until = clock() + most_seconds
    async with TopicReader(client_options, committed_only=read_committed) as reader:
        oldest = await reader.oldest([TopicPartition(one.topic, 0) for one in waiting])
        return [
            await _backlog(reader, one, oldest[TopicPartition(one.topic, 0)], most_records)
            if clock() < until
            else Backlog(one.topic, {}, is_whole=False)
            for one in waiting
        ]


async def _backlog(reader: TopicReader, lane: LaneTopicFacts, oldest: int, most: int) -> Backlog:
    """Count from the first record that may still be sent.

    Records before the committed offset count only for paused audiences.
    """
    kept, committed = _kept(lane), lane.committed or 0
    tp = TopicPartition(lane.topic, 0)
    position = max(oldest, min([committed, *kept.values()]))
    found: Counter[str] = Counter()
    read = 0
    while position < lane.end and read < most:
        stretch = await reader.stretch(tp, position, most - read)
        for record in stretch.records:
            audience = audience_of(record.key)
            if audience is not None and record.offset >= kept.get(audience, committed):
                found[audience] += 1
        read += len(stretch.records)
        if stretch.end == position:  # its records were trimmed, or the brokers are slow
            break
        position = stretch.end
        await asyncio.sleep(0)
    return Backlog(lane.topic, found, is_whole=position >= lane.end)


def _kept(lane: LaneTopicFacts) -> Mapping[str, int]:
    """Return, for each paused audience, the first offset that is still to be sent."""
    return {} if lane.said is None else lane.said.paused
