"""`traffic`: invented events for the audiences of a configuration, until told to stop."""

import asyncio
import secrets
import sys
import time
from random import Random
from typing import Annotated

import typer

from pipeline.app.supervisor import stop_on_signals
from pipeline.cli.ending import checked, ended
from pipeline.cli.options import ConfigFile, configured
from pipeline.operations.event_writing import event_writer, source_topic

STOP_SECONDS = 10.0


def traffic(
    config: ConfigFile,
    topic: Annotated[
        str | None, typer.Option(help="One under `sources`; may be left out where there is one.")
    ] = None,
    per_second: Annotated[float, typer.Option(min=0.1, max=10_000, help="Events.")] = 10,
    members: Annotated[int, typer.Option(min=1, help="People they are about.")] = 1_000,
    seed: Annotated[
        int | None, typer.Option(help="The same seed, the same events; drawn if absent.")
    ] = None,
) -> None:
    """Write invented events to a source topic until SIGTERM or SIGINT: for trying things out."""
    from pipeline.sandbox.invented_traffic import (  # noqa: PLC0415 - only this command needs it
        traffic_for,
        write_steadily,
    )

    settings = configured(config)
    where = checked(lambda: source_topic(settings, topic))
    random = Random(secrets.randbits(64) if seed is None else seed)  # noqa: S311 - repeatable
    made = traffic_for(settings, members, random, time.time_ns() // 1_000_000)

    async def work() -> int:
        stop = asyncio.Event()
        stop_on_signals(stop, sys.stderr, STOP_SECONDS)
        # It stands in for an upstream, which is there before the brokers are.
        patience = settings.kafka.startup_timeout_seconds
        async with event_writer(settings, where, patience) as writer:
            return await write_steadily(made, writer.write, per_second=per_second, stop=stop)

    count = ended(work)
    typer.echo(f"{count} events written to {where}")
