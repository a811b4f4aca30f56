"""AMC terms: whether the person who granted access has accepted them; uploads to AMC need it."""

import orjson

from pipeline.destinations.exchange import Request, Response

CONNECTIONS_TYPE = "application/vnd.amcaudiencesconnections.v1+json"
TERMS_PATH = "/amc/audiences/connections/terms"


def compose_terms() -> Request:
    """GET of the terms. One sentence of the guide has a shorter path, which is a slip."""
    return Request(
        endpoint="terms",
        method="GET",
        path=TERMS_PATH,
        headers={"Content-Type": CONNECTIONS_TYPE, "Accept": CONNECTIONS_TYPE},
    )


def has_accepted(response: Response) -> bool | None:
    """Whether the terms are accepted; None when the answer does not say."""
    if response.status != 200:
        return None
    try:
        said = orjson.loads(response.body)
    except orjson.JSONDecodeError:
        return None
    accepted = said.get("hasAccepted") if isinstance(said, dict) else None
    return accepted if isinstance(accepted, bool) else None
