"""Checks that a sandbox, its audiences and its storage are as a run needs them."""

from collections.abc import AsyncIterator, Sequence

from pipeline.destinations.adobe_audiences.budget import budget_of
from pipeline.destinations.adobe_audiences.delivery import AdobeSnapshots, snapshots
from pipeline.destinations.adobe_audiences.settings import AdobeSettings
from pipeline.destinations.adobe_audiences.targets import AdobeTarget
from pipeline.destinations.asking import asked, bad_finding
from pipeline.destinations.control import Api, Finding
from pipeline.destinations.snapshots import LandingZone
from pipeline.domain.job import NotYet

OTHER_SANDBOX = "it was made in another sandbox or organisation, or never: check sandbox and org_id"


async def check_online(
    api: Api, settings: AdobeSettings, targets: Sequence[AdobeTarget]
) -> Sequence[Finding]:
    """Check the token, every configured audience, and the partner's own storage.

    If the partner does not answer, the remaining checks are left out.
    """
    key = f"destinations.{api.destination}"
    delivery = snapshots(settings)
    found: list[Finding] = []
    if targets:
        sentence = budget_of(settings.snapshot, len(targets)).sentence()
        found.append(Finding(f"{key}: {sentence}"))
    found += [one async for one in _storage(api, key, settings, delivery)]
    if any(one.is_bad for one in found):
        return found
    found += [one async for one in _audiences(api, key, targets, delivery)]
    return found


async def _storage(
    api: Api, key: str, settings: AdobeSettings, delivery: AdobeSnapshots
) -> AsyncIterator[Finding]:
    if settings.storage.kind != "landing_zone":
        return
    request = delivery.compose_landing_zone()
    zone = await asked(api, request, delivery.interpret_landing_zone)
    if isinstance(zone, LandingZone):
        yield Finding(f"{key}: token granted, landing zone on {zone.kind}: {zone.container}")
        yield Finding(
            f"{key}: everybody with credentials of this sandbox can read its landing zone, and "
            "files stay there for seven days at most"
        )
    else:
        yield bad_finding(f"{key}: landing zone: ", zone)


async def _audiences(
    api: Api, key: str, targets: Sequence[AdobeTarget], delivery: AdobeSnapshots
) -> AsyncIterator[Finding]:
    meant = dict.fromkeys(one for target in targets if (one := target.audience()) is not None)
    missing = 0
    for audience in meant:
        runs = await asked(api, delivery.compose_runs(audience), delivery.interpret_runs)
        if isinstance(runs, NotYet) and runs.is_missing:
            said = f"{key}: the partner knows no audience {audience}: {OTHER_SANDBOX}"
            yield Finding(said, is_bad=True)
            missing += 1
        elif not isinstance(runs, Sequence):
            yield bad_finding(f"{key}: audience {audience}: ", runs)
            return
    if meant and not missing:
        yield Finding(f"{key}: token granted, every audience is there ({len(meant)})")
        # Only the answer to a change shows ttl_days, but a change would renew the audience.
        yield Finding(
            f"{key}: the partner does not show ttl_days of an audience, so it cannot be "
            "compared: after you change it, run `audiences update ID --ttl-days N`"
        )
