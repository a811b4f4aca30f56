"""Which stages a process does, as they are named on the command line."""

from collections.abc import Sequence

from pipeline.app.exit_code import ExitCode
from pipeline.cli.ending import fail
from pipeline.configuration.stage_needs import STAGES
from pipeline.domain.message import StageName
from pipeline.settings.problems import suggestion


def chosen_stages(text: str) -> Sequence[StageName]:
    """The stages that a list with commas names; leaves the program where one does not exist."""
    chosen = [name.strip() for name in text.split(",") if name.strip()]
    for name in chosen:
        if name not in STAGES:
            fail(f"--stages: no stage {name!r}; {suggestion(name, STAGES)}", ExitCode.USAGE)
    if not chosen:
        fail(f"--stages: name at least one of {', '.join(STAGES)}", ExitCode.USAGE)
    return [stage for stage in STAGES if stage in chosen]
