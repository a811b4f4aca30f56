"""The options of `sandbox` and `simulator`; this module imports nothing of the sandbox."""

from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import typer

from pipeline.cli.options import CONFIG_VARIABLE
from pipeline.sources.formats import FORMATS

SPOKEN = tuple(name for name, known in FORMATS.items() if known.is_shown)
"""The formats in which the sandbox writes events; a test keeps this list complete."""
SMALLEST_CAP = 60

ProfileName: TypeAlias = Literal["none", "mild", "rough"]
"""The names of the simulator's fault profiles; a test keeps this list complete."""
KindName: TypeAlias = Literal["amazon_ads", "adobe_external_audiences"]
ContractName: TypeAlias = Literal["current", "draft"]

# Of both commands
Faults = Annotated[
    ProfileName, typer.Option(help="How much the simulated partner misbehaves.", show_choices=True)
]
Seed = Annotated[
    int | None,
    typer.Option(help="A seed repeats its traffic; without one, a seed is drawn and printed."),
]
CapWindow = Annotated[float, typer.Option(min=0.5, help="The cap's window, seconds.")]

# Of `sandbox`
Events = Annotated[int, typer.Option(min=1, help="Upstream events.")]
Members = Annotated[int, typer.Option(min=1, help="Members that the events are about.")]
Audiences = Annotated[int, typer.Option(min=1, help="Audiences of these members.")]
Connections = Annotated[
    int, typer.Option(min=1, max=50, help="Connections: lanes, each with its own cap.")
]
LaneCap = Annotated[
    int,
    typer.Option(
        min=SMALLEST_CAP, help="The cap: each connection gets fewer records in any window."
    ),
]
BrokerAddress = Annotated[
    str | None,
    typer.Option(help="HOST:PORT of a Kafka, used exactly once; without it, an embedded one."),
]
KeepRunning = Annotated[
    bool, typer.Option("--keep-running", help="Wait for Ctrl-C before stopping.")
]
SourceFormat = Annotated[
    str, typer.Option("--format", help=f"The events' format: {', '.join(SPOKEN)}.")
]
WithAdobe = Annotated[
    bool, typer.Option("--adobe/--no-adobe", help="Also deliver the same events to Adobe.")
]
IsServed = Annotated[
    bool,
    typer.Option(
        "--serve",
        help="Only run the broker, partner and pipeline of --config until Ctrl-C; no traffic.",
    ),
]
ServedConfig = Annotated[
    Path | None,
    typer.Option("--config", "-c", envvar=CONFIG_VARIABLE, help="With --serve: the YAML file."),
]

# Of `simulator`
Kind = Annotated[
    KindName, typer.Option(help="The partner to simulate, as in `kind` of a destination.")
]
Host = Annotated[str, typer.Option(help="The address to listen on.")]
Port = Annotated[
    int, typer.Option(min=0, max=65_535, help="The port to listen on; 0: any free one.")
]
PartnerCap = Annotated[
    int, typer.Option(min=1, help="The cap: every window must have fewer records.")
]
Files = Annotated[
    Path | None, typer.Option(help="Adobe only: the folder from which it fetches files.")
]
Contract = Annotated[
    ContractName, typer.Option(help="Adobe only: the generation of its API.", show_choices=True)
]
