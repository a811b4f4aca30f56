"""One run of the sandbox: starts everything, watches it to the end, stops it, and compares."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random

import aiohttp
from rich.console import Console

from pipeline.configuration.load import load
from pipeline.sandbox import process, verdict
from pipeline.sandbox.adobe_audiences.options import SimulatorOptions as AdobeOptions
from pipeline.sandbox.adobe_audiences.simulator import AdobeSimulator
from pipeline.sandbox.adobe_partner import configured_audiences, ingested_by
from pipeline.sandbox.adobe_reconciliation import adobe_differences
from pipeline.sandbox.amazon_ads.options import SimulatorOptions
from pipeline.sandbox.amazon_ads.simulator import AmazonAdsSimulator
from pipeline.sandbox.amazon_partner import held_by
from pipeline.sandbox.configuration import (
    ADOBE,
    DESTINATION,
    ORGANISATION,
    AdobeSurroundings,
    Login,
    Surroundings,
    written,
)
from pipeline.sandbox.demo_options import SandboxOptions, invented_audiences
from pipeline.sandbox.demo_topics import SandboxTopics, sandbox_topics
from pipeline.sandbox.event_formats import FORMATS
from pipeline.sandbox.expectation import Audience
from pipeline.sandbox.live_view import view_on
from pipeline.sandbox.performance import Cast, Performance
from pipeline.sandbox.readings import AdminPages, Reading
from pipeline.sandbox.reconciliation import differences
from pipeline.sandbox.server_process import free_port
from pipeline.sandbox.traffic import Traffic

STOP_SECONDS = 40.0
"""Longer than the pipeline's own grace period."""
CLIENT, ADOBE_SECRET = "sandbox-client", "sandbox-secret"


@dataclass(frozen=True, slots=True, kw_only=True)
class Broker:
    """The Kafka of a run. An embedded one has no transactions, and forgets everything."""

    address: str
    is_embedded: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Chance:
    """The random values of a run: some follow from the seed, others differ in every run."""

    traffic: Random
    partner: Random
    namespace: str
    start_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sandbox:
    """One run of the sandbox."""

    options: SandboxOptions
    broker: Broker
    chance: Chance
    folder: Path
    """The folder for the configuration and the log of the pipeline."""
    environ: Mapping[str, str]

    async def run(self, console: Console, stop: asyncio.Event) -> bool:
        """Run everything; returns whether all events were processed and nothing differs.

        Raises:
            SandboxTrouble: the pipeline died, nothing moved for too long, or `stop` was set.
        """
        async with self._started() as (cast, around):
            with view_on(console) as view:
                reading = await Performance(self.options, cast, stop).play(view)
            if self.options.keep_running:
                _say_where(console, around)
                await stop.wait()
            return await self._is_reconciled(cast, reading, console)

    @asynccontextmanager
    async def _started(self) -> AsyncIterator[tuple[Cast, Surroundings]]:
        options, chance = self.options, self.chance
        audiences = invented_audiences(options, chance.traffic)
        login = _login(chance.partner)
        async with AsyncExitStack() as stack:
            simulator = await stack.enter_async_context(_amazon(options, login, chance.partner))
            adobe = await self._adobe_started(stack)
            topics = await stack.enter_async_context(self._topics())
            await topics.create_source()
            around = self._surroundings(simulator, adobe, topics.source, login)
            configuration = written(self.folder, options, audiences, around)
            if adobe is not None:
                _acquaint(adobe, configuration)
            pipeline = await stack.enter_async_context(
                process.running(
                    configuration,
                    self.folder / "pipeline.log",
                    self.environ,
                    STOP_SECONDS,
                )
            )
            http = await stack.enter_async_context(aiohttp.ClientSession())
            cast = Cast(
                traffic=self._traffic(audiences),
                simulator=simulator,
                adobe=adobe,
                topics=topics,
                pipeline=pipeline,
                pages=AdminPages(http, around.admin_port),
            )
            yield cast, around

    def _topics(self) -> AbstractAsyncContextManager[SandboxTopics]:
        stay_behind = not self.broker.is_embedded
        return sandbox_topics(self.broker.address, self.chance.namespace, stay_behind=stay_behind)

    def _traffic(self, audiences: Sequence[Audience]) -> Traffic:
        chance, written_as = self.chance, FORMATS[self.options.source_format]
        return Traffic(audiences, self.options.members, chance.traffic, chance.start_ms, written_as)

    async def _adobe_started(self, stack: AsyncExitStack) -> AdobeSimulator | None:
        if not self.options.with_adobe:
            return None
        files = self.folder / "files"
        files.mkdir()
        simulator = _adobe(self.options, files, self.chance.partner)
        return await stack.enter_async_context(simulator)

    def _surroundings(
        self,
        simulator: AmazonAdsSimulator,
        adobe: AdobeSimulator | None,
        source_topic: str,
        login: Login,
    ) -> Surroundings:
        return Surroundings(
            broker=self.broker.address,
            has_transactions=not self.broker.is_embedded,
            namespace=self.chance.namespace,
            source_topic=source_topic,
            api_url=simulator.url,
            token_url=simulator.token_url,
            login=login,
            admin_port=free_port(),
            adobe=None if adobe is None else _of_adobe(adobe, self.folder / "files"),
        )

    async def _is_reconciled(self, cast: Cast, reading: Reading, console: Console) -> bool:
        code = await cast.pipeline.stop(STOP_SECONDS)
        expected = cast.traffic.expected
        held = held_by(cast.simulator, self.options.cap.records)
        letters = await cast.topics.dead_letters()
        exactly_once = not self.broker.is_embedded
        found = differences(expected, held, reading.told, letters, exactly_once=exactly_once)
        ingested = None
        if cast.adobe is not None:
            ingested = await ingested_by(cast.adobe)
            found += adobe_differences(
                expected.snapshots, ingested, reading.told.members, exactly_once=exactly_once
            )
        if code != 0:
            found.append(f"the pipeline ended with exit code {code} instead of 0")
        verdict.show(console, expected, held, reading.told, found, ingested)
        return not found


def _amazon(options: SandboxOptions, login: Login, random: Random) -> AmazonAdsSimulator:
    return AmazonAdsSimulator(
        random=random,
        options=SimulatorOptions(
            client_id=login.client_id,
            client_secret=login.client_secret,
            refresh_token=login.refresh_token,
            cap=options.cap.records,
            window_seconds=options.cap.window,
            profile=options.faults,
        ),
    )


def _adobe(options: SandboxOptions, files: Path, random: Random) -> AdobeSimulator:
    return AdobeSimulator(
        random=random,
        files=files,
        options=AdobeOptions(
            client_id=CLIENT,
            client_secret=ADOBE_SECRET,
            org_id=ORGANISATION,
            runs_an_audience=None,
            profile=options.faults,
        ),
    )


def _of_adobe(simulator: AdobeSimulator, files: Path) -> AdobeSurroundings:
    return AdobeSurroundings(
        api_url=simulator.url,
        token_url=simulator.token_url,
        client_id=CLIENT,
        client_secret=ADOBE_SECRET,
        files=files,
    )


def _acquaint(simulator: AdobeSimulator, configuration: Path) -> None:
    """Add the audiences of the configuration to the simulated Adobe, as existing ones."""
    for audience_id, definition in configured_audiences(load(configuration, {}), ADOBE):
        simulator.know(audience_id, definition)


def _login(random: Random) -> Login:
    return Login(
        client_id=CLIENT,
        client_secret=f"{random.getrandbits(128):032x}",
        refresh_token=f"Atzr|{random.getrandbits(128):032x}",
    )


def _say_where(console: Console, around: Surroundings) -> None:
    at_adobe = ""
    if around.adobe is not None:
        at_adobe = f"{ADOBE} at {around.adobe.api_url} with its files in {around.adobe.files}, "
    console.print(
        f"everything keeps running until Ctrl-C: Kafka at {around.broker}, upstream's topic "
        f"{around.source_topic}, destination {DESTINATION} at {around.api_url}, {at_adobe}"
        f"the pipeline's pages at http://127.0.0.1:{around.admin_port}/",
        highlight=False,
        soft_wrap=True,
    )
