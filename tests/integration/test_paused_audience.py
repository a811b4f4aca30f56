"""An audience paused and resumed on a real broker: controls, commit metadata, and the replay."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from aiokafka import TopicPartition

from pipeline.domain.lane_record import encode_header, member_key
from pipeline.domain.message import Message
from pipeline.domain.pause_request import encode_pause_request, pause_request_key
from pipeline.domain.quota import Pace, Quota
from pipeline.domain.send_result import Accepted, Answer, Refused
from pipeline.kafka.group import ConsumerGroup
from pipeline.kafka.lane_positions import LaneTopicFacts, look_at
from pipeline.kafka.pause_requests import PauseRequestReader
from pipeline.kafka.replay import KafkaReplay
from pipeline.kafka.topic_plans import compacted_topic, lane_topic
from pipeline.kafka.topic_reader import reading as topic_reader
from pipeline.kafka.topics import Topics
from pipeline.kafka.trimmer import KafkaTrimmer
from pipeline.operations.ledger.ledger_reading import paused
from pipeline.operations.ledger.paused import PausedSince
from pipeline.stages.contract import Progress
from pipeline.stages.dead_letters import DeadLetters
from pipeline.stages.ports import Ownership
from pipeline.stages.retry import Backoff, Throttle
from pipeline.stages.upload.batching import Limits
from pipeline.stages.upload.memory import Budget
from pipeline.stages.upload.served_lane import ServedLane, SharedByLanes
from pipeline.stages.upload.stage import UploadStage
from pipeline.stages.upload.token_bucket import LaneTokenBucket
from pipeline.telemetry.facts import LaneLabel
from tests.conftest import Cluster
from tests.fakes.lane_world import MemoryMessageWriter
from tests.fakes.telemetry import RecordingTelemetry
from tests.integration.world import connection, group_options, message_writer, until
from tests.servers.kafka_clients import administering, producing, reading

pytestmark = pytest.mark.kafka

WRONG, OTHER = "7", "8"
LANE = "amazon.connection"


@dataclass(slots=True)
class Partner:
    """Takes everything at once but what it refuses, and remembers in which order."""

    taken: list[tuple[str, bytes]] = field(default_factory=list)
    refused: frozenset[str] = frozenset()
    """Audiences."""

    async def turn(self) -> None:
        return None

    async def send(
        self, audience: str, route: bytes, records: Sequence[bytes], ownership: Ownership
    ) -> Answer:
        if audience in self.refused:
            return Refused("400")
        self.taken += [(audience, record) for record in records]
        return Accepted(f"job-{len(self.taken)}")

    def of(self, audience: str) -> list[bytes]:
        return [record for to, record in self.taken if to == audience]


@dataclass(slots=True)
class Lane:
    """A lane's topic on a cluster, the topic of controls, and processes that serve it."""

    cluster: Cluster
    namespace: str
    partner: Partner = field(default_factory=Partner)
    telemetry: RecordingTelemetry = field(default_factory=RecordingTelemetry)
    written: int = 0
    memory: int = 10_000_000

    @property
    def topic(self) -> str:
        return f"{self.namespace}.records.{LANE}"

    @property
    def controls(self) -> str:
        return f"{self.namespace}.controls"

    async def make(self) -> None:
        async with administering(self.cluster) as admin:
            await Topics(admin, None).create(
                [lane_topic(self.topic), compacted_topic(self.controls)]
            )

    async def write(self, *audiences: str) -> None:
        """A transaction of ten records for each, so that a marker stands behind them."""
        id_ = f"{self.namespace}.{self.written}"
        async with (
            producing(self.cluster, transactional_id=id_) as producer,
            producer.transaction(),
        ):
            for number in range(self.written, self.written + 10):
                for audience in audiences:
                    await producer.send(
                        self.topic,
                        b'{"n":%d}' % number,
                        member_key(audience, f"m{number % 5}"),
                        headers=encode_header("add", 0, b"", 0, 0),
                    )
        self.written += 10

    async def say(self, audience: str, *, is_paused: bool) -> None:
        await self.say_raw(encode_pause_request(is_paused=is_paused, at_ms=0), audience)

    async def say_raw(self, value: bytes, audience: str) -> None:
        async with message_writer(self.cluster) as controls:
            key = pause_request_key(LANE, audience)
            await controls.write([Message(self.controls, key, value, ())])

    async def facts(self) -> LaneTopicFacts:
        async with administering(self.cluster) as admin:
            [facts] = await look_at(
                admin,
                connection(self.cluster),
                [self.topic],
                group=f"{self.namespace}.upload",
                read_committed=True,
            )
        return facts

    async def paused(self) -> object:
        said = (await self.facts()).said
        return None if said is None else said.paused

    async def kept(self) -> PausedSince:
        """As the ledger reads it."""
        tp = TopicPartition(self.topic, 0)
        look = topic_reader(connection(self.cluster), committed_only=True, patience=30.0)
        async with look as reader:
            committed = await reader.committed(f"{self.namespace}.upload", [tp])
        return paused(committed.get(tp))

    async def until_held(self, requested: object) -> None:
        async with asyncio.timeout(30):
            while await self.paused() != requested:
                await asyncio.sleep(0.1)

    async def done_to(self) -> int:
        said = (await self.facts()).said
        return 0 if said is None else said.done_to or 0

    async def until_read(self) -> None:
        """Until the lane's own reader has passed everything, what is kept back too."""
        async with asyncio.timeout(30):
            while (await self.facts()).waiting:
                await asyncio.sleep(0.1)

    @asynccontextmanager
    async def served(self, *, dies: bool = False) -> AsyncIterator[None]:
        """By one process, until the block ends; it leaves in order, or it dies."""
        controls = PauseRequestReader(connection(self.cluster), self.controls)
        options = group_options(f"{self.namespace}.upload")
        group = ConsumerGroup(
            self._stage(controls),
            connection(self.cluster),
            options,
            self.telemetry,
            time.monotonic,
        )
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            following = tasks.create_task(controls.follow())
            working = tasks.create_task(group.run(stop))
            yield
            if dies:
                working.cancel()
            stop.set()
            await asyncio.wait([working])
            following.cancel()

    def _stage(self, controls: PauseRequestReader) -> UploadStage:
        shared = SharedByLanes(
            budget=Budget(self.memory, guaranteed=self.memory, lanes=1),
            message_writer=MemoryMessageWriter(),
            dead_letters=DeadLetters(
                topic="letters",
                stage="upload",
                payload="reference",
                wall_ms=lambda: 0,
                telemetry=self.telemetry,
            ),
            telemetry=self.telemetry,
            lane_telemetry=self.telemetry,
            jobs_topic="jobs",
            outcomes_topic="outcomes",
            trimmer=KafkaTrimmer(connection(self.cluster)),
            keep_delivered=3600.0,
            pause_requests=controls,
            new_replay=lambda topic: KafkaReplay(
                connection(self.cluster), topic, read_committed=True, telemetry=self.telemetry
            ),
            new_progress=lambda name: Progress(name, time.monotonic),
            chance=lambda: 0.5,
            new_id=lambda: uuid.uuid4().hex,
            wall_ms=lambda: 0,
            cap_clock=asyncio.get_running_loop().time,
        )
        return UploadStage(lanes={self.topic: self._lane()}, shared=shared)

    def _lane(self) -> ServedLane:
        return ServedLane(
            name=LANE,
            label=LaneLabel("amazon", "connection"),
            partner=self.partner,
            misfit=lambda audience, route: None,
            limits=Limits(max_records=3, max_bytes=10_000, linger=0.05, overhead_bytes=20),
            quota=Quota(window=60.0, records=1_000_000),
            new_buckets=lambda: {"records": LaneTokenBucket(Pace(burst=100, rate=10_000.0))},
            throttle=Throttle(),
            max_in_flight=2,
            late_seconds=0.1,
            probe_seconds=1.0,
            backoff=Backoff(initial=0.1, maximum=1.0),
        )


@pytest.fixture
async def lane(apache_kafka: Cluster, namespace: str) -> Lane:
    made = Lane(apache_kafka, namespace)
    await made.make()
    return made


def last_of_each(records: Sequence[bytes]) -> set[bytes]:
    """The last change of each of the five members, who take turns."""
    return set({_number(record) % 5: record for record in records}.values())


async def test_what_is_kept_outlives_a_crash_and_a_handover_and_is_sent_in_order_on_resume(
    lane: Lane,
) -> None:
    """
    The paused offset stands in the metadata of the commit, and the next process finds it there.
    """
    await lane.write(WRONG, OTHER)
    await lane.say(WRONG, is_paused=True)
    async with lane.served(dies=True):
        await until(lambda: len(set(lane.partner.of(OTHER))) >= 5)
        await lane.until_held({WRONG: 0})
    await lane.write(WRONG, OTHER)
    async with lane.served():
        await until(lambda: b'{"n":19}' in lane.partner.of(OTHER))
        await lane.until_held({WRONG: 0})
    assert await lane.kept() == PausedSince({WRONG: 0})
    assert lane.partner.of(WRONG) == []
    async with lane.served():
        await lane.say(WRONG, is_paused=False)
        await until(lambda: lane.partner.of(WRONG))
        await lane.write(WRONG, OTHER)
        newest = {b'{"n":%d}' % number for number in range(25, 30)}
        await until(lambda: newest <= set(lane.partner.of(WRONG)))
        await lane.until_held({})

    sent = lane.partner.of(WRONG)
    assert last_of_each(sent) == newest
    by_member = [[n for n in map(_number, sent) if n % 5 == member] for member in range(5)]
    assert by_member == [sorted(set(numbers)) for numbers in by_member]
    facts = await lane.facts()
    assert (facts.waiting, facts.oldest_ms) == (0, None)


async def test_a_group_that_was_rewound_keeps_a_paused_audience_back_from_its_oldest_record(
    lane: Lane,
) -> None:
    """
    Offset tools write no metadata; nothing is sent before the resume, and then all of it.
    """
    tp = TopicPartition(lane.topic, 0)
    await lane.write(WRONG, OTHER)
    await lane.say(WRONG, is_paused=True)
    async with reading(lane.cluster, group=f"{lane.namespace}.upload") as consumer:
        consumer.assign([tp])
        await consumer.commit({tp: (15, "")})

    async with lane.served():
        await lane.until_held({WRONG: 0})
        assert lane.partner.of(WRONG) == []
        await lane.say(WRONG, is_paused=False)
        newest = {b'{"n":%d}' % n for n in range(5, 10)}
        # Nothing is kept once the replay is level; what it read last may still be in the queue.
        await until(lambda: last_of_each(lane.partner.of(WRONG)) == newest)
        await lane.until_held({})


async def test_a_control_message_that_cannot_be_read_is_ignored_and_the_word_before_it_stands(
    lane: Lane,
) -> None:
    await lane.say(WRONG, is_paused=True)
    await lane.say_raw(b'{"format": 99, "state": "running"}', WRONG)
    await lane.write(WRONG, OTHER)

    async with lane.served():
        await until(lambda: len(set(lane.partner.of(OTHER))) >= 5)
        await lane.until_held({WRONG: 0})

    assert lane.partner.of(WRONG) == []


async def test_the_successor_of_an_owner_goes_on_behind_an_audience_that_is_refused(
    lane: Lane,
) -> None:
    """
    Its records fill the memory of the lane. The committed offset stays at the first of them, and
    what was sent of the other audience is not sent again.
    """
    lane.memory = 6000
    lane.partner.refused = frozenset({WRONG})
    async with lane.served(dies=True):
        while ("lane_state", "amazon", "connection", "blocked") not in lane.telemetry.levels:
            await lane.write(WRONG)
            await asyncio.sleep(0.2)
        for _ in range(5):
            await lane.write(WRONG, OTHER)
        last, end = {b'{"n":%d}' % (lane.written - 1)}, (await lane.facts()).end
        await until(lambda: last <= set(lane.partner.of(OTHER)))
        async with asyncio.timeout(30):
            while (await lane.done_to()) < end - 1:
                await asyncio.sleep(0.1)
    sent = len(lane.partner.of(OTHER))
    facts = await lane.facts()
    assert facts.committed is not None
    assert facts.committed < await lane.done_to()
    lane.partner.refused = frozenset()
    async with lane.served():
        await until(lambda: last <= set(lane.partner.of(WRONG)))
        await lane.until_held({})
        await lane.until_read()

    newest = {b'{"n":%d}' % number for number in range(lane.written - 5, lane.written)}
    assert last_of_each(lane.partner.of(WRONG)) == newest
    assert len(lane.partner.of(OTHER)) == sent


async def test_kept_records_that_somebody_deleted_are_counted_and_the_rest_is_sent(
    lane: Lane,
) -> None:
    await lane.write(WRONG)
    await lane.say(WRONG, is_paused=True)
    async with lane.served():
        await lane.until_held({WRONG: 0})
        await lane.until_read()
        await KafkaTrimmer(connection(lane.cluster)).trim(lane.topic, settled=6, before_ms=2**53)
        await lane.say(WRONG, is_paused=False)
        await until(lambda: b'{"n":9}' in lane.partner.of(WRONG))
        await lane.until_held({})

    assert lane.telemetry.counts["offsets_lost", lane.topic, "0"] == 6
    assert b'{"n":6}' in lane.partner.of(WRONG)


def _number(record: bytes) -> int:
    return int(record.removeprefix(b'{"n":').removesuffix(b"}"))
