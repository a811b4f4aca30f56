"""`audiences extend`: the last good file once more, and never one who was removed since."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import pytest

from pipeline.destinations.snapshots import Window
from pipeline.domain.member_record import (
    LAYOUT_KEY,
    MemberRecord,
    Place,
    encode_member,
    member_key,
)
from pipeline.sandbox.adobe_audiences.simulator import AdobeSimulator
from pipeline.sandbox.broker import EmbeddedBroker
from pipeline.stages.snapshot.run_records import (
    AudienceState,
    Ingested,
    RunRecord,
    encode_run,
    encode_state,
    run_key,
    state_key,
)
from tests.cli.test_commands import Ran, _logging_is_put_back, written
from tests.conftest import Cluster
from tests.http.adobe_world import document, options
from tests.operations.test_adobe_audiences import Operator as AtCommandLine
from tests.operations.test_adobe_audiences import configuration
from tests.servers.kafka_clients import create_topics, producing

__all__ = ["_logging_is_put_back"]

ANSWER = "nobody was removed\n"
PLACE = Place("cdp", 0, 9, 0)
ADD = encode_member(MemberRecord(True, 1, PLACE, "r", "id", []))
REMOVE = encode_member(MemberRecord(False, 2, PLACE))


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    cluster: Cluster
    namespace: str
    operator: AtCommandLine
    audience: str

    async def ingested(self, ends: Mapping[int, int] | None, *, n: int = 1, at_ms: int = 1) -> None:
        """
        What the owner wrote of the last good file; None for none.
        """
        good = None if ends is None else Ingested(n=n, rows=2, ends=dict(ends), at_ms=at_ms)
        topic = f"{self.namespace}.snapshots.adobe"
        async with producing(self.cluster) as producer:
            state = encode_state(AudienceState(state="ended", ingested=good))
            await producer.send_and_wait(topic, state, state_key(self.audience))

    async def ran(self, *, n: int, **end: Any) -> None:
        """
        What the owner wrote of a run of the file with this number.
        """
        run = RunRecord(
            audience=self.audience,
            n=n,
            window=Window(start_s=1, end_s=7),
            intended_ms=2,
            is_charged=True,
            rows=2,
            members=2,
            size=9,
            run_id=f"run-{n}",
            **end,
        )
        topic = f"{self.namespace}.snapshots.adobe"
        async with producing(self.cluster) as producer:
            await producer.send_and_wait(topic, encode_run(run), run_key(self.audience, n))

    async def members(self, *values: bytes | None, audience: str | None = None) -> None:
        topic = f"{self.namespace}.members.adobe"
        key = member_key(audience or self.audience, "u-1")
        async with producing(self.cluster) as producer:
            await producer.send_and_wait(topic, b"{}", LAYOUT_KEY, partition=0)
            for value in values:
                await producer.send_and_wait(topic, value, key, partition=0)

    async def extends(self, answers: str = ANSWER) -> Ran:
        return await self.operator.types(f"audiences extend {self.audience}", answers)

    def extensions(self) -> int:
        asked = [one.endpoint for one in self.operator.simulator.requests()]
        return asked.count("audiences.extend")


@pytest.fixture
async def world(
    embedded_broker: EmbeddedBroker, namespace: str, tmp_path: Path
) -> AsyncIterator[World]:
    names = (f"{namespace}.snapshots.adobe", f"{namespace}.members.adobe")
    await create_topics(embedded_broker, *names)
    async with AdobeSimulator(files=tmp_path, random=Random(1), options=options()) as simulator:
        said = configuration(document(simulator.url, simulator.token_url, tmp_path))
        said["kafka"] = {
            "bootstrap_servers": embedded_broker.bootstrap_servers,
            "namespace": namespace,
            "exactly_once": False,
        }
        operator = AtCommandLine(written(tmp_path, said), simulator)
        await run_apply(operator)
        [audience] = await simulator.audiences()
        yield World(
            cluster=embedded_broker, namespace=namespace, operator=operator, audience=audience
        )


async def run_apply(operator: AtCommandLine) -> None:
    assert (await operator.types("audiences apply")).code == 0


async def test_where_nobody_was_removed_it_is_extended_once_a_person_says_so(world: World) -> None:
    """
    What stood in the topic before the file was made, and what others lost, says nothing of it.
    """
    await world.members(ADD, REMOVE, ADD)
    await world.ingested({0: 3})
    await world.members(REMOVE, audience="another")
    await world.members(ADD)

    refused = await world.extends("yes\n")
    extended = await world.extends()

    assert (refused.code, extended.code) == (1, 0)
    assert "withdrew their consent" in refused.err
    assert world.extensions() == 1


@pytest.mark.parametrize("value", [REMOVE, None, b"unreadable"])
async def test_after_a_remove_it_is_refused_before_anybody_is_asked(
    world: World, value: bytes | None
) -> None:
    await world.members(ADD)
    await world.ingested({0: 2})
    await world.members(value, ADD)

    refused = await world.extends()

    assert refused.code == 1
    assert "removes were written since its last good file" in refused.error
    assert "runs start" in refused.error
    assert world.extensions() == 0


async def test_where_no_good_run_is_known_it_is_refused(world: World) -> None:
    await world.ingested(None)

    refused = await world.extends()

    assert refused.code == 1
    assert "no good run of it is known" in refused.error
    assert world.extensions() == 0


@pytest.mark.parametrize(
    ("late", "code"),
    [
        ({"end": "applied", "ended_ms": 9}, 1),
        ({"end": "unknown", "ended_ms": 9}, 1),
        ({"end": "pending", "ended_ms": None}, 1),
        ({"end": "failed", "ended_ms": 9}, 0),
        ({"end": "applied", "ended_ms": 3}, 0),
    ],
)
async def test_after_an_older_file_whose_run_ended_last_it_is_refused(
    world: World, late: dict[str, Any], code: int
) -> None:
    """
    A run that began late took a file from before the last good one: with whoever left in between.
    """
    await world.members(ADD, REMOVE)
    await world.ingested({0: 3}, n=7, at_ms=5)
    await world.ran(n=4, **late)

    refused = await world.extends()

    assert refused.code == code
    assert world.extensions() == 1 - code
    assert code == 0 or "an older file" in refused.error


async def test_where_what_was_written_since_is_gone_it_is_refused(world: World) -> None:
    """
    The topic was made anew: it ends before what the file was made of.
    """
    await world.members(ADD)
    await world.ingested({0: 9})

    refused = await world.extends()

    assert refused.code == 1
    assert "lost records since its last good file" in refused.error
    assert world.extensions() == 0


async def test_where_the_members_were_confirmed_since_it_is_refused(world: World) -> None:
    """
    Who was removed before they were stated anew, nobody knows.
    """
    await world.members(ADD)
    await world.ingested({0: 2})
    async with producing(world.cluster) as producer:
        topic = f"{world.namespace}.snapshots.adobe"
        for _ in range(2):
            await producer.send_and_wait(topic, b"{}", LAYOUT_KEY)

    refused = await world.extends()

    assert refused.code == 1
    assert "no good run of it is known" in refused.error
    assert world.extensions() == 0
