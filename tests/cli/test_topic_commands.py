"""The commands that read our own topics: what is there, the newest of it, and no payload."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from pipeline.domain.job import Job, JobEnd, JobReport, encode_outcome
from pipeline.domain.message import Message, Origin, dead_letter
from pipeline.kafka.read_back import Stored
from pipeline.operations.job_list import FoundJobs, JobFilter
from pipeline.operations.letter_list import LetterLine, Newest
from pipeline.sandbox.broker import EmbeddedBroker
from tests.cli.test_commands import Ran, _logging_is_put_back, run
from tests.configuration.test_example_files import Example
from tests.conftest import Cluster

__all__ = ["_logging_is_put_back"]

PERSON = "ana@example.com"
NOW_MS = time.time_ns() // 1_000_000
ENDS: Mapping[str, JobEnd] = {"SUCCEEDED": "applied", "FAILED": "failed"}
ANY = JobFilter(since_ms=0, limit=5)
JOB = Job(
    job_id="job-1",
    destination="amazon-na",
    connection="connection-1",
    audience_id="413642381039213537",
    records=10,
    removes=3,
    first_offset=0,
    last_offset=9,
    submitted_at_ms=NOW_MS - 60_000,
    oldest_changed_at_ms=NOW_MS - 60_000,
)


def outcome(job: Job, state: str = "SUCCEEDED") -> bytes:
    return encode_outcome(job, JobReport(state=state, end=ENDS[state]), NOW_MS)


def letter(number: int, namespace: str, key: str = PERSON) -> Message:
    return dead_letter(
        f"{namespace}.dead-letters",
        stage="ingest" if number % 2 else "poll",
        reason="malformed",
        detail=f"detail {number}",
        origin=Origin("cdp", 1, number),
        key=key.encode(),
        value=f'{{"email":"{PERSON}"}}'.encode(),
        written_at_ms=NOW_MS + number,
        payload="original",
    )


@dataclass(frozen=True, slots=True)
class Topics:
    """The topics of one namespace, and the configuration that names them."""

    bootstrap_servers: str
    namespace: str
    config: Path

    async def create(self, *others: str, partitions: int = 3) -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap_servers)
        await admin.start()
        names = ("jobs", "outcomes", "dead-letters", *others)
        try:
            await admin.create_topics(
                [NewTopic(f"{self.namespace}.{name}", partitions, 1) for name in names]
            )
        finally:
            await admin.close()

    async def write(self, messages: Iterable[Message]) -> None:
        async with producing(self.bootstrap_servers) as producer:
            for one in messages:
                await producer.send_and_wait(
                    one.topic, one.value, one.key, headers=list(one.headers)
                )

    async def run(self, line: str) -> Ran:
        return await asyncio.to_thread(run, [*line.split(), "--config", str(self.config)])

    def job(self, job: Job) -> Message:
        return Message(f"{self.namespace}.jobs", job.job_id.encode(), job.encode(), ())

    def outcome(self, job: Job, state: str) -> Message:
        topic = f"{self.namespace}.outcomes"
        return Message(topic, job.job_id.encode(), outcome(job, state), ())


@asynccontextmanager
async def producing(
    bootstrap_servers: str, transactional_id: str | None = None
) -> AsyncIterator[AIOKafkaProducer]:
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap_servers, transactional_id=transactional_id
    )
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


def topics_at(bootstrap_servers: str, namespace: str, folder: Path, *, exactly: bool) -> Topics:
    example = Example().put("kafka.bootstrap_servers", bootstrap_servers)
    example.put("kafka.namespace", namespace).put("kafka.exactly_once", exactly)
    return Topics(bootstrap_servers, namespace, example.write(folder))


@pytest.fixture
def topics(embedded_broker: EmbeddedBroker, namespace: str, tmp_path: Path) -> Topics:
    return topics_at(embedded_broker.bootstrap_servers, namespace, tmp_path, exactly=False)


async def test_jobs_are_listed_with_what_became_of_them(topics: Topics) -> None:
    """
    A carried over job stands twice in its topic, and is one; ids keep their digits.
    """
    ended = replace(JOB, job_id="job-2", submitted_at_ms=NOW_MS)
    await topics.create()
    await topics.write(
        [
            topics.job(JOB),
            topics.job(ended),
            topics.job(ended.carry_over(3)),
            topics.outcome(ended, "FAILED"),
        ]
    )

    listed = await topics.run("jobs list --json")
    failed = await topics.run("jobs list --state FAILED --json")
    table = await topics.run("jobs list --limit 1")

    assert [(one["job_id"], one["state"], one["failed"]) for one in listed.found] == [
        ("job-1", "PENDING", None),
        ("job-2", "FAILED", 10),
    ]
    assert {JOB.audience_id} == {one["audience_id"] for one in listed.found}
    assert [one["job_id"] for one in failed.found] == ["job-2"]
    assert "job-2" in table.out
    assert "job-1" not in table.out


async def test_letters_are_listed_without_what_they_carry(topics: Topics) -> None:
    await topics.create()
    await topics.write(letter(number, topics.namespace) for number in range(6))

    listed = await topics.run("dead-letters list --json --limit 3")
    table = await topics.run("dead-letters list --stage ingest")
    shown = await topics.run("dead-letters list --show-payload --json")

    assert [one["where"] for one in listed.found] == ["cdp/1/3", "cdp/1/4", "cdp/1/5"]
    assert [one["reason"] for one in listed.found] == ["malformed"] * 3
    assert "detail 5" in table.out
    assert "detail 4" not in table.out
    assert PERSON not in listed.out + table.out
    assert PERSON in shown.found[0]["payload"]


async def test_what_was_turned_away_of_one_member_is_found_by_its_key(topics: Topics) -> None:
    """
    Somebody asks for one member, and the topic holds everybody's; keys are not shown.
    """
    await topics.create()
    keys = ["u-1", PERSON, "u-12", PERSON]
    await topics.write(letter(at, topics.namespace, key) for at, key in enumerate(keys))

    listed = await topics.run(f"dead-letters list --key {PERSON} --json")
    nobody = await topics.run("dead-letters list --key u-2")

    assert [one["where"] for one in listed.found] == ["cdp/1/1", "cdp/1/3"]
    assert PERSON not in listed.out
    assert "no dead letter in the last 24 hours" in nobody.out


async def test_nothing_to_list_is_said(topics: Topics) -> None:
    await topics.create()

    jobs, letters = await topics.run("jobs list"), await topics.run("dead-letters list")

    assert "no job in the last 24 hours" in jobs.out
    assert "no dead letter in the last 24 hours" in letters.out


async def test_a_namespace_that_nobody_has_used_is_named(topics: Topics) -> None:
    refused = await topics.run("dead-letters list")

    assert f"{topics.namespace}.dead-letters does not exist" in refused.error
    assert "kafka.namespace" in refused.error


@pytest.mark.kafka
async def test_what_was_aborted_is_not_listed(
    apache_kafka: Cluster, namespace: str, tmp_path: Path
) -> None:
    """
    Letters of ingest stand in transactions; the list ends behind the marker of the last one.
    """
    topics = topics_at(apache_kafka.bootstrap_servers, namespace, tmp_path, exactly=True)
    await topics.create()
    async with producing(topics.bootstrap_servers, f"{namespace}.ingest.cdp.1") as producer:
        for number in (1, 2):
            await producer.begin_transaction()
            one = letter(number, namespace)
            await producer.send_and_wait(one.topic, one.value, one.key, headers=list(one.headers))
            if number == 1:
                await producer.commit_transaction()
            else:
                await producer.abort_transaction()

    listed = await topics.run("dead-letters list --json")

    assert [one["detail"] for one in listed.found] == ["detail 1"]


def test_the_newest_letters_are_kept_and_no_more() -> None:
    newest = Newest(2)
    for number, at in enumerate((5, 9, 1, 7)):
        newest.add(at, some_letter(number))

    assert [one.offset for one in newest.letters()] == [3, 1]


def test_an_outcome_counts_whether_it_is_read_before_or_after_its_job() -> None:
    stored = Stored("audience.jobs", 0, 0, NOW_MS, JOB.encode(), {})
    end = replace(stored, topic="audience.outcomes", value=outcome(JOB))

    for order in ([stored, end], [end, stored]):
        found = FoundJobs("audience.outcomes")
        for one in order:
            found.take(one)

        [line] = found.newest(ANY)
        assert (line.state, line.applied, line.finished_at is not None) == ("SUCCEEDED", 10, True)


@pytest.mark.parametrize("value", [None, b"", b"x", b'{"format":99}'])
def test_a_message_of_another_version_is_counted_and_not_guessed(value: bytes | None) -> None:
    found = FoundJobs("audience.outcomes")

    found.take(Stored("audience.jobs", 0, 0, NOW_MS, value, {}))

    assert (found.unreadable, found.newest(ANY)) == (1, [])


def some_letter(offset: int) -> LetterLine:
    return LetterLine(
        at="",
        stage="ingest",
        reason="malformed",
        detail="",
        where="",
        partition=0,
        offset=offset,
        payload_kind="original",
    )
