"""`members retire`: what is stored of an audience that left the configuration is let go of."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipeline.configuration.load import load
from pipeline.configuration.lock import AudienceLock, LockEntry, lock_path, lock_text
from pipeline.domain.member_record import (
    PARTITIONS,
    MemberRecord,
    Place,
    encode_member,
    member_key,
    partition_of,
)
from pipeline.kafka.topic_reader import PlacedRecord
from pipeline.operations.cluster_setup import prepare, reader
from pipeline.sandbox.broker import EmbeddedBroker
from pipeline.stages.snapshot.run_records import encode_state, state_key
from tests.cli.snapshot_operator import VIP, Operator, adobe, audience
from tests.cli.test_commands import Ran, _logging_is_put_back
from tests.cli.test_run_commands import ENDED
from tests.configuration.test_example_files import Example
from tests.servers.kafka_clients import create_topics, producing

__all__ = ["_logging_is_put_back"]

LEFT = "7c2f1a4e-3b5d-4e6f-8a9b-0c1d2e3f4a5b"
ANSWER = f"retire {LEFT}\n"
ADD = encode_member(MemberRecord(True, 5, Place("cdp", 0, 1, 0), "r", "7f", []))
PEOPLE = [f"u-{number}" for number in range(12)]


@dataclass(frozen=True, slots=True)
class Retiring(Operator):
    """An operator of a destination whose members are stored."""

    example: Example

    @property
    def members(self) -> str:
        return self.topic.replace(".snapshots.", ".members.")

    async def make(self, members: str | None = None) -> None:
        await create_topics(self.cluster, members or self.members, partitions=PARTITIONS)
        await create_topics(self.cluster, self.topic)

    async def state(self, audience: str, people: Sequence[str], topic: str | None = None) -> None:
        async with producing(self.cluster) as producer:
            for one in people:
                key = member_key(audience, one)
                partition = partition_of(key)
                await producer.send(topic or self.members, ADD, key, partition=partition)
            await producer.flush()

    async def stored(self, topic: str | None = None) -> dict[bytes, bytes | None]:
        """The last value of every key that is of a member."""
        found: dict[bytes, bytes | None] = {}

        def take(record: PlacedRecord) -> None:
            if b"\0" in (record.key or b""):
                found[record.key or b""] = record.value

        async with reader(load(self.config, {}).kafka) as opened:
            starts = await opened.oldest(opened.partitions(topic or self.members))
            await opened.read(starts, await opened.ends(starts), take)
        return found

    async def left_behind(self) -> list[str]:
        """What a start and `check --online` say of audiences that left."""
        settings = load(self.config, {})
        await create_topics(self.cluster, *(source.topic for source in settings.sources))
        prepared = await prepare(settings, creates=False)
        return [line for line in prepared.differences if "still stores its members" in line]


@pytest.fixture
def operator(embedded_broker: EmbeddedBroker, namespace: str, tmp_path: Path) -> Retiring:
    example = Example().put("kafka.bootstrap_servers", embedded_broker.bootstrap_servers)
    example.put("kafka.namespace", namespace).put("kafka.exactly_once", False)
    example.put("destinations.adobe-prod", adobe())
    example.put("audiences.1", audience("gold-customers", VIP))
    topic = f"{namespace}.snapshots.adobe-prod"
    return Retiring(embedded_broker, topic, example.write(tmp_path), example)


async def test_all_that_is_stored_of_an_audience_is_let_go_of_after_a_sentence_was_typed(
    operator: Retiring,
) -> None:
    """
    Those of another audience stay, and the partner is not touched.
    """
    await operator.make()
    await operator.state(LEFT, PEOPLE)
    await operator.state(VIP, PEOPLE)

    refused = await operator.types(f"members retire {LEFT}", "yes\n")
    before = await operator.stored()
    retired = await operator.types(f"members retire {LEFT}", ANSWER)
    after = await operator.stored()

    assert (refused.code, set(before.values())) == (1, {ADD})
    assert f"12 members of audience {LEFT} of adobe-prod" in refused.err
    assert "start every process with this configuration" in refused.err
    assert retired.code == 0, retired.err
    assert "12 members are marked as deleted" in retired.out
    assert f"`audiences delete {LEFT} --destination adobe-prod`" in retired.out
    assert {key for key, value in after.items() if value is None} == {
        member_key(LEFT, one) for one in PEOPLE
    }
    assert len(after) == 2 * len(PEOPLE)


async def test_an_audience_that_left_is_named_until_its_members_are_let_go_of(
    operator: Retiring,
) -> None:
    """
    Also one of whom nobody was ever a member: the owner only knows that there were snapshots.
    """
    await operator.make()
    for known in (LEFT, VIP):
        await operator.write((state_key(known), encode_state(ENDED)))
    [line] = await operator.left_behind()

    retired = await operator.types(f"members retire {LEFT} --yes")
    after = await operator.left_behind()
    await operator.write((state_key(LEFT), encode_state(ENDED)))
    again = await operator.left_behind()

    assert line.startswith(f"audience {LEFT} of adobe-prod is not in the configuration")
    assert f"`members retire {LEFT} --destination adobe-prod`" in line
    assert retired.code == 0, retired.err
    assert (after, again) == ([], [line])


@pytest.mark.parametrize("named", [VIP, "gold-customers"])
async def test_an_audience_of_the_configuration_keeps_its_members(
    operator: Retiring, named: str
) -> None:
    refused = await operator.types(f"members retire {named} --yes")

    assert refused.code == 2
    assert "is in the configuration, at adobe-prod: first remove it there" in refused.error


async def test_an_audience_that_was_renamed_in_the_configuration_alone_keeps_its_members(
    operator: Retiring,
) -> None:
    """
    By its former name the lock file still knows the id.
    """
    await operator.make()
    await operator.state(LEFT, PEOPLE)
    entry = LockEntry.model_validate(
        {
            "audience": "former-name",
            "destination": "adobe-prod",
            "lane": "adobe-prod",
            "audience_id": LEFT,
            "name": "former-name",
            "asked_at": "2026-11-22T10:15:00Z",
        }
    )
    lock_path(operator.config).write_text(lock_text(AudienceLock(audiences=(entry,))))

    refused = await operator.types(f"members retire {LEFT} --yes")

    assert refused.code == 2
    assert "made for 'former-name'" in refused.error
    assert "rename it in the lock file too" in refused.error
    assert None not in (await operator.stored()).values()


async def test_audiences_without_an_id_are_named_before_anything_is_done(
    operator: Retiring, tmp_path: Path
) -> None:
    """
    One of them may be the same audience by another name, and would find nobody.
    """
    await operator.make()
    await operator.state(LEFT, PEOPLE)
    unmade = audience("new-name", LEFT)
    del unmade["destinations"][0]["external_audience_id"]  # type: ignore[index]
    operator.example.put("audiences.2", unmade).write(tmp_path)

    asked = await operator.types(f"members retire {LEFT}", "no\n")

    assert "new-name. If one of them is this audience under a new name" in asked.err
    assert f"give it the id {LEFT} instead" in asked.err


async def test_an_id_that_nothing_is_stored_of_is_refused_with_those_that_left(
    operator: Retiring,
) -> None:
    await operator.make()
    await operator.write((state_key(LEFT), encode_state(ENDED)))

    refused: Ran = await operator.types("members retire vip --yes")

    assert refused.code == 1
    assert "stores nothing for an audience 'vip'" in refused.error
    assert f"known here: {LEFT}" in refused.error


async def test_members_of_a_destination_that_left_too_are_let_go_of_by_its_name(
    operator: Retiring,
) -> None:
    """
    Where members are stored of several, it must be said which.
    """
    former = operator.members.replace("adobe-prod", "former")
    await operator.make()
    await create_topics(operator.cluster, former, partitions=PARTITIONS)
    await operator.state(LEFT, PEOPLE, former)

    unclear = await operator.types(f"members retire {LEFT} --yes")
    unknown = await operator.types(f"members retire {LEFT} --destination form --yes")
    retired = await operator.types(f"members retire {LEFT} --destination former --yes")

    assert unclear.code == 2
    assert "several have stored members: adobe-prod, former" in unclear.error
    assert (unknown.code, "did you mean 'former'?" in unknown.error) == (2, True)
    assert retired.code == 0, retired.err
    assert "or by its console" in retired.out
    assert set((await operator.stored(former)).values()) == {None}


async def test_it_may_be_done_again_and_there_must_be_something_to_do_it_to(
    operator: Retiring,
) -> None:
    before = await operator.types(f"members retire {LEFT} --yes")
    await operator.make()
    await operator.state(LEFT, PEOPLE)
    await operator.types(f"members retire {LEFT} --yes")
    again = await operator.types(f"members retire {LEFT} --yes")

    assert "no members are stored, or kafka.namespace is wrong" in before.error
    assert again.code == 0, again.err
    assert "0 members are marked as deleted" in again.out


async def test_a_topic_with_too_few_partitions_is_left_alone(operator: Retiring) -> None:
    await create_topics(operator.cluster, operator.members, partitions=6)

    refused = await operator.types(f"members retire {LEFT} --yes")

    assert refused.code == 1
    assert "has 6 partitions instead of 64" in refused.error
