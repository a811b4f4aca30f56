"""Reads the option --stages: the stages that a process runs."""

from collections.abc import Sequence

from pipeline.app.exit_code import ExitCode
from pipeline.cli.ending import fail
from pipeline.configuration.stage_needs import STAGES
from pipeline.domain.message import StageName
from pipeline.settings.problems import suggestion


def chosen_stages(text: str) -> Sequence[StageName]:
    """The stages in a text with commas; if a stage does not exist, print that and exit."""
    chosen = [name.strip() for name in text.split(",") if name.strip()]
    for name in chosen:
        if name not in STAGES:
            fail(f"--stages: no stage {name!r}; {suggestion(name, STAGES)}", ExitCode.USAGE)
    if not chosen:
        fail(f"--stages: name at least one of {', '.join(STAGES)}", ExitCode.USAGE)
    return [stage for stage in STAGES if stage in chosen]
