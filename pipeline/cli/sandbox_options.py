"""What the commands of the sandbox can be told; nothing of the sandbox is imported for it."""

from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import typer

from pipeline.cli.options import CONFIG_VARIABLE
from pipeline.sources.formats import FORMATS

SPOKEN = tuple(name for name, known in FORMATS.items() if known.is_shown)
"""Formats that the sandbox writes its events in; a test compares them with what it knows."""
SMALLEST_CAP = 60

ProfileName: TypeAlias = Literal["none", "mild", "rough"]
"""The names that the simulator gives its faults; a test compares the two."""
KindName: TypeAlias = Literal["amazon_ads", "adobe_external_audiences"]
ContractName: TypeAlias = Literal["current", "draft"]

# Of both commands
Faults = Annotated[
    ProfileName, typer.Option(help="How much the simulated partner misbehaves.", show_choices=True)
]
Seed = Annotated[
    int | None, typer.Option(help="The same seed, the same traffic; drawn and printed if absent.")
]
CapWindow = Annotated[float, typer.Option(min=0.5, help="The cap's window, seconds.")]

# Of `sandbox`
Events = Annotated[int, typer.Option(min=1, help="Upstream events.")]
Members = Annotated[int, typer.Option(min=1, help="People they are about.")]
Audiences = Annotated[int, typer.Option(min=1, help="Audiences they are in.")]
Connections = Annotated[int, typer.Option(min=1, max=50, help="Lanes, each capped.")]
LaneCap = Annotated[
    int, typer.Option(min=SMALLEST_CAP, help="Fewer records in any window, per connection.")
]
BrokerAddress = Annotated[
    str | None,
    typer.Option(help="HOST:PORT of a Kafka to use, exactly once; else one is embedded."),
]
KeepRunning = Annotated[
    bool, typer.Option("--keep-running", help="Wait for Ctrl-C before stopping.")
]
SourceFormat = Annotated[
    str, typer.Option("--format", help=f"The events' format: {', '.join(SPOKEN)}.")
]
WithAdobe = Annotated[
    bool, typer.Option("--adobe/--no-adobe", help="Feed Adobe from the same stream, too.")
]
IsServed = Annotated[
    bool,
    typer.Option(
        "--serve",
        help="No traffic: keep broker, partner and pipeline of --config up until Ctrl-C.",
    ),
]
ServedConfig = Annotated[
    Path | None,
    typer.Option("--config", "-c", envvar=CONFIG_VARIABLE, help="With --serve: the YAML file."),
]

# Of `simulator`
Kind = Annotated[KindName, typer.Option(help="Which partner, as `kind` of a destination.")]
Host = Annotated[str, typer.Option(help="Where to listen.")]
Port = Annotated[int, typer.Option(min=0, max=65_535, help="0: any free port.")]
PartnerCap = Annotated[int, typer.Option(min=1, help="Records a window stays under.")]
Files = Annotated[
    Path | None, typer.Option(help="Of Adobe: the folder that it fetches files from.")
]
Contract = Annotated[
    ContractName, typer.Option(help="Of Adobe: the generation of its API.", show_choices=True)
]
