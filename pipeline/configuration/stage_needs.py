"""Refuses a run of stages that have nothing to do."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final, Literal, get_args

from pipeline.configuration.model import Settings
from pipeline.domain.message import StageName
from pipeline.settings.problems import Problem

STAGES: Sequence[StageName] = get_args(StageName)
_TAKES: Final[Mapping[StageName, Literal["changes", "snapshots"]]] = {
    "upload": "changes",
    "poll": "changes",
    "snapshot": "snapshots",
}


def stages_with_work(settings: Settings) -> Sequence[StageName]:
    """The stages that have work for these destinations, in the order of the flow."""
    taken = {destination.takes for destination in settings.destinations.values()}
    return [stage for stage in STAGES if stage not in _TAKES or _TAKES[stage] in taken]


def asks_partners(stages: Collection[StageName]) -> bool:
    """Whether one of these stages talks to a partner, and so needs a token."""
    return any(stage in _TAKES for stage in stages)


def unmet_needs(settings: Settings, stages: Collection[StageName]) -> Iterator[Problem]:
    """A problem for each thing that these stages need and the configuration lacks."""
    if "ingest" in stages and not settings.sources:
        yield Problem(
            path=("sources",),
            what="none, so ingest has nothing to read",
            remedy="name the topics of upstream events, or leave ingest out of --stages",
        )
    in_need = [stage for stage in ("ingest", "upload") if stage in stages]
    if in_need and not settings.audiences:
        yield Problem(
            path=("audiences",),
            what=f"none, so {' and '.join(in_need)} "
            f"{'have' if len(in_need) > 1 else 'has'} nowhere to send to",
            remedy=f"add audiences with destinations, or leave {' and '.join(in_need)} out of "
            "--stages",
        )
    idle = [stage for stage in stages if stage not in stages_with_work(settings)]
    if idle:
        what = " and ".join(dict.fromkeys(_TAKES[stage] for stage in idle))
        yield Problem(
            path=("destinations",),
            what=f"none takes {what}, so {' and '.join(idle)} "
            f"{'have' if len(idle) > 1 else 'has'} nothing to do",
            remedy=f"leave {' and '.join(idle)} out of --stages",
        )
