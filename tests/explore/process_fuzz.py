"""Lets the installed command run in a random world for a while, then in a good one to its end."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any

import yaml
from aiokafka import AIOKafkaProducer
from aiokafka import errors as kafka_errors
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from pipeline.domain.names import Names
from pipeline.sandbox.amazon_ads.options import SimulatorOptions
from pipeline.sandbox.amazon_ads.simulator import AmazonAdsSimulator
from tests.acceptance.deployment import Deployment
from tests.explore.fuzz_evidence import Evidence, Place
from tests.explore.fuzz_process import FuzzedProcess, failed_commands, states_of, until_ready
from tests.explore.fuzz_reading import read_messages
from tests.explore.fuzz_verdict import unfinished
from tests.explore.fuzz_world import (
    AUDIENCES,
    CAP,
    CONNECTIONS,
    DESTINATION,
    DESTINATION_SETTINGS,
    PARTITIONS,
    STAGES,
    WINDOW_SECONDS,
    FuzzedWorld,
    fuzzed_document,
)
from tests.explore.random_answers import RandomPartner
from tests.explore.random_messages import Forged, running_again
from tests.fakes.partner import partner

TICK_SECONDS = 0.25
EVENTS_A_SECOND, FORGED_A_SECOND = 160, 12
WEATHER_SECONDS = 2.0
END_SECONDS = 150.0
LOOK_SECONDS = 3.0


@dataclass(slots=True, kw_only=True)
class ProcessFuzz:
    """One run from a seed; what it leaves in `folder` tells a failure's story."""

    seed: int
    seconds: float
    bootstrap_servers: str
    is_exactly_once: bool
    folder: Path
    say: Callable[[str], None] = print
    forged: set[Place] = field(default_factory=set)
    produced: int = 0

    async def run(self) -> Evidence:
        """Everything at random for so many seconds; then what stands when it is calm."""
        options = SimulatorOptions(
            cap=CAP, window_seconds=WINDOW_SECONDS, logged_requests=10, job_seconds=(0.1, 0.5)
        )
        random = Random(f"{self.seed} simulator")
        async with AmazonAdsSimulator(random=random, options=options) as simulator:
            answering = RandomPartner(random=Random(f"{self.seed} answers"), url=simulator.url)
            async with partner(answering.scene) as gateway:
                # Every caller is remembered with its body, and nobody asks for them here.
                gateway.callers = _Forgetful()
                return await self._run(simulator, answering, gateway.url)

    async def _run(
        self, simulator: AmazonAdsSimulator, answering: RandomPartner, url: str
    ) -> Evidence:
        namespace = f"fuzz-{self.seed}-{time.time_ns()}"
        deployment = Deployment(
            self.folder,
            self.bootstrap_servers,
            namespace,
            url,
            connections=CONNECTIONS,
            audiences=AUDIENCES,
            destination=DESTINATION_SETTINGS,
        )
        random = Random(f"{self.seed} world")
        document = fuzzed_document(deployment, random, is_exactly_once=self.is_exactly_once)
        config = self.folder / "config.yaml"
        config.write_text(yaml.safe_dump(document))
        sources = [source["topic"] for source in document["sources"]]
        await _create(self.bootstrap_servers, sources)
        processes = [
            FuzzedProcess.start(config, self.folder, stages) for stages in random.choice(STAGES)
        ]
        try:
            await until_ready(processes)
            world = FuzzedWorld(
                random=random,
                names=Names(namespace),
                documents=document["sources"],
                audiences=[one["audience"] for one in document["audiences"]],
            )
            await self._storm(world, answering)
            answering.goodness = 1.0
            await self._calm(world, deployment)
            return await self._until_done(
                config, world, deployment, simulator, answering, processes
            )
        finally:
            for process in processes:
                process.end()

    # The random world

    async def _storm(self, world: FuzzedWorld, answering: RandomPartner) -> None:
        random, began, weather_until = world.random, time.monotonic(), 0.0
        is_blocked = False
        async with self._producer() as producer:
            while (now := time.monotonic()) < began + self.seconds:
                if now >= weather_until:
                    answering.goodness = random.choice((0.0, 0.5, 0.8, 0.95))
                    weather_until = now + random.uniform(0.5, 2 * WEATHER_SECONDS)
                forged = [
                    world.messages.next()
                    for _ in range(round(FORGED_A_SECOND * TICK_SECONDS * random.uniform(0, 2)))
                ]
                if not is_blocked and now >= began + self.seconds / 2:
                    is_blocked = True
                    forged.append(world.messages.record_of_another_version(world.blocked_topic))
                await self._write(producer, forged)
                await self._events(producer, world)
                await asyncio.sleep(TICK_SECONDS)

    async def _events(self, producer: AIOKafkaProducer, world: FuzzedWorld) -> None:
        sent = []
        for _ in range(round(EVENTS_A_SECOND * TICK_SECONDS)):
            topic = world.random.choice(list(world.events))
            event = world.events[topic].next()
            partition = world.random.randrange(PARTITIONS) if event.key is None else None
            one = Forged(topic, event.key, event.value, event.headers, partition)
            sent.append(await _sent(producer, one))
        for waiting in sent:
            await waiting
        self.produced += len(sent)

    async def _write(self, producer: AIOKafkaProducer, messages: Sequence[Forged]) -> None:
        sent = [await _sent(producer, one) for one in messages]
        for waiting in sent:
            try:
                at = await waiting
            except kafka_errors.KafkaError:
                # Nobody can write it: where it compacts, Apache Kafka wants a key.
                continue
            self.forged.add(Place(at.topic, at.partition, at.offset))

    async def _calm(self, world: FuzzedWorld, deployment: Deployment) -> None:
        """Nobody wants anything paused any more."""
        async with self._producer() as producer:
            await self._write(
                producer,
                [
                    running_again(
                        world.names,
                        f"{DESTINATION}.{deployment.connection(number)}",
                        str(deployment.audience_id(number)),
                    )
                    for number in range(AUDIENCES)
                ],
            )

    @asynccontextmanager
    async def _producer(self) -> AsyncIterator[AIOKafkaProducer]:
        producer = AIOKafkaProducer(
            bootstrap_servers=self.bootstrap_servers,
            max_request_size=5_000_000,
            max_batch_size=100_000,
            linger_ms=5,
        )
        await producer.start()
        try:
            yield producer
        finally:
            await producer.stop()

    # What is left

    async def _until_done(
        self,
        config: Path,
        world: FuzzedWorld,
        deployment: Deployment,
        simulator: AmazonAdsSimulator,
        answering: RandomPartner,
        processes: Sequence[FuzzedProcess],
    ) -> Evidence:
        give_up_at = time.monotonic() + END_SECONDS
        while True:
            evidence = await self._evidence(
                config, world, deployment, simulator, answering, processes
            )
            left = unfinished(evidence)
            if not left or time.monotonic() > give_up_at or evidence.exits:
                break
            self.say(f"still to be done: {', '.join(left)}")
            await asyncio.sleep(LOOK_SECONDS)
        commands = await asyncio.to_thread(failed_commands, config)
        return replace(evidence, commands=commands)

    async def _evidence(
        self,
        config: Path,
        world: FuzzedWorld,
        deployment: Deployment,
        simulator: AmazonAdsSimulator,
        answering: RandomPartner,
        processes: Sequence[FuzzedProcess],
    ) -> Evidence:
        names = world.names
        lanes = {
            f"{DESTINATION}.connection-{number}": deployment.lane_topic(number)
            for number in range(CONNECTIONS)
        }
        work = {
            "ingest": list(world.events),
            "upload": list(lanes.values()),
            "poll": [names.jobs],
        }
        messages, committed = await read_messages(
            self.bootstrap_servers,
            {names.group(stage): topics for stage, topics in work.items()},
            [names.outcomes, names.dead_letters, names.controls],
            is_exactly_once=self.is_exactly_once,
        )
        memberships = simulator._world.memberships
        simulator.membership()
        return Evidence(
            config=config,
            namespace=names.namespace,
            destination=DESTINATION,
            sources=list(world.events),
            lanes=lanes,
            blocked_lane=f"{DESTINATION}.connection-{CONNECTIONS - 1}",
            messages=messages,
            committed=committed,
            forged=self.forged,
            standing={
                audience: {
                    member: (change.action, change.digest)
                    for member, change in memberships.standing(audience)
                }
                for audience in memberships.audiences()
            },
            largest_windows={
                connection: simulator.largest_window(connection)
                for connection in simulator.windows()
            },
            cap=CAP,
            states=await states_of(processes),
            exits=[f"{one.stages}: {code}" for one in processes if (code := one.code) is not None],
            bad_lines=[line for one in processes for line in one.bad_lines()],
            commands=[],
            given=dict(answering.given),
        )


class _Forgetful(list[Any]):
    def append(self, one: object) -> None:
        """Keep none."""


async def _sent(producer: AIOKafkaProducer, one: Forged) -> Awaitable[Any]:
    """On its way; a message without key and value, which the client itself refuses, too."""
    headers = list(one.headers)
    if one.key is not None or one.value is not None:
        sending = producer.send(one.topic, one.value, one.key, one.partition, headers=headers)
        on_its_way: Awaitable[Any] = await sending
        return on_its_way
    batch = producer.create_batch()
    batch.append(timestamp=None, key=None, value=None, headers=headers)
    alone: Awaitable[Any] = await producer.send_batch(
        batch, one.topic, partition=one.partition or 0
    )
    return alone


async def _create(bootstrap_servers: str, topics: Sequence[str]) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic, PARTITIONS, 1) for topic in topics])
    finally:
        await admin.close()
