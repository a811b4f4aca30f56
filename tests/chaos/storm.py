"""One storm: the installed command, a broker and a partner, and everything that goes wrong."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from pipeline.sandbox.amazon_ads.options import SimulatorOptions
from pipeline.sandbox.amazon_ads.simulator import AmazonAdsSimulator
from tests.acceptance.deployment import Deployment
from tests.chaos.crew import Crew
from tests.chaos.evidence import Evidence, Struck
from tests.chaos.faults import strike_partner, strike_process
from tests.chaos.log_files import bad_lines, floods
from tests.chaos.partner import Watch
from tests.chaos.plan import CALM_SECONDS, PROCESS_KINDS, SNAPSHOT_KINDS, Gust, plan
from tests.chaos.snapshots import AUDIENCES as AUDIENCES_OF_FILES
from tests.chaos.snapshots import DESTINATION as DESTINATION_OF_FILES
from tests.chaos.snapshots import SecondPartner, SnapshotEvidence, second_partner
from tests.chaos.snapshots import strike as strike_second
from tests.chaos.topics import Names, read_topics, undone
from tests.chaos.traffic import Traffic
from tests.servers.apache_kafka import ApacheKafka

CAP, WINDOW_SECONDS = 3000, 5.0
SESSION_SECONDS = 6.0
CONNECTIONS, AUDIENCES, MEMBERS = 3, 6, 4000
CHANGES_PER_SECOND = 900
START_SECONDS, END_SECONDS = 60.0, 150.0
END_OF_FILES_SECONDS = 240.0
"""A window of which nobody knows whether it was run is given up after two minutes."""

DESTINATION: Mapping[str, object] = {
    "hourly_cap": CAP,
    "cap_window_seconds": WINDOW_SECONDS,
    "batch": {"max_records": 50, "linger_seconds": 0.5},
    "request_timeout_seconds": 6,
    "late_seconds": 2.5,
    "poll": {
        "initial_seconds": 1,
        "max_seconds": 3,
        "give_up_after_seconds": 12,
        "requests_per_second": 200,
    },
}
SECTIONS: Mapping[str, Mapping[str, object]] = {
    "kafka": {"startup_timeout_seconds": 30},
    "upload": {"probe_seconds": 3},
    "poll": {"carry_over_seconds": 5},
    "run": {"grace_seconds": 8},
    "admin": {"port": 0},
}


@dataclass(slots=True, kw_only=True)
class Storm:
    """Runs from a seed; what it leaves in `folder` tells a failure's story."""

    seed: int
    seconds: float
    kafka: ApacheKafka
    folder: Path
    say: Callable[[str], None] = print
    watch: Watch = field(default_factory=Watch)
    struck: list[Struck] = field(default_factory=list)

    async def run(self) -> Evidence:
        """Strike for so many seconds, let it calm down, and gather what happened."""
        options = SimulatorOptions(cap=CAP, window_seconds=WINDOW_SECONDS, logged_requests=10)
        random = Random(f"{self.seed} partner")
        second = second_partner(self.folder, self.seed)
        first = AmazonAdsSimulator(random=random, options=options)
        async with first as simulator, second.simulator:
            self.watch.over(simulator)
            deployment = self._deployment(simulator, second)
            await deployment.create_source()
            config = deployment.write()
            await asyncio.to_thread(second.make_audiences, config)
            crew = Crew(config, self.folder, self.is_static())
            try:
                return await self._weather(simulator, second, deployment, crew)
            finally:
                crew.kill_all()

    def _deployment(self, simulator: AmazonAdsSimulator, second: SecondPartner) -> Deployment:
        return Deployment(
            self.folder,
            self.kafka.bootstrap_servers,
            f"storm-{self.seed}-{time.time_ns()}",
            simulator.url,
            connections=CONNECTIONS,
            audiences=AUDIENCES,
            destination=DESTINATION,
            sections=SECTIONS,
            second={DESTINATION_OF_FILES: second.destination()},
            second_targets=[second.target()] * AUDIENCES_OF_FILES,
        )

    async def _weather(
        self,
        simulator: AmazonAdsSimulator,
        second: SecondPartner,
        deployment: Deployment,
        crew: Crew,
    ) -> Evidence:
        traffic = Traffic(
            Random(f"{self.seed} traffic"),
            self.kafka.bootstrap_servers,
            deployment.source,
            AUDIENCES,
            MEMBERS,
            CHANGES_PER_SECOND,
        )
        crew.start_all()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(traffic.run())
            await self._until_all_lanes_are_served()
            began = time.monotonic()
            async with self._keeping(crew):
                await self._strike_all(simulator, second, crew, began)
                await asyncio.sleep(CALM_SECONDS)
            traffic.stopping.set()
        ended = time.monotonic()
        names = _names(deployment)
        left = await self._until_done(names)
        await second.until_it_holds(traffic.standing, END_OF_FILES_SECONDS)
        await crew.terminate_all()
        ledger = await asyncio.to_thread(crew.ask_ledger)
        return await self._evidence(
            simulator,
            await second.evidence(traffic.standing),
            crew,
            names,
            left,
            traffic.durable,
            began,
            ended,
            ledger,
        )

    @asynccontextmanager
    async def _keeping(self, crew: Crew) -> AsyncIterator[None]:
        """Meanwhile processes that end by themselves are replaced, and remembered."""

        async def keep() -> None:
            while True:
                await asyncio.sleep(0.5)
                crew.replace_deserters()

        async with asyncio.TaskGroup() as tasks:
            keeper = tasks.create_task(keep())
            yield
            keeper.cancel()

    async def _until_all_lanes_are_served(self) -> None:
        async with asyncio.timeout(START_SECONDS):
            while len({one.target for one in self.watch.arrivals}) < CONNECTIONS:
                await asyncio.sleep(0.2)

    async def _until_done(self, names: Names) -> Mapping[str, int]:
        give_up_at = time.monotonic() + END_SECONDS
        left = await undone(self.kafka.bootstrap_servers, names)
        while left and time.monotonic() < give_up_at:
            await asyncio.sleep(1.0)
            left = await undone(self.kafka.bootstrap_servers, names)
        return left

    # Striking

    async def _strike_all(
        self, simulator: AmazonAdsSimulator, second: SecondPartner, crew: Crew, began: float
    ) -> None:
        broker = asyncio.Lock()
        async with asyncio.TaskGroup() as tasks:
            for number, gust in enumerate(self.plan()):
                await asyncio.sleep(max(0.0, began + gust.at - time.monotonic()))
                random = Random(f"{self.seed} gust {number}")
                tasks.create_task(
                    self._strike(simulator, second, crew, broker, gust, random, began)
                )

    def is_static(self) -> bool:
        """Whether processes are members by identity, as half of the seeds have it."""
        return Random(f"{self.seed} membership").random() < 0.5

    def plan(self) -> Sequence[Gust]:
        return plan(Random(f"{self.seed} plan"), self.seconds, CONNECTIONS)

    async def _strike(
        self,
        simulator: AmazonAdsSimulator,
        second: SecondPartner,
        crew: Crew,
        broker: asyncio.Lock,
        gust: Gust,
        random: Random,
        storm_began: float,
    ) -> None:
        began, hand = time.monotonic(), None
        if gust.kind in PROCESS_KINDS:
            hand = await strike_process(crew, gust)
        elif gust.kind in ("broker stop", "broker kill"):
            async with broker:
                began = time.monotonic()
                await self._strike_broker(gust)
        elif gust.kind in SNAPSHOT_KINDS:
            strike_second(second, gust)
            await asyncio.sleep(gust.seconds)
        else:
            strike_partner(simulator, gust, random, members=MEMBERS, audiences=AUDIENCES)
            await asyncio.sleep(gust.seconds)
        ended = time.monotonic()
        self.struck.append(Struck(gust=gust, began=began, ended=ended, hand=hand))
        where = "" if hand is None else f" of {hand}"
        if gust.connection is not None and gust.kind not in PROCESS_KINDS:
            where = f" at connection-{gust.connection}"
        self.say(f"{began - storm_began:6.1f} s  {ended - began:5.1f} s  {gust.kind}{where}")

    async def _strike_broker(self, gust: Gust) -> None:
        act = self.kafka.stop if gust.kind == "broker stop" else self.kafka.kill
        await asyncio.to_thread(act)
        await asyncio.sleep(gust.seconds)
        await asyncio.to_thread(self.kafka.start)

    # Gathering

    async def _evidence(
        self,
        simulator: AmazonAdsSimulator,
        snapshots: SnapshotEvidence,
        crew: Crew,
        names: Names,
        left: Mapping[str, int],
        produced: int,
        began: float,
        ended: float,
        ledger: Sequence[str],
    ) -> Evidence:
        totals = simulator.totals()
        memberships, jobs = simulator._world.memberships, simulator._world.jobs._jobs
        return Evidence(
            session_seconds=SESSION_SECONDS,
            cap=CAP,
            window_seconds=WINDOW_SECONDS,
            began=began,
            ended=ended,
            struck=self.struck,
            produced=produced,
            topics=await read_topics(self.kafka.bootstrap_servers, names),
            undone=left,
            standing={
                (audience, member): change.digest
                for audience in memberships.audiences()
                for member, change in memberships.standing(audience)
            },
            windows={name: one["largest"] for name, one in simulator.windows().items()},
            arrivals=self.watch.arrivals,
            questions=self.watch.questions,
            taken=self.watch.taken,
            partner_jobs={one: job.records for one, job in jobs.items()},
            partner_invalid={
                one: [(job.audience, record.member) for record in job.invalid]
                for one, job in jobs.items()
                if job.invalid
            },
            repeated_in_request=totals["repeated_in_request"],
            unreadable_requests=totals["unreadable_requests"],
            exits=crew.exits,
            deserters=crew.deserters,
            left_behind=crew.left_behind(),
            bad_lines=bad_lines(self.folder),
            floods=floods(self.folder),
            is_static=self.is_static(),
            snapshots=snapshots,
            ledger_says=ledger,
        )


def _names(deployment: Deployment) -> Names:
    return Names(
        namespace=deployment.namespace,
        source=deployment.source,
        lanes={
            f"connection-{number}": deployment.lane_topic(number) for number in range(CONNECTIONS)
        },
        audiences={
            f"audience-{number}": deployment.audience_id(number) for number in range(AUDIENCES)
        },
    )
