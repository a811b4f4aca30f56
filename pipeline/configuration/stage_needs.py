"""What a stage cannot do without: a run that has nothing to do is refused and not idle."""

from collections.abc import Collection, Iterator

from pipeline.configuration.model import Settings
from pipeline.domain.message import StageName
from pipeline.settings.problems import Problem


def unmet_needs(settings: Settings, stages: Collection[StageName]) -> Iterator[Problem]:
    """What the stages of this run need and the configuration lacks."""
    if "ingest" in stages and not settings.sources:
        yield Problem(
            path=("sources",),
            what="none, and ingest has nothing to read",
            remedy="name the topics of upstream events, or leave ingest out of --stages",
        )
    in_need = [stage for stage in ("ingest", "upload") if stage in stages]
    if in_need and not settings.audiences:
        yield Problem(
            path=("audiences",),
            what=f"none, and {' and '.join(in_need)} "
            f"{'have' if len(in_need) > 1 else 'has'} nowhere to send to",
            remedy=f"name where each audience goes, or leave {' and '.join(in_need)} out of "
            "--stages",
        )
