"""Runs the stages of a configuration in this process until a signal stops them."""

import asyncio
import sys
from collections.abc import Sequence
from functools import partial

import typer

from pipeline.app.assembly import assemble
from pipeline.app.exit_code import ExitCode
from pipeline.app.startup import answering
from pipeline.app.supervisor import HARD_STOP_SECONDS, stop_on_signals, supervise
from pipeline.configuration.model import Settings
from pipeline.configuration.stage_needs import asks_partners
from pipeline.domain.message import StageName
from pipeline.kafka.cluster import once_they_stay, unless
from pipeline.operations.cluster_setup import prepare
from pipeline.operations.warm_up import warmed_up


async def run_stages(settings: Settings, stages: Sequence[StageName]) -> ExitCode:
    """Run until a signal, then drain."""
    stop = asyncio.Event()
    stop_on_signals(stop, sys.stderr, settings.run.grace_seconds + 2 * HARD_STOP_SECONDS)
    async with answering(settings) as (admin, shown):
        patience = settings.kafka.startup_timeout_seconds
        preparing = once_they_stay(partial(prepare, settings, creates=True), patience)
        prepared = await unless(stop, preparing)
        if prepared is None:
            return ExitCode.DRAINED
        troubles = [one.why for one in prepared.troubles]
        for line in [*prepared.differences, *prepared.unread, *troubles]:
            typer.echo(f"warning: {line}", err=True)
        async with assemble(settings, stages, troubles=prepared.troubles) as pipeline:
            shown.pipeline = pipeline
            asked = pipeline.clients.clients if asks_partners(stages) else {}
            async with warmed_up(asked):
                return await supervise(pipeline, stop, admin_port=admin.port)
