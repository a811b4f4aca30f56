"""`ledger` against topics that a pipeline could have left behind, and some that it could not."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.structs import OffsetAndMetadata

from pipeline.domain.job import Job, JobEnd, JobReport, encode_outcome
from pipeline.domain.lane_record import encode_header
from pipeline.domain.message import Message, Origin, dead_letter
from pipeline.domain.offset_ranges import encode_ranges
from pipeline.identity.hashing import hashed_id
from pipeline.sandbox.broker import EmbeddedBroker
from tests.cli.test_commands import _logging_is_put_back
from tests.cli.test_topic_commands import NOW_MS, Topics, producing, topics_at
from tests.configuration.test_example_files import target

__all__ = ["_logging_is_put_back"]

LANES = ("amazon-na.connection-1", "amazon-na.connection-2")
RECORDS = 10


@dataclass(frozen=True, slots=True)
class Left:
    """The topics of one namespace, with ten records of ten members in each of two lanes."""

    topics: Topics

    async def create(self) -> None:
        await self.topics.create(*(f"records.{lane}" for lane in LANES), partitions=1)
        for lane in LANES:
            await self.write(
                [
                    Message(
                        self.lane(lane),
                        b"7|u-%d" % number,
                        b"{}",
                        encode_header("add", 0, b"", 0, 0),
                    )
                    for number in range(RECORDS)
                ]
            )

    def lane(self, lane: str) -> str:
        return f"{self.topics.namespace}.records.{lane}"

    async def write(self, messages: Sequence[Message]) -> None:
        """All at once: the embedded broker names an end that is too low after such a batch."""
        async with producing(self.topics.bootstrap_servers) as producer:
            for one in messages:
                await producer.send(
                    one.topic, one.value, one.key, headers=list(one.headers), partition=0
                )
            await producer.flush()

    async def settle(self, lane: str, offset: int) -> None:
        await self._commit("upload", self.lane(lane), offset)

    async def settle_jobs(self, offset: int) -> None:
        await self._commit("poll", f"{self.topics.namespace}.jobs", offset)

    async def _commit(self, stage: str, topic: str, offset: int) -> None:
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self.topics.bootstrap_servers,
            group_id=f"{self.topics.namespace}.{stage}",
            enable_auto_commit=False,
        )
        await consumer.start()
        try:
            tp = TopicPartition(topic, 0)
            consumer.assign([tp])
            await consumer.commit({tp: OffsetAndMetadata(offset, "")})
        finally:
            await consumer.stop()

    def outcome(self, job: Job, end: JobEnd) -> Message:
        value = encode_outcome(job.without_offsets(), JobReport(state=end.upper(), end=end), NOW_MS)
        return Message(f"{self.topics.namespace}.outcomes", job.job_id.encode(), value, ())

    def change(self, key: bytes) -> Message:
        return Message(self.lane(LANES[0]), key, b"{}", encode_header("add", 0, b"", 0, 0))

    def invalid(self, job: Job, key: bytes) -> Message:
        return dead_letter(
            f"{self.topics.namespace}.dead-letters",
            stage="poll",
            reason="invalid",
            detail=f"job {job.job_id}, audience 7: no match key",
            origin=Origin(f"{self.topics.namespace}.jobs", 0, 0),
            key=key,
            value=job.without_offsets().encode(),
            written_at_ms=NOW_MS,
            payload="original",
        )

    def letter(self, lane: str, offset: int) -> Message:
        return dead_letter(
            f"{self.topics.namespace}.dead-letters",
            stage="upload",
            reason="refused",
            detail="too old",
            origin=Origin(self.lane(lane), 0, offset),
            key=b"7|u-1",
            value=b"{}",
            written_at_ms=NOW_MS,
            payload="original",
        )


@pytest.fixture
async def left(embedded_broker: EmbeddedBroker, namespace: str, tmp_path: Path) -> Left:
    left = Left(topics_at(embedded_broker.bootstrap_servers, namespace, tmp_path, exactly=False))
    await left.create()
    return left


def job(job_id: str, lane: str, *offsets: int) -> Job:
    destination, _, connection = lane.partition(".")
    return Job(
        job_id=job_id,
        destination=destination,
        connection=connection,
        audience_id="7",
        records=len(offsets),
        removes=0,
        first_offset=min(offsets),
        last_offset=max(offsets),
        submitted_at_ms=NOW_MS,
        oldest_changed_at_ms=NOW_MS,
        offsets=encode_ranges(offsets),
    )


async def test_every_term_is_read_from_the_topics(left: Left) -> None:
    """
    Job b repeats two records of job a, and is not followed to its end yet.
    """
    one, other = job("a", LANES[0], 0, 1, 2, 4), job("b", LANES[0], 2, 4, 5)
    await left.write([left.topics.job(one), left.topics.job(other)])
    await left.write([left.outcome(one, "failed"), left.letter(LANES[0], 3)])
    await left.settle(LANES[0], 6)
    await left.settle_jobs(1)

    ran = await left.topics.run("ledger --json --lane connection-1")

    assert ran.code == 0
    [lane] = ran.found["lanes"]
    assert lane["lane"] == LANES[0]
    assert (lane["prepared"], lane["accepted"], lane["repeated"]) == (10, 5, 2)
    assert (lane["dead_lettered"], lane["superseded"], lane["waiting"]) == (1, 0, 4)
    assert (lane["handed_over"], lane["failed"], lane["pending"]) == (7, 4, 3)
    assert ran.found["dead_letters"] == [{"stage": "upload", "reason": "refused", "count": 1}]
    assert (ran.found["adds_up"], ran.found["at_rest"]) == (True, False)


async def test_all_lanes_are_shown_in_sums_that_can_be_read(left: Left) -> None:
    await left.write([left.topics.job(job("a", LANES[0], *range(RECORDS)))])
    await left.settle(LANES[0], RECORDS)

    ran = await left.topics.run("ledger")

    assert ran.code == 0
    assert "10 prepared = 0 superseded + 0 dead-lettered + 10 accepted + 0 waiting" in ran.out
    assert "10 prepared = 0 superseded + 0 dead-lettered + 0 accepted + 10 waiting" in ran.out
    assert "10 handed over = 10 accepted + 0 repeated" in ran.out


async def test_a_job_message_that_is_not_there_is_exit_code_one_and_names_the_lane(
    left: Left,
) -> None:
    gone, there = job("gone", LANES[1], 0, 1, 2, 3), job("there", LANES[1], *range(4, RECORDS))
    await left.write([left.topics.job(there)])
    await left.write([left.outcome(gone, "applied"), left.outcome(there, "applied")])
    await left.settle(LANES[1], RECORDS)
    await left.settle_jobs(1)

    ran = await left.topics.run("ledger")

    assert ran.code == 1
    lost, orphaned = ran.err.splitlines()
    assert f"error: lane {LANES[1]}: 4 of 10 records have no end" in lost
    assert "(offset 0, 1, 2, 3)" in lost
    assert f"error: lane {LANES[1]}: 1 jobs have an outcome, but no message" in orphaned
    assert "(gone)" in orphaned
    assert "if an audience of the lane is paused (`lanes list`)" in lost
    assert lost.endswith("otherwise keep the topics and report it")


async def test_a_job_that_was_settled_without_an_outcome_is_exit_code_one(left: Left) -> None:
    await left.write([left.topics.job(job("forgotten", LANES[0], *range(RECORDS)))])
    await left.settle(LANES[0], RECORDS)
    await left.settle_jobs(1)

    ran = await left.topics.run("ledger --json")

    assert ran.code == 1
    assert json.loads(ran.out)["adds_up"] is False
    assert f"lane {LANES[0]}: 1 jobs were settled without an outcome (forgotten)" in ran.error


async def test_a_lane_that_is_not_there_is_refused_with_the_nearest_one(left: Left) -> None:
    ran = await left.topics.run("ledger --lane amazon-na.connection-3")

    assert ran.code == 1
    assert "no lane 'amazon-na.connection-3'; did you mean 'amazon-na.connection-" in ran.error


async def test_each_change_of_a_member_is_told_with_its_end(left: Left) -> None:
    """
    Five changes of one member, five ends, and no word of anybody else.
    """
    for_audience(left, external_user_id="as_is")
    await left.write([left.change(b"7|u-3") for _ in range(4)])
    named = job("named", LANES[0], 3, 4)
    whole = job("whole", LANES[0], 10)
    await left.write([left.topics.job(named), left.topics.job(whole)])
    await left.write([left.outcome(named, "applied"), left.invalid(named, b"7|u-3")])
    await left.write([left.letter(LANES[0], 11)])
    await left.settle(LANES[0], 13)

    ran = await left.topics.run("ledger --member u-3 --audience vip --json")

    assert [(one["offset"], one["end"]) for one in json.loads(ran.out)] == [
        (3, "accepted"),
        (10, "accepted"),
        (11, "dead-lettered"),
        (12, "superseded"),
        (13, "waiting"),
    ]
    details = [one["detail"] for one in json.loads(ran.out)]
    assert details[0] == "invalid: job named, audience 7: no match key"
    assert details[1:4] == ["job whole: PENDING", "refused: too old", "by the change at offset 13"]
    assert ran.code == 0
    assert "u-4" not in ran.out


async def test_a_change_that_is_lost_is_exit_code_one(left: Left) -> None:
    for_audience(left, external_user_id="as_is")
    await left.settle(LANES[0], RECORDS)

    ran = await left.topics.run("ledger --member u-5 --audience vip")

    assert ran.code == 1
    assert "lost" in ran.out


async def test_a_member_is_found_under_the_id_that_the_partner_gets(left: Left) -> None:
    for_audience(left, external_user_id="sha256")
    await left.write([left.change(b"7|" + hashed_id("ana@example.com").encode())])

    found = await left.topics.run("ledger --member ana@example.com --audience vip --json")
    nobody = await left.topics.run("ledger --member u-3 --audience vip")

    assert [one["offset"] for one in found.found] == [RECORDS]
    assert "no lane holds a change of this member" in nobody.out
    assert "`dead-letters list --stage ingest --key ID`" in nobody.out
    assert "files" not in nobody.err


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("ledger --member u-1", "--member and --audience go together"),
        ("ledger --member u-1 --audience vipp", "no audience 'vipp'; did you mean 'vip'?"),
    ],
)
async def test_a_question_about_nobody_is_refused(left: Left, line: str, said: str) -> None:
    ran = await left.topics.run(line)

    assert said in ran.error


def for_audience(left: Left, *, external_user_id: str) -> None:
    """Let the audience `vip` go to the first lane, as the partner's audience 7."""
    document = yaml.safe_load(left.topics.config.read_text())
    document["destinations"]["amazon-na"]["external_user_id"] = external_user_id
    connection = LANES[0].partition(".")[2]
    document["audiences"][0]["destinations"] = [target(audience_id="7", connection_id=connection)]
    left.topics.config.write_text(yaml.safe_dump(document))
