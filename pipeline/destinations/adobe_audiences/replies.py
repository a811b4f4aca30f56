"""Reads replies of the control plane: refusals, and ids and texts in any form."""

from collections.abc import Mapping

from pipeline.destinations.adobe_audiences.errors import detail, is_page
from pipeline.destinations.adobe_audiences.remedies import remedy
from pipeline.destinations.control import Declined
from pipeline.destinations.exchange import Response, document, header

LONGEST_ID = 128


def declined(endpoint: str, response: Response) -> Declined:
    """A refusal with the partner's words and the remedy, and its wait if it asks for one."""
    wait = header(response.headers, "Retry-After")
    return Declined(response.status, detail(response), remedy(endpoint, response, wait))


def said_by(response: Response) -> Mapping[str, object]:
    """The JSON object of an answer; an empty one for any other body."""
    body = None if is_page(response) or response.body_trouble else document(response.body)
    return body if isinstance(body, dict) else {}


def id_in(said: Mapping[str, object], name: str) -> str | None:
    """An id that our keys can hold; None if the answer has none."""
    value = said.get(name)
    is_one = isinstance(value, str) and 0 < len(value) <= LONGEST_ID and "|" not in value
    return str(value) if is_one else None
