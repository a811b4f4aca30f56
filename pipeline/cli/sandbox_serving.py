"""`sandbox --serve`: runs broker, partner and pipeline of a configuration on its ports."""

from pathlib import Path
from random import Random

import typer

from pipeline.app.exit_code import ExitCode
from pipeline.cli.ending import ended, fail
from pipeline.cli.options import logged
from pipeline.cli.running import run_stages
from pipeline.configuration.model import Settings
from pipeline.configuration.stage_needs import stages_with_work
from pipeline.sandbox.broker import EmbeddedBroker
from pipeline.sandbox.server_process import ServerStartError
from pipeline.sandbox.serving import Places, create_sources, partners_at, places_of
from pipeline.sandbox.trouble import SandboxTrouble


def serve(config: Path, seed: int) -> None:
    """Run until Ctrl-C, then exit with the exit code of the pipeline."""
    settings = logged(config).settings
    try:
        places = places_of(settings)
        # Start the broker on the main thread: it dies with the thread that started it.
        with EmbeddedBroker(places.broker):
            code = ended(lambda: _served(settings, places, Random(seed)))  # noqa: S311
    except (ServerStartError, SandboxTrouble) as error:
        fail(str(error))
    if code is not ExitCode.DRAINED:
        raise typer.Exit(code)


async def _served(settings: Settings, places: Places, random: Random) -> ExitCode:
    async with partners_at(places, settings, random) as partners:
        await create_sources(settings)
        topics = ", ".join(source.topic for source in settings.sources)
        typer.echo(
            f"Kafka at {settings.kafka.bootstrap_servers} with {topics}, the partner at "
            f"{' and '.join(partners)}, and the pipeline's pages at "
            f"http://{settings.admin.host}:{settings.admin.port}/status, until Ctrl-C"
        )
        return await run_stages(settings, stages_with_work(settings))
