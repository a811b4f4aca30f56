"""The commands that need no partner: the whole system on this machine, and the simulator alone."""

import asyncio
import os
import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Annotated

import typer
import uvloop
from rich.console import Console

from pipeline.app.supervisor import ExitCode, stop_on_signals
from pipeline.cli.ending import fail
from pipeline.cli.options import CONFIG_VARIABLE
from pipeline.cli.serving import serve
from pipeline.kafka.cluster import ClusterTrouble
from pipeline.kafka.topics import TopicTrouble
from pipeline.sandbox.amazon_ads.faults import ProfileName
from pipeline.sandbox.amazon_ads.options import SimulatorOptions
from pipeline.sandbox.amazon_ads.simulator import AmazonAdsSimulator, run_simulator
from pipeline.sandbox.broker import EmbeddedBroker
from pipeline.sandbox.demo_options import SandboxOptions
from pipeline.sandbox.event_formats import FORMATS
from pipeline.sandbox.run import STOP_SECONDS, Broker, Chance, Sandbox
from pipeline.sandbox.server_process import ServerStartError
from pipeline.sandbox.trouble import SandboxTrouble
from pipeline.settings.problems import suggestion
from pipeline.telemetry import logs

SMALLEST_CAP = 60
SIMULATOR_STOP_SECONDS = 10.0
PARTNER_CAP, PARTNER_WINDOW = 15_000_000, 3_600.0

Faults = Annotated[
    ProfileName, typer.Option(help="How much the simulated partner misbehaves.", show_choices=True)
]
Seed = Annotated[
    int | None, typer.Option(help="The same seed, the same traffic; drawn and printed if absent.")
]


def sandbox(
    events: Annotated[int, typer.Option(min=1, help="Upstream events.")] = 200_000,
    members: Annotated[int, typer.Option(min=1, help="People they are about.")] = 50_000,
    audiences: Annotated[int, typer.Option(min=1, help="Audiences they are in.")] = 12,
    connections: Annotated[int, typer.Option(min=1, max=50, help="Lanes, each capped.")] = 3,
    faults: Faults = "mild",
    seed: Seed = None,
    cap: Annotated[
        int, typer.Option(min=SMALLEST_CAP, help="Fewer records in any window, per connection.")
    ] = 15_000,
    cap_window: Annotated[float, typer.Option(min=0.5, help="The cap's window, seconds.")] = 10.0,
    broker: Annotated[
        str | None,
        typer.Option(help="HOST:PORT of a Kafka to use, exactly once; else one is embedded."),
    ] = None,
    keep_running: Annotated[
        bool, typer.Option("--keep-running", help="Wait for Ctrl-C before stopping.")
    ] = False,
    source_format: Annotated[
        str, typer.Option("--format", help=f"The events' format: {', '.join(FORMATS)}.")
    ] = "native",
    is_served: Annotated[
        bool,
        typer.Option(
            "--serve",
            help="No traffic: keep broker, partner and pipeline of --config up until Ctrl-C.",
        ),
    ] = False,
    config: Annotated[
        Path | None,
        typer.Option("--config", "-c", envvar=CONFIG_VARIABLE, help="With --serve: the YAML file."),
    ] = None,
) -> None:
    """Watch the whole system on this machine, and see whether every membership arrived.

    Exit codes: 0 everything agreed, 1 something differs or died, 2 wrong usage.
    """
    if is_served:
        if config is None:
            fail(
                "--serve: name a configuration with --config, such as config/local.yaml",
                ExitCode.USAGE,
            )
        serve(config, 0 if seed is None else seed)
        return
    if source_format not in FORMATS:
        fail(f"--format: {suggestion(source_format, tuple(FORMATS))}", ExitCode.USAGE)
    options = SandboxOptions(
        events=events,
        members=members,
        audiences=audiences,
        connections=connections,
        faults=faults,
        seed=secrets.randbelow(1_000_000) if seed is None else seed,
        cap=cap,
        cap_window=cap_window,
        keep_running=keep_running,
        source_format=source_format,
    )
    console = Console(soft_wrap=False)
    console.print(_opening(options, broker), highlight=False, soft_wrap=True)
    with _broker(broker) as kafka, _folder() as folder, (folder / "sandbox.log").open("w") as log:
        # What the libraries have to say would tear the picture.
        logs.configure(level="warning", layout="console", stream=log)
        if not uvloop.run(_run(options, kafka, folder, console)):
            raise typer.Exit(ExitCode.FAILED)


def simulator(
    host: Annotated[str, typer.Option(help="Where to listen.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="0: any free port.")] = 8080,
    faults: Faults = "none",
    seed: Seed = None,
    cap: Annotated[int, typer.Option(min=1, help="Records a window stays under.")] = PARTNER_CAP,
    cap_window: Annotated[
        float, typer.Option(min=0.5, help="The cap's window, seconds.")
    ] = PARTNER_WINDOW,
) -> None:
    """Run the simulated partner alone, until SIGTERM or SIGINT.

    It takes any credentials. What it holds can be read under /__simulator__/state and
    /__simulator__/membership.
    """
    options = SimulatorOptions(profile=faults, cap=cap, window_seconds=cap_window)
    random = Random(secrets.randbits(64) if seed is None else seed)  # noqa: S311 - not for secrets
    try:
        uvloop.run(_simulate(options, host, port, random))
    except OSError as error:
        fail(f"--port: cannot listen on {host}:{port}: {error.strerror}; choose another")


async def _run(options: SandboxOptions, broker: Broker, folder: Path, console: Console) -> bool:
    stop = asyncio.Event()
    stop_on_signals(stop, sys.stderr, 3 * STOP_SECONDS)
    chance = Chance(
        traffic=Random(options.seed),  # noqa: S311 - repeatable on purpose
        partner=Random(f"{options.seed} partner"),  # noqa: S311
        namespace=f"sandbox-{secrets.token_hex(4)}",
        start_ms=time.time_ns() // 1_000_000,
    )
    run = Sandbox(options=options, broker=broker, chance=chance, folder=folder, environ=os.environ)
    is_reconciled = False
    try:
        is_reconciled = await run.run(console, stop)
    except* (SandboxTrouble, ClusterTrouble, TopicTrouble) as troubles:
        _say(troubles)
    return is_reconciled


async def _simulate(options: SimulatorOptions, host: str, port: int, random: Random) -> None:
    stop = asyncio.Event()
    stop_on_signals(stop, sys.stderr, SIMULATOR_STOP_SECONDS)

    def started(running: AmazonAdsSimulator) -> None:
        typer.echo(f"simulator listens at {running.url}, tokens at {running.token_url}")

    await run_simulator(options, host, port, stop, random=random, started=started)


@contextmanager
def _broker(address: str | None) -> Iterator[Broker]:
    """The Kafka of the run. It is started here, on the thread that outlives the event loop."""
    if address is not None:
        yield Broker(address=address, is_embedded=False)
        return
    try:
        embedded = EmbeddedBroker()
        embedded.start()
    except ServerStartError as error:
        fail(f"{error}; or name a Kafka with --broker HOST:PORT")
    try:
        yield Broker(address=embedded.bootstrap_servers, is_embedded=True)
    finally:
        embedded.stop()


@contextmanager
def _folder() -> Iterator[Path]:
    """For the configuration and the logs; it stays behind when the run fails."""
    folder = Path(tempfile.mkdtemp(prefix="audience-sandbox-"))
    try:
        yield folder
    except BaseException:
        typer.echo(f"configuration and logs: {folder}", err=True)
        raise
    shutil.rmtree(folder)


def _opening(options: SandboxOptions, broker: str | None) -> str:
    return (
        f"[bold]audience-pipeline sandbox[/]: {options.events:,} events, {options.members:,} "
        f"members, {options.audiences} audiences, {options.connections} connections, "
        f"{options.faults} faults, fewer than {options.cap:,} records in any "
        f"{options.cap_window:g} s, {broker or 'embedded broker'}, --seed {options.seed}"
    )


def _say(troubles: BaseExceptionGroup[Exception]) -> None:
    for trouble in troubles.exceptions:
        if isinstance(trouble, BaseExceptionGroup):
            _say(trouble)
        else:
            typer.echo(f"error: {trouble}", err=True)
