"""Checks that a login, its terms, connections and audiences are as a run needs them."""

from collections.abc import AsyncIterator, Iterable, Sequence

from pipeline.destinations.amazon_ads.audiences import Audience, compose_show, interpret_show
from pipeline.destinations.amazon_ads.connections import MOST_SHOWN, compose_list, interpret_list
from pipeline.destinations.amazon_ads.settings import AmazonAdsSettings
from pipeline.destinations.amazon_ads.targets import AmazonTarget
from pipeline.destinations.amazon_ads.terms import Terms, compose_terms, interpret_terms
from pipeline.destinations.asking import asked, bad_finding
from pipeline.destinations.control import Api, Declined, Finding

OTHER_LOGIN = "it was made under another login or region, or never: check client_id and region"
NOT_ACCEPTED = (
    "the AMC terms are not accepted, so uploads to AMC will be refused; the person who granted "
    "access must accept them (`terms accept`)"
)


async def check_online(
    api: Api, settings: AmazonAdsSettings, targets: Sequence[AmazonTarget]
) -> Sequence[Finding]:
    """Check the terms, and every configured connection and audience.

    If the partner does not answer, the remaining checks are left out.
    """
    del settings
    key = f"destinations.{api.destination}"
    terms = await asked(api, compose_terms(), interpret_terms)
    if not isinstance(terms, Terms):
        return [bad_finding(f"{key}: ", terms)]
    if not terms.has_accepted:
        return [Finding(f"{key}: {NOT_ACCEPTED}", is_bad=True)]
    found = [Finding(f"{key}: token granted, terms accepted")]
    found += [one async for one in _connections(api, key, _distinct(targets, "connection_id"))]
    found += [one async for one in _audiences(api, key, _distinct(targets, "audience_id"))]
    return found


def _distinct(targets: Iterable[AmazonTarget], name: str) -> list[str]:
    values = (getattr(target, name) for target in targets)
    return list(dict.fromkeys(str(value) for value in values if value is not None))


async def _connections(api: Api, key: str, meant: Sequence[str]) -> AsyncIterator[Finding]:
    if not meant:
        return
    listed = await asked(api, compose_list(), interpret_list)
    if not isinstance(listed, tuple):
        yield bad_finding(f"{key}: connections: ", listed)
        return
    known = {one.connection_id for one in listed}
    for connection in meant:
        if connection in known:
            continue
        if len(listed) >= MOST_SHOWN and await _is_there(api, connection):
            continue
        yield Finding(
            f"{key}: the partner knows no connection {connection}: see `connections list`; "
            f"{OTHER_LOGIN}",
            is_bad=True,
        )


async def _is_there(api: Api, connection: str) -> bool:
    """Ask for one connection, because a list does not show all of a large login."""
    found = await asked(api, compose_list(connection), interpret_list)
    return isinstance(found, tuple) and connection in {one.connection_id for one in found}


async def _audiences(api: Api, key: str, meant: Sequence[str]) -> AsyncIterator[Finding]:
    for audience in meant:
        match await asked(api, compose_show(int(audience)), interpret_show):
            case Audience():
                continue
            case Declined(status=404):
                yield Finding(
                    f"{key}: the partner knows no audience {audience}: {OTHER_LOGIN}", is_bad=True
                )
            case trouble:
                yield bad_finding(f"{key}: audience {audience}: ", trouble)
                return
