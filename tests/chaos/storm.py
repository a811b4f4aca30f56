"""One storm: the installed command, a broker and a partner, and everything that goes wrong."""

import asyncio
import re
import time
from collections import Counter
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
from tests.chaos.faults import strike_partner
from tests.chaos.partner import Watch
from tests.chaos.plan import CALM_SECONDS, PROCESS_KINDS, Gust, plan
from tests.chaos.topics import Names, read_topics, undone
from tests.chaos.traffic import Traffic
from tests.servers.apache_kafka import ApacheKafka

CAP, WINDOW_SECONDS = 3000, 5.0
SESSION_SECONDS = 6.0
CONNECTIONS, AUDIENCES, MEMBERS = 3, 6, 4000
CHANGES_PER_SECOND = 900
START_SECONDS, END_SECONDS = 60.0, 150.0
SCALE_BY = 2
MOST_LINES_A_SECOND = 200
_SECOND = re.compile(r"\d\d:\d\d:\d\d(?=\.\d)")
_BAD_LINE = re.compile(r"Traceback|internal:|never retrieved|nhandled|\"exception\"")

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
        async with AmazonAdsSimulator(random=random, options=options) as simulator:
            self.watch.over(simulator)
            deployment = self._deployment(simulator)
            await deployment.create_source()
            crew = Crew(deployment.write(), self.folder, self.is_static())
            try:
                return await self._weather(simulator, deployment, crew)
            finally:
                crew.kill_all()

    def _deployment(self, simulator: AmazonAdsSimulator) -> Deployment:
        return Deployment(
            self.folder,
            self.kafka.bootstrap_servers,
            f"storm-{self.seed}-{time.time_ns()}",
            simulator.url,
            connections=CONNECTIONS,
            audiences=AUDIENCES,
            destination=DESTINATION,
            sections=SECTIONS,
        )

    async def _weather(
        self, simulator: AmazonAdsSimulator, deployment: Deployment, crew: Crew
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
                await self._strike_all(simulator, crew, began)
                await asyncio.sleep(CALM_SECONDS)
            traffic.stopping.set()
        ended = time.monotonic()
        names = _names(deployment)
        left = await self._until_done(names)
        await crew.terminate_all()
        ledger = await asyncio.to_thread(crew.ask_ledger)
        return await self._evidence(
            simulator, crew, names, left, traffic.durable, began, ended, ledger
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

    async def _strike_all(self, simulator: AmazonAdsSimulator, crew: Crew, began: float) -> None:
        broker = asyncio.Lock()
        async with asyncio.TaskGroup() as tasks:
            for number, gust in enumerate(self.plan()):
                await asyncio.sleep(max(0.0, began + gust.at - time.monotonic()))
                random = Random(f"{self.seed} gust {number}")
                tasks.create_task(self._strike(simulator, crew, broker, gust, random, began))

    def is_static(self) -> bool:
        """Whether processes are members by identity, as half of the seeds have it."""
        return Random(f"{self.seed} membership").random() < 0.5

    def plan(self) -> Sequence[Gust]:
        return plan(Random(f"{self.seed} plan"), self.seconds, CONNECTIONS)

    async def _strike(
        self,
        simulator: AmazonAdsSimulator,
        crew: Crew,
        broker: asyncio.Lock,
        gust: Gust,
        random: Random,
        storm_began: float,
    ) -> None:
        began, hand = time.monotonic(), None
        if gust.kind in PROCESS_KINDS:
            hand = await _strike_process(crew, gust)
        elif gust.kind in ("broker stop", "broker kill"):
            async with broker:
                began = time.monotonic()
                await self._strike_broker(gust)
        else:
            strike_partner(simulator, gust, random, MEMBERS)
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
            bad_lines=_bad_lines(self.folder),
            floods=_floods(self.folder),
            is_static=self.is_static(),
            ledger_says=ledger,
        )


async def _strike_process(crew: Crew, gust: Gust) -> str | None:
    if gust.kind == "scale":
        extra = [crew.start(gust.role) for _ in range(SCALE_BY)]
        await asyncio.sleep(gust.seconds)
        async with asyncio.TaskGroup() as tasks:
            for hand in extra:
                if hand in crew.hands and not hand.is_leaving:
                    tasks.create_task(crew.terminate(hand))
        return gust.role
    struck = crew.one_of(gust.role)
    if struck is None:
        return None
    match gust.kind:
        case "freeze":
            await crew.freeze(struck, gust.seconds)
        case "terminate" if crew.static:
            await crew.terminate(struck)
            crew.succeed(struck)
        case "terminate":
            crew.start(gust.role)
            await crew.terminate(struck)
        case _:
            crew.kill(struck)
            await asyncio.sleep(gust.seconds)
            crew.succeed(struck)
    return struck.name


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


def _floods(folder: Path) -> list[str]:
    """Processes that wrote more than anybody can read, and in which second."""
    found = []
    for path in sorted(folder.glob("run-*.log")):
        lines = path.read_text(errors="replace").splitlines()
        seconds = Counter(stamp[0] for line in lines if (stamp := _SECOND.search(line)))
        found += [
            f"{path.name}: {count} lines at {second}"
            for second, count in seconds.items()
            if count > MOST_LINES_A_SECOND
        ]
    return found


def _bad_lines(folder: Path) -> list[str]:
    return [
        f"{path.name}: {line[:300]}"
        for path in sorted(folder.glob("run-*.log"))
        for line in path.read_text(errors="replace").splitlines()
        if _BAD_LINE.search(line)
    ]
