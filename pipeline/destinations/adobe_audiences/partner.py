"""Adobe's External Audiences as one value: the entry of this package in the registry."""

from collections.abc import Iterator, Sequence

from pipeline.destinations.adobe_audiences.advice import advice
from pipeline.destinations.adobe_audiences.budget import too_few_runs
from pipeline.destinations.adobe_audiences.canary import canary
from pipeline.destinations.adobe_audiences.commands.audience_commands import COMMANDS
from pipeline.destinations.adobe_audiences.control_plane import AdobeControlPlane
from pipeline.destinations.adobe_audiences.delivery import AdobeSnapshots, snapshots
from pipeline.destinations.adobe_audiences.file_shape import (
    rendering_of,
    snapshot_audience,
    source_path,
)
from pipeline.destinations.adobe_audiences.login import AdobeLogin
from pipeline.destinations.adobe_audiences.online_check import check_online
from pipeline.destinations.adobe_audiences.rendering import (
    ConsentGate,
    MemberRenderer,
    RowShape,
    member_id,
)
from pipeline.destinations.adobe_audiences.settings import AdobeSettings
from pipeline.destinations.adobe_audiences.starting_configuration import (
    STARTING_CONFIGURATION,
    STARTING_DESTINATION,
)
from pipeline.destinations.adobe_audiences.targets import AdobeTarget
from pipeline.destinations.contract import Partner, Render
from pipeline.identity.hashing import hashed_id
from pipeline.settings.problems import Problem


def _renderer(settings: AdobeSettings, target: AdobeTarget) -> Render:
    shape = RowShape(
        namespace=target.identity.code(),
        source=target.identity.source,
        columns=target.columns,
        rendering=rendering_of(settings, target),
    )
    gate = ConsentGate(
        countries=frozenset(settings.consent_countries),
        needs=settings.consent.tcf.needs(),
        counts_amazon_flags=settings.consent.amazon_flags == "count",
    )
    return MemberRenderer(
        shape=shape,
        gate=gate,
        member_ids=settings.member_ids,
        country=target.country or settings.country,
    ).render


def _route(_settings: AdobeSettings, _target: AdobeTarget) -> bytes:
    return b""


def _member_id(settings: AdobeSettings, member: str) -> str:
    # An id that may be an address is stored only as a digest; no add has that digest.
    return member_id(settings.member_ids, member) or hashed_id(member)


def _delivery(settings: AdobeSettings, _targets: Sequence[AdobeTarget]) -> AdobeSnapshots:
    return snapshots(settings)


def _buffer_bytes(_settings: AdobeSettings) -> int:
    # There is no lane; the members of a snapshot have their own bound (snapshot.buffer_bytes).
    return 0


def _problems(settings: AdobeSettings, targets: Sequence[AdobeTarget]) -> Iterator[Problem]:
    yield from too_few_runs(settings, targets)
    if any(map(str.isspace, source_path(settings, "folder"))):
        yield Problem(
            path=("source_prefix",),
            what="makes paths that contain a blank, which the partner does not accept",
            value=repr(source_path(settings, "")),
            remedy="rename the bucket's folder, or write the path that the partner uses",
        )


def _login(settings: AdobeSettings) -> AdobeLogin:
    return AdobeLogin(
        settings.token_endpoint(),
        settings.credentials(),
        org_id=settings.org_id,
        sandbox=settings.sandbox,
    )


def _sandbox(settings: AdobeSettings) -> str:
    """The space of audience ids: a sandbox, for any credential or proxy."""
    return f"{settings.org_id.casefold()}/{settings.sandbox}"


ADOBE_AUDIENCES = Partner(
    kind="adobe_external_audiences",
    settings=AdobeSettings,
    target=AdobeTarget,
    base_url=AdobeSettings.api_base,
    login=_login,
    renderer=_renderer,
    route=_route,
    member_id=_member_id,
    delivery=_delivery,
    buffer_bytes=_buffer_bytes,
    problems=_problems,
    advice=advice,
    check_online=check_online,
    snapshot_audience=snapshot_audience,
    canary=canary,
    audience_space=_sandbox,
    control=AdobeControlPlane,
    commands=COMMANDS,
    title="Adobe Experience Platform",
    starting_destination=STARTING_DESTINATION,
    starting_configuration=STARTING_CONFIGURATION,
    redacts=("p8e-", "s8e-", "eyJ", "sv=", "?sv="),
)
