"""Requests for the AMC terms. The person who granted access must accept them before uploads."""

from dataclasses import dataclass

from pipeline.destinations.amazon_ads.replies import Fields, confirmed, interpreted
from pipeline.destinations.amazon_ads.requests import composed
from pipeline.destinations.control import Declined, InvalidRequest
from pipeline.destinations.exchange import Request, Response

CONNECTIONS_TYPE = "application/vnd.amcaudiencesconnections.v1+json"
TERMS_PATH = "/amc/audiences/connections/terms"


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The agreement that the partner shows now."""

    has_accepted: bool | None
    agreement_token: str | None
    """The id of this version of the text; needed to accept it."""
    agreement_content: str | None
    """HTML."""


def compose_terms() -> Request:
    """GET of the terms. One sentence of the guide has a shorter path, which is wrong."""
    return composed("terms", "GET", TERMS_PATH, CONNECTIONS_TYPE)


def interpret_terms(response: Response) -> Terms | Declined:
    return interpreted("terms", response, _terms)


def has_accepted(response: Response) -> bool | None:
    """Whether the terms are accepted; None if the answer does not say."""
    terms = interpret_terms(response)
    return terms.has_accepted if isinstance(terms, Terms) else None


def compose_acceptance(agreement_token: str) -> Request:
    """PATCH that accepts the version of the terms with this token.

    Raises:
        InvalidRequest: the token is blank.
    """
    if not agreement_token.strip():
        raise InvalidRequest("the agreement token is blank; `terms show` has it")
    body = {"agreementToken": agreement_token.strip(), "hasAccepted": True}
    return composed("terms.accept", "PATCH", TERMS_PATH, CONNECTIONS_TYPE, body=body)


def interpret_acceptance(response: Response) -> Declined | None:
    return confirmed("terms.accept", response)


def _terms(said: object) -> Terms | None:
    if not isinstance(said, dict):
        return None
    found = Fields(said)
    return Terms(
        has_accepted=found.flag("hasAccepted"),
        agreement_token=found.text("agreementToken"),
        agreement_content=found.text("agreementContent"),
    )
