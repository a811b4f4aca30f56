"""The commands that need no partner: the whole system on this machine, and the simulator alone.

What they run is imported when they are: no other command needs the sandbox. Its broker is an extra.
"""

import secrets
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import typer

from pipeline.app.supervisor import ExitCode
from pipeline.cli.ending import fail
from pipeline.cli.options import CONFIG_VARIABLE
from pipeline.settings.problems import suggestion
from pipeline.sources.formats import FORMATS

SPOKEN = tuple(name for name, known in FORMATS.items() if known.is_shown)
"""Formats that the sandbox writes its events in; a test compares them with what it knows."""
SMALLEST_CAP = 60
MOST_AT_ADOBE = 20
PARTNER_CAP, PARTNER_WINDOW = 15_000_000, 3_600.0

ProfileName: TypeAlias = Literal["none", "mild", "rough"]
"""The names that the simulator gives its faults; a test compares the two."""
Kind: TypeAlias = Literal["amazon_ads", "adobe_external_audiences"]
Contract: TypeAlias = Literal["current", "draft"]
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
        str, typer.Option("--format", help=f"The events' format: {', '.join(SPOKEN)}.")
    ] = "native",
    with_adobe: Annotated[
        bool, typer.Option("--adobe/--no-adobe", help="Feed Adobe from the same stream, too.")
    ] = True,
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
    from pipeline.cli.sandbox_runs import run_sandbox  # noqa: PLC0415 - only this command needs it
    from pipeline.cli.sandbox_serving import serve  # noqa: PLC0415 - likewise
    from pipeline.sandbox.demo_options import SandboxOptions  # noqa: PLC0415 - likewise

    if is_served:
        if config is None:
            fail(
                "--serve: name a configuration with --config, such as config/local.yaml",
                ExitCode.USAGE,
            )
        serve(config, 0 if seed is None else seed)
        return
    if source_format not in SPOKEN:
        fail(f"--format: {suggestion(source_format, SPOKEN)}", ExitCode.USAGE)
    if with_adobe and audiences > MOST_AT_ADOBE:
        fail(
            f"--audiences: Adobe takes 100 runs a day, so {MOST_AT_ADOBE} at most here; leave it "
            "out with --no-adobe",
            ExitCode.USAGE,
        )
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
        with_adobe=with_adobe,
    )
    run_sandbox(options, broker)


def simulator(
    kind: Annotated[Kind, typer.Option(help="Which partner, as `kind` of a destination.")] = (
        "amazon_ads"
    ),
    host: Annotated[str, typer.Option(help="Where to listen.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="0: any free port.")] = 8080,
    faults: Faults = "none",
    seed: Seed = None,
    cap: Annotated[int, typer.Option(min=1, help="Records a window stays under.")] = PARTNER_CAP,
    cap_window: Annotated[
        float, typer.Option(min=0.5, help="The cap's window, seconds.")
    ] = PARTNER_WINDOW,
    files: Annotated[
        Path | None, typer.Option(help="Of Adobe: the folder that it fetches files from.")
    ] = None,
    contract: Annotated[
        Contract, typer.Option(help="Of Adobe: the generation of its API.", show_choices=True)
    ] = "current",
) -> None:
    """Run the simulated partner alone, until SIGTERM or SIGINT.

    It takes any credentials. What it holds can be read under /__simulator__/state and
    /__simulator__/membership.
    """
    from pipeline.cli import simulator_runs  # noqa: PLC0415 - only this command needs it

    place = simulator_runs.Place(host=host, port=port, seed=seed)
    if kind == "amazon_ads":
        simulator_runs.run_amazon(place, faults, cap, cap_window)
        return
    if files is None:
        fail("--files: name the folder that the files are stored in", ExitCode.USAGE)
    simulator_runs.run_adobe(place, faults, files, contract)
