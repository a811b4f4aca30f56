"""Interprets the answers of Amazon Ads to records and to questions about jobs."""

from collections.abc import Mapping
from typing import Any, TypeGuard
from urllib.parse import urlsplit

from pipeline.destinations.amazon_ads.errors import detail, is_error
from pipeline.destinations.exchange import Response, document, header
from pipeline.destinations.other_answers import other_answer
from pipeline.destinations.partner_words import scalar_text, status_word
from pipeline.domain.job import InvalidRecord, JobEnd, JobReport, NotYet
from pipeline.domain.send_result import (
    Accepted,
    Answer,
    Blocked,
    NotThePartner,
    Refused,
    Throttled,
    TooLarge,
)

# The stored part of an answer must fit into a message, however long the answer is.
LONGEST_ID = 500
MOST_INVALID = 10_000
"""The most invalid records that are stored: as many as a request can have."""
MOST_SIZES = 20

_ENDS: Mapping[str, JobEnd] = {
    "SUCCEEDED": "applied",
    "COMPLETED": "applied",
    "PARTIALLYSUCCEEDED": "partly_applied",
    "FAILED": "failed",
}
"""The states of a job that has ended; every other word means pending."""
_OF_A_JOB = frozenset({"jobRequestId", "jobState"})


def interpret_records(response: Response) -> Answer:
    """The meaning of the partner's answer to records (see the table of trouble in README)."""
    status = response.status
    if 200 <= status < 300:
        return _success(response)
    if 300 <= status < 400:
        return Blocked("wrong_address", f"{status} to {_elsewhere(response)}; check api_url")
    if status == 429:
        return Throttled(response.wait)
    if status in (400, 413, 422):
        return TooLarge() if status == 413 else Refused(detail(status, response.body))
    return other_answer(response, detail(status, response.body))


def interpret_status(response: Response) -> JobReport | NotYet:
    """A job's state, or why the answer has none.

    A state that the contract does not name counts as pending: it may be a new word for that, and
    we never guess that a job has ended. For the same reason a job is missing only if the partner
    itself says so: the 404 of a proxy has no JSON.
    """
    said = None if _is_page(response) else document(response.body)
    if response.status != 200:
        is_missing = response.status == 404 and isinstance(said, dict)
        return NotYet(
            detail(response.status, response.body),
            response.wait,
            is_missing,
            is_throttled=response.status == 429,
        )
    if response.body_trouble is not None:
        return NotYet(f"200, but the answer could not be read: {response.body_trouble}")
    if not isinstance(said, dict) or said.keys().isdisjoint(_OF_A_JOB):
        return NotYet(f"{_shown(response)} is not a job status", response.wait)
    return _report(said)


def _success(response: Response) -> Accepted | NotThePartner:
    """A 202 of the partner has a job id; without one it is also a success, if it is the partner's.

    A firewall or proxy before the partner answers with a page, an error, or an empty body; then
    the partner has not taken the records.
    """
    if _is_page(response):
        return NotThePartner(_shown(response))
    if response.body_trouble is not None:
        return Accepted(None)
    said = document(response.body)
    if isinstance(said, dict):
        job = said.get("jobRequestId")
        if isinstance(job, str) and 0 < len(job) <= LONGEST_ID:
            return Accepted(job)
        is_partner = response.status != 207 and not is_error(said)
        return Accepted(None) if is_partner else NotThePartner(_shown(response))
    # The partner's JSON cannot be read, but its status is a success.
    if said is None and response.body.lstrip().startswith(b"{"):
        return Accepted(None)
    return NotThePartner(_shown(response))


def _is_page(response: Response) -> bool:
    """Whether the answer is an HTML page for a browser."""
    kind = _content_type(response)
    is_markup = response.body[:256].lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")
    return is_markup or kind in {"text/html", "application/xhtml+xml"}


def _content_type(response: Response) -> str:
    named = header(response.headers, "Content-Type") or ""
    return named.partition(";")[0].strip().lower()


def _shown(response: Response) -> str:
    """The answer on one line: status, content type and first words."""
    kind = _content_type(response) or "no content type"
    said = detail(response.status, response.body).partition(" ")[2]
    return f"{response.status} {kind}: {said or 'an empty body'}"


def _elsewhere(response: Response) -> str:
    """The target of a redirect, without parts that may be secret."""
    try:
        parts = urlsplit(header(response.headers, "Location") or "")
        place = f"{parts.hostname or ''}{parts.path}"
    except ValueError:
        place = ""
    return place[:200] or "no place"


def _report(said: Mapping[str, Any]) -> JobReport:
    state, invalid = status_word(said.get("jobState")), said.get("invalidRecords")
    successful = said.get("successful") or {}
    percent = successful.get("recordsProcessedRate") if isinstance(successful, dict) else None
    return JobReport(
        state=state if state in _ENDS else "PENDING",
        end=_ENDS.get(state, "pending"),
        invalid=tuple(map(_invalid, invalid[:MOST_INVALID])) if isinstance(invalid, list) else (),
        processed_percent=percent if _is_number(percent) else None,
        audience_size=_numbers(said.get("audienceSize")),
    )


def _invalid(one: object) -> InvalidRecord:
    fields = one if isinstance(one, dict) else {}
    member = scalar_text(fields.get("externalId")) or scalar_text(fields.get("externalUserId"))
    return InvalidRecord(
        member=member[:LONGEST_ID],
        audience=scalar_text(fields.get("audienceId"))[:LONGEST_ID],
        error=(scalar_text(fields.get("error")) or "no reason given")[:500],
    )


def _numbers(value: object) -> dict[str, float]:
    if not isinstance(value, dict):
        return {}
    named = list(value.items())[:MOST_SIZES]
    return {name[:LONGEST_ID]: number for name, number in named if _is_number(number)}


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
