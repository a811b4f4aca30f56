"""Runs the command `sandbox`; only that command imports this module."""

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

import typer
import uvloop
from rich.console import Console

from pipeline.app.exit_code import ExitCode
from pipeline.app.supervisor import stop_on_signals
from pipeline.cli.ending import fail, leaves
from pipeline.cli.sandbox_options import SPOKEN
from pipeline.kafka.cluster import ClusterTrouble
from pipeline.kafka.topics import TopicTrouble
from pipeline.sandbox.broker import EmbeddedBroker
from pipeline.sandbox.demo_options import SandboxOptions
from pipeline.sandbox.run import STOP_SECONDS, Broker, Chance, Sandbox
from pipeline.sandbox.server_process import ServerStartError
from pipeline.sandbox.trouble import SandboxTrouble
from pipeline.settings.problems import suggestion
from pipeline.telemetry import logs

MOST_AT_ADOBE = 20


def run_sandbox(options: SandboxOptions, broker: str | None) -> None:
    """Run the sandbox and print its verdict; if the verdict is bad, exit with its code.

    `broker` is the address of a Kafka to use; without it one is embedded.
    """
    _refuse(options)
    console = Console(soft_wrap=False)
    with _broker(broker) as kafka, _folder() as folder, (folder / "sandbox.log").open("w") as log:
        console.print(_opening(options, broker), highlight=False, soft_wrap=True)
        # Log lines of libraries would break the picture on the terminal.
        logs.configure(level="warning", layout="console", stream=log)
        if not uvloop.run(_run(options, kafka, folder, console)):
            raise typer.Exit(ExitCode.FAILED)


def _refuse(options: SandboxOptions) -> None:
    """Exit with a message if these options cannot be run."""
    if options.source_format not in SPOKEN:
        fail(f"--format: {suggestion(options.source_format, SPOKEN)}", ExitCode.USAGE)
    if options.with_adobe and options.audiences > MOST_AT_ADOBE:
        fail(
            f"--audiences: must be at most {MOST_AT_ADOBE}, because Adobe takes 100 runs a day; "
            "lower it, or add --no-adobe",
            ExitCode.USAGE,
        )


async def _run(options: SandboxOptions, broker: Broker, folder: Path, console: Console) -> bool:
    stop = asyncio.Event()
    stop_on_signals(stop, sys.stderr, 3 * STOP_SECONDS)
    chance = Chance(
        traffic=Random(options.seed),  # noqa: S311 - repeatable on purpose
        partner=Random(f"{options.seed} partner"),  # noqa: S311
        namespace=f"sandbox-{secrets.token_hex(4)}",
        # Each event is a millisecond after the one before, and none lies in the future.
        start_ms=time.time_ns() // 1_000_000 - options.events,
    )
    run = Sandbox(options=options, broker=broker, chance=chance, folder=folder, environ=os.environ)
    is_reconciled = False
    try:
        is_reconciled = await run.run(console, stop)
    except* (SandboxTrouble, ClusterTrouble, TopicTrouble) as troubles:
        for trouble in leaves(troubles):
            typer.echo(f"error: {trouble}", err=True)
    return is_reconciled


@contextmanager
def _broker(address: str | None) -> Iterator[Broker]:
    """The Kafka of the run, started on the thread that outlives the event loop."""
    if address is not None:
        yield Broker(address=address, is_embedded=False)
        return
    try:
        embedded = EmbeddedBroker()
        embedded.start()
    except ServerStartError as error:
        fail(f"{error}; or give a Kafka with --broker HOST:PORT")
    try:
        yield Broker(address=embedded.bootstrap_servers, is_embedded=True)
    finally:
        embedded.stop()


@contextmanager
def _folder() -> Iterator[Path]:
    """A folder for the configuration and the logs; it is kept when the run fails."""
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
        f"{options.faults} faults, fewer than {options.cap.records:,} records in any "
        f"{options.cap.window:g} s, {broker or 'embedded broker'}, --seed {options.seed}"
    )
