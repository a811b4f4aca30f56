"""The commands `audiences` for Adobe: create, show, update, extend and delete."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Annotated

from pipeline.destinations.adobe_audiences.audiences import (
    LONGEST_TTL,
    SHORTEST_TTL,
    Audience,
    AudienceUpdate,
    compose_delete,
    compose_extend,
    compose_update,
    interpret_delete,
    interpret_extend,
    interpret_update,
)
from pipeline.destinations.adobe_audiences.commands.targets_said import target_said
from pipeline.destinations.adobe_audiences.control_plane import AdobeControlPlane
from pipeline.destinations.adobe_audiences.delivery import snapshots
from pipeline.destinations.adobe_audiences.generations import GENERATIONS
from pipeline.destinations.adobe_audiences.settings import AdobeSettings
from pipeline.destinations.asking import asked, learn
from pipeline.destinations.control import (
    Api,
    Block,
    Command,
    CommandFailed,
    Declined,
    Group,
    InProgress,
    InvalidRequest,
    Made,
    Parameter,
    Question,
    Table,
    Unanswered,
)
from pipeline.destinations.made_audience import made_lines
from pipeline.destinations.snapshots import Run
from pipeline.domain.job import NotYet

GROUP = Group("audiences", "The audiences at the partner.")
MOST_RUNS_SHOWN = 10
AudienceId = Annotated[str, Parameter(is_argument=True, help="The partner's id of the audience.")]
TtlDays = Annotated[
    int | None,
    Parameter(
        help="Days from the last good run until members leave.",
        least=SHORTEST_TTL,
        most=LONGEST_TTL,
    ),
]
Labels = Annotated[
    Sequence[str], Parameter(flag="--label", help="An access label, such as core/C1; repeatable.")
]


@dataclass(frozen=True, slots=True)
class MadeAudience:
    """A new audience, and the target that the configuration needs for it."""

    external_audience_id: str
    audience: str
    """The name that upstream events use."""
    target: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class ShownAudience:
    """An audience with its runs; the partner shows nothing else of it."""

    external_audience_id: str
    runs: Sequence[Run]


@dataclass(frozen=True, slots=True)
class DeletedAudience:
    """An audience that was deleted."""

    external_audience_id: str


async def create_audience(
    api: Api,
    settings: AdobeSettings,
    *,
    name: Annotated[str, Parameter(help="The name at the partner.")],
    external_id: Annotated[str, Parameter(help="The name upstream events use.")],
    namespace: Annotated[str, Parameter(help="email_lc_sha256, ECID, or your own.")],
    source: Annotated[
        str, Parameter(flag="--from", help="email, phone, member_id or attributes.NAME.")
    ],
    column: Annotated[
        Sequence[str], Parameter(flag="--column", help="As NAME=attributes.NAME:TYPE; repeatable.")
    ] = (),
    ttl_days: TtlDays = None,
    description: Annotated[str, Parameter(help="For people.")] = "",
    label: Labels = (),
) -> MadeAudience:
    """Create one audience; prints its id and the lines that the configuration needs."""
    said = {
        "destination": api.destination,
        "name": name,
        "identity": {"namespace": namespace, "from": source},
        "description": description or None,
        "labels": tuple(label),
    } | ({} if ttl_days is None else {"ttl_days": ttl_days})
    target = target_said(said, column)
    control = AdobeControlPlane(settings)
    step = control.creation(target, external_id)
    made = await control.apply(api, step)
    if isinstance(made, InProgress):
        made = await control.apply(api, replace(step, operation=made.operation))
    if not isinstance(made, Made):
        raise CommandFailed(f"destinations.{api.destination}: {_why(made)}")
    written = target.model_dump(by_alias=True, exclude_defaults=True, mode="json")
    written["external_audience_id"] = made.audience_id
    return MadeAudience(made.audience_id, external_id, written)


async def show_audience(
    api: Api, settings: AdobeSettings, *, audience_id: AudienceId
) -> ShownAudience:
    """Show the runs of one audience; the partner shows nothing else of it."""
    delivery = snapshots(settings)
    found = await asked(api, delivery.compose_runs(audience_id), delivery.interpret_runs)
    if isinstance(found, NotYet) and found.is_missing:
        raise CommandFailed(
            f"destinations.{api.destination}: no such audience; ids belong to one sandbox, so "
            "check sandbox and org_id too"
        )
    if not isinstance(found, Sequence):
        raise CommandFailed(f"destinations.{api.destination}: {_why(found)}")
    return ShownAudience(audience_id, tuple(found))


async def update_audience(
    api: Api,
    settings: AdobeSettings,
    *,
    audience_id: AudienceId,
    description: Annotated[str | None, Parameter(help="For people.")] = None,
    ttl_days: TtlDays = None,
    label: Labels = (),
    column_label: Annotated[
        Sequence[str],
        Parameter(flag="--column-label", help="As COLUMN=core/C2; repeatable; replaces all."),
    ] = (),
) -> Audience:
    """Change the given values of an audience; all other values stay."""
    update = AudienceUpdate(
        description=description,
        ttl_days=ttl_days,
        labels=tuple(label) or None,
        column_labels=_by_column(column_label) or None,
    )
    request = compose_update(GENERATIONS[settings.contract], audience_id, update)
    return await learn(api, request, interpret_update)


async def extend_audience(
    api: Api, settings: AdobeSettings, *, audience_id: AudienceId
) -> Audience:
    """Keep the members for another ttl: the partner ingests the last good file again."""
    request = compose_extend(GENERATIONS[settings.contract], audience_id)
    return await learn(api, request, interpret_extend)


async def confirm_extension(
    api: Api, settings: AdobeSettings, *, audience_id: AudienceId
) -> Question:
    """The question before an extension: it may bring removed people back."""
    del api, settings
    return Question(
        warning=f"This puts everybody who was in the last good file back into {audience_id}, also "
        "people who were removed, withdrew their consent or were erased since. A new run "
        "(`runs start`) does not.",
        purpose="if nobody was removed since",
        sentence="nobody was removed",
        refusal="not extended",
    )


async def delete_audience(
    api: Api, settings: AdobeSettings, *, audience_id: AudienceId
) -> DeletedAudience:
    """Delete one audience at the partner."""
    request = compose_delete(GENERATIONS[settings.contract], audience_id)
    trouble = await asked(api, request, interpret_delete)
    if trouble is not None:
        raise CommandFailed(f"destinations.{api.destination}: {_why(trouble)}")
    return DeletedAudience(audience_id)


async def confirm_deletion(
    api: Api, settings: AdobeSettings, *, audience_id: AudienceId
) -> Question:
    """The question before a deletion."""
    del settings
    return Question(
        warning=f"All members leave {audience_id} of {api.destination}, and its id is never used "
        "again.",
        purpose="to delete it",
        sentence=audience_id,
        refusal="not deleted",
    )


def _by_column(written: Sequence[str]) -> Mapping[str, Sequence[str]]:
    found: dict[str, list[str]] = {}
    for one in written:
        name, _, label = one.partition("=")
        if not name or not label:
            raise InvalidRequest("--column-label: write it like tier=core/C2")
        found.setdefault(name, []).append(label)
    return found


def _why(trouble: Unanswered | InProgress | NotYet) -> str:
    match trouble:
        case Declined(_, said, remedy):
            return f"{said}; {remedy}"
        case InProgress(operation, detail):
            return f"{detail} (operation {operation}); look for it in the partner's console"
        case _:
            return trouble.detail


def _lines_of(made: MadeAudience) -> Sequence[Block]:
    return made_lines(made.external_audience_id, made.audience, made.target)


def _runs_of(shown: ShownAudience) -> Sequence[Block]:
    rows = [
        (
            run.run_id,
            run.report.state,
            time_of(run.created_s),
            time_of(None if run.window is None else run.window.start_s),
            time_of(None if run.window is None else run.window.end_s),
        )
        for run in shown.runs[:MOST_RUNS_SHOWN]
    ]
    return [
        {"external_audience_id": shown.external_audience_id, "runs": len(shown.runs)},
        Table(("run", "state", "created", "files_from", "files_to"), rows, "no run yet"),
    ]


def time_of(seconds: float | None) -> str | None:
    """Seconds since the epoch as a time for people; unchanged if outside the calendar."""
    if seconds is None:
        return None
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (OverflowError, OSError, ValueError):
        return str(seconds)


COMMANDS = (
    Command(group=GROUP, name="create", run=create_audience, shown=_lines_of, takes_settings=True),
    Command(group=GROUP, name="show", run=show_audience, shown=_runs_of, takes_settings=True),
    Command(
        group=GROUP,
        name="update",
        run=update_audience,
        takes_settings=True,
        tells_ttl_days=True,
    ),
    Command(
        group=GROUP,
        name="extend",
        run=extend_audience,
        confirm=confirm_extension,
        takes_settings=True,
        repeats_last_file=True,
    ),
    Command(
        group=GROUP,
        name="delete",
        run=delete_audience,
        confirm=confirm_deletion,
        takes_settings=True,
    ),
)
