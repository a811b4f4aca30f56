"""`traffic`: writes invented events for the audiences of a configuration until a signal."""

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
        str | None, typer.Option(help="A topic under `sources`; optional if there is only one.")
    ] = None,
    per_second: Annotated[float, typer.Option(min=0.1, max=10_000, help="Events.")] = 10,
    members: Annotated[int, typer.Option(min=1, help="Members that the events are about.")] = 1_000,
    seed: Annotated[
        int | None, typer.Option(help="A seed repeats its events; without one, a seed is drawn.")
    ] = None,
) -> None:
    """Write invented events to a source topic until SIGTERM or SIGINT, to try things out."""
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
        # An upstream may start before the brokers, so wait for them as long as `run` does.
        patience = settings.kafka.startup_timeout_seconds
        async with event_writer(settings, where, patience) as writer:
            return await write_steadily(made, writer.write, per_second=per_second, stop=stop)

    count = ended(work)
    typer.echo(f"{count} events written to {where}")
