"""`sandbox` runs the whole system on this machine, `simulator` only the simulated partner.

They import the sandbox only when they run, because no other command needs it, and its broker is an
extra that need not be installed.
"""

import secrets
from pathlib import Path

from pipeline.app.exit_code import ExitCode
from pipeline.cli import sandbox_options as told
from pipeline.cli.ending import fail
from pipeline.operations.trouble import refused_path

PARTNER_CAP, PARTNER_WINDOW = 15_000_000, 3_600.0


def sandbox(
    events: told.Events = 200_000,
    members: told.Members = 50_000,
    audiences: told.Audiences = 12,
    connections: told.Connections = 3,
    faults: told.Faults = "mild",
    seed: told.Seed = None,
    cap: told.LaneCap = 15_000,
    cap_window: told.CapWindow = 10.0,
    broker: told.BrokerAddress = None,
    keep_running: told.KeepRunning = False,
    source_format: told.SourceFormat = "native",
    with_adobe: told.WithAdobe = True,
    is_served: told.IsServed = False,
    config: told.ServedConfig = None,
) -> None:
    """Run the whole system on this machine, and check that every membership arrived.

    Exit codes: 0 every membership arrived, 1 something differs or failed, 2 wrong usage.
    """
    if is_served:
        _serve(config, 0 if seed is None else seed)
        return
    from pipeline.cli.sandbox_runs import run_sandbox  # noqa: PLC0415 - only this command needs it
    from pipeline.sandbox.demo_options import Cap, SandboxOptions  # noqa: PLC0415 - likewise

    options = SandboxOptions(
        events=events,
        members=members,
        audiences=audiences,
        connections=connections,
        faults=faults,
        seed=secrets.randbelow(1_000_000) if seed is None else seed,
        cap=Cap(records=cap, window=cap_window),
        keep_running=keep_running,
        source_format=source_format,
        with_adobe=with_adobe,
    )
    run_sandbox(options, broker)


def _serve(config: Path | None, seed: int) -> None:
    from pipeline.cli.sandbox_serving import serve  # noqa: PLC0415 - only this command needs it

    if config is None:
        fail(
            "--serve: give a configuration with --config, such as config/local.yaml", ExitCode.USAGE
        )
    serve(config, seed)


def _refuse_unreadable(folder: Path) -> None:
    try:
        next(folder.iterdir(), None)
    except FileNotFoundError:
        return  # whoever stores the first file makes it
    except OSError as error:
        remedy = "--files: name a folder that this user may read"
        fail(str(refused_path(folder, error, remedy)), ExitCode.USAGE)


def simulator(
    kind: told.Kind = "amazon_ads",
    host: told.Host = "127.0.0.1",
    port: told.Port = 8080,
    faults: told.Faults = "none",
    seed: told.Seed = None,
    cap: told.PartnerCap = PARTNER_CAP,
    cap_window: told.CapWindow = PARTNER_WINDOW,
    files: told.Files = None,
    contract: told.Contract = "current",
) -> None:
    """Run only the simulated partner, until SIGTERM or SIGINT.

    It accepts any credentials. Read what it has stored at /__simulator__/state and
    /__simulator__/membership.
    """
    from pipeline.cli import simulator_runs  # noqa: PLC0415 - only this command needs it

    place = simulator_runs.Place(host=host, port=port, seed=seed)
    if kind == "amazon_ads":
        simulator_runs.run_amazon(place, faults, cap, cap_window)
        return
    if files is None:
        fail("--files: give the folder where the pipeline stores its files", ExitCode.USAGE)
    _refuse_unreadable(files)
    simulator_runs.run_adobe(place, faults, files, contract)
