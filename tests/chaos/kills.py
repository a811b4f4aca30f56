"""The owner of snapshots, killed and frozen at every state, on Apache Kafka and from a seed."""

import asyncio
import json
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from aiokafka import AIOKafkaProducer

from pipeline.sandbox.adobe_audiences.faults import ScriptedFault
from tests.acceptance.deployment import Deployment
from tests.chaos.crew import Crew, Hand
from tests.chaos.kills_verdict import KillsEvidence, Struck
from tests.chaos.log_files import bad_lines
from tests.chaos.owner_topic import OwnerTopic
from tests.chaos.snapshots import (
    AUDIENCES,
    DESTINATION,
    RUNS_PER_DAY,
    SecondPartner,
    Standing,
    second_partner,
)
from tests.chaos.strikes import Strike

FIRST_MEMBERS = 24
STATE_SECONDS, BURNT_SECONDS = 120.0, 420.0
"""So long a state is waited for; a busy machine is slow, and a kill lets a look begin again."""
END_SECONDS = 480.0
SPENT_SECONDS = 10.0
"""So long it is watched that a spent budget pays for nothing."""
BESIDE_SECONDS = 3.0
"""So long the owner that was frozen stays, beside the new one."""
NOBODY = "http://127.0.0.1:9"
"""The first partner: nothing is uploaded here."""
SECTIONS = {"admin": {"port": 0}, "run": {"grace_seconds": 8}}
SNAPSHOT = {"min_interval_seconds": 1, "poll_seconds": 1}


@dataclass(slots=True)
class Changes:
    """Makes changes a batch at a time: members come, some have another address, some leave."""

    random: Random
    standing: Standing = field(default_factory=Standing)
    count: int = 0
    _members: dict[int, list[str]] = field(default_factory=dict)

    def batch(self, comers: int) -> list[tuple[bytes, bytes]]:
        """Never so many leave that a guard holds the snapshot back."""
        made = []
        for number in range(AUDIENCES):
            members = self._members.setdefault(number, [])
            if members:
                made.append(self._change(number, self.random.choice(members), "add"))
                gone = members.pop(self.random.randrange(len(members)))
                made.append(self._change(number, gone, "remove"))
            for _ in range(comers):
                members.append(f"u-{self.count}")
                made.append(self._change(number, members[-1], "add"))
        return made

    def _change(self, number: int, member: str, action: str) -> tuple[bytes, bytes]:
        self.count += 1
        email = f"{member}.{self.count}@example.com"
        self.standing.stated(number, member, action, email)
        event = {
            "event_id": f"e-{self.count}",
            "audience": f"audience-{number}",
            "action": action,
            "occurred_at": time.time_ns() // 1_000_000 - 60_000 + self.count,
            "member": {"id": member, "country": "US", "identities": [{"email": email}]},
        }
        return member.encode(), json.dumps(event).encode()


@dataclass(slots=True, kw_only=True)
class Kills:
    """Strikes one after the other; what it leaves in `folder` tells a failure's story."""

    seed: int
    strikes: Sequence[Strike]
    bootstrap_servers: str
    folder: Path
    budget: int = RUNS_PER_DAY
    is_spent: bool = False
    """The budget has room for the strikes alone: what is changed at last waits for tomorrow."""
    say: Callable[[str], None] = print
    struck: list[Struck] = field(default_factory=list)

    async def run(self) -> KillsEvidence:
        """Strike, let it come to rest, and gather what happened."""
        second = second_partner(self.folder, self.seed)
        async with second.simulator:
            deployment = self._deployment(second)
            await deployment.create_source()
            config = deployment.write()
            await asyncio.to_thread(second.make_audiences, config)
            crew = Crew(config, self.folder, static=self.seed % 2 == 1)
            topic = OwnerTopic(
                self.bootstrap_servers, f"{deployment.namespace}.snapshots.{DESTINATION}"
            )
            try:
                async with deployment.producer() as producer:
                    blows = _Blows(second, crew, topic, producer, deployment.source, self.seed)
                    return await self._struck_through(blows)
            finally:
                crew.kill_all()

    def _deployment(self, second: SecondPartner) -> Deployment:
        said = second.destination()
        snapshot = said["snapshot"]
        assert isinstance(snapshot, dict)
        budget = {"runs_per_day": self.budget, "runs_per_audience_and_day": self.budget}
        return Deployment(
            self.folder,
            self.bootstrap_servers,
            f"kills-{self.seed}-{time.time_ns()}",
            NOBODY,
            connections=1,
            audiences=AUDIENCES,
            sections=SECTIONS,
            second={DESTINATION: {**said, "snapshot": {**snapshot, **SNAPSHOT, **budget}}},
            second_targets=[second.target()] * AUDIENCES,
        )

    async def _struck_through(self, blows: "_Blows") -> KillsEvidence:
        began = time.monotonic()
        crew, second, topic = blows.crew, blows.second, blows.topic
        crew.start("ingest")
        owner = crew.start("snapshot")
        async with topic.followed():
            await blows.change(FIRST_MEMBERS)
            for strike in self.strikes:
                at = time.monotonic()
                is_seen, owner = await blows.deal(strike, owner)
                self.struck.append(Struck(strike=strike, is_seen=is_seen))
                self.say(
                    f"{at - began:6.1f} s  {time.monotonic() - at:5.1f} s  {strike.how} at "
                    f"{strike.at}{'' if is_seen else ', which never came'}"
                )
            await (blows.until_spent(self.budget) if self.is_spent else blows.until_at_rest())
        await crew.terminate_all()
        evidence = await second.evidence(blows.changes.standing)
        runs = await second.simulator.runs()
        return KillsEvidence(
            seed=self.seed,
            seconds=time.monotonic() - began,
            struck=self.struck,
            history=await topic.history(),
            windows=[(run.audience_id, int(run.start_s), int(run.end_s or 0)) for run in runs],
            snapshots=evidence,
            budget=self.budget,
            is_spent=self.is_spent,
            exits=crew.exits,
            deserters=crew.deserters,
            left_behind=crew.left_behind(),
            bad_lines=bad_lines(self.folder),
        )


class _Blows:
    """Deals one blow at a time."""

    def __init__(
        self,
        second: SecondPartner,
        crew: Crew,
        topic: OwnerTopic,
        producer: AIOKafkaProducer,
        source: str,
        seed: int,
    ) -> None:
        self.second = second
        self.crew = crew
        self.topic = topic
        self.changes = Changes(Random(f"{seed} changes"))
        self._producer = producer
        self._source = source

    async def change(self, comers: int) -> None:
        """So that every audience needs another snapshot."""
        for key, value in self.changes.batch(comers):
            await self._producer.send(self._source, value, key)
        await self._producer.flush()

    async def deal(self, strike: Strike, owner: Hand) -> tuple[bool, Hand]:
        """Whether the state came, and who is the owner afterwards."""
        if strike.at == "takeover":
            return True, await self._kill_whatever(strike, owner)
        since = len(self.topic.seen)
        runs = len(await self.second.simulator.runs())
        if strike.fault is not None:
            script = ScriptedFault(fault=strike.fault, times=1)
            self.second.simulator.script(script)
        await self.change(2)
        patience = BURNT_SECONDS if strike.at == "burnt" else STATE_SECONDS
        if not await self.topic.until(strike.at, since, patience):
            return False, owner
        if strike.awaits_run:
            await self._until_run_begun(runs)
        await asyncio.sleep(strike.delay)
        if strike.how == "freeze":
            return True, await self._freeze(strike, owner)
        return True, await self._kill(strike, owner)

    async def until_at_rest(self) -> None:
        """The newest membership is ingested, and nothing is left to do; the verdict says if not."""
        await self.second.until_it_holds(self.changes.standing, END_SECONDS)
        give_up_at = time.monotonic() + END_SECONDS
        while time.monotonic() < give_up_at:
            states = self.topic.states().values()
            if all(one.state == "ended" and not one.is_due_again for one in states):
                return
            await asyncio.sleep(1.0)

    async def until_spent(self, budget: int) -> None:
        """All runs were asked for; then a while in which none more may be."""
        give_up_at = time.monotonic() + END_SECONDS
        while time.monotonic() < give_up_at:
            if len(await self.second.simulator.runs()) >= budget:
                break
            await asyncio.sleep(1.0)
        await self.change(2)
        await asyncio.sleep(SPENT_SECONDS)

    async def _kill_whatever(self, strike: Strike, owner: Hand) -> Hand:
        await self.change(2)
        await asyncio.sleep(SPENT_SECONDS)
        return await self._kill(strike, owner)

    async def _until_run_begun(self, runs: int) -> None:
        async with asyncio.timeout(STATE_SECONDS):
            while len(await self.second.simulator.runs()) <= runs:
                await asyncio.sleep(0.02)

    async def _kill(self, strike: Strike, owner: Hand) -> Hand:
        self.crew.kill(owner)
        owner = self.crew.succeed(owner)
        if strike.again_after is not None:
            await asyncio.sleep(strike.again_after)
            self.crew.kill(owner)
            owner = self.crew.succeed(owner)
        return owner

    async def _freeze(self, strike: Strike, owner: Hand) -> Hand:
        """The other one owns from the takeover on; the frozen one wakes up beside it, and goes."""
        owner.process.send_signal(signal.SIGSTOP)
        since = len(self.topic.seen)
        other = self.crew.start("snapshot")
        has_taken_over = await self.topic.until("takeover", since, STATE_SECONDS)
        assert has_taken_over, "nobody took over from a frozen owner"
        await asyncio.sleep(strike.frozen_for)
        owner.process.send_signal(signal.SIGCONT)
        await asyncio.sleep(BESIDE_SECONDS)
        self.crew.kill(owner)
        return other
