"""Records and their jobs at Amazon Ads: requests composed, answers interpreted, nothing sent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

import orjson

from pipeline.destinations.amazon_ads.errors import detail
from pipeline.destinations.exchange import Request, Response, header, retry_after
from pipeline.domain.job import InvalidRecord, JobEnd, JobReport
from pipeline.domain.send_result import (
    Accepted,
    Answer,
    BlockCause,
    Blocked,
    InDoubt,
    Refused,
    Throttled,
    TooLarge,
)

RECORDS_PATH = "/amc/audiences/records"
AUDIENCES_TYPE = "application/vnd.amcaudiences.v1+json"
LARGEST_AUDIENCE_ID = 2**63 - 1
_CAUSES: dict[int, BlockCause] = {
    401: "unauthorised",
    403: "forbidden",
    404: "not_found",
    405: "unsupported",
    406: "unsupported",
    415: "unsupported",
    501: "unsupported",
}
_ENDS: Mapping[str, JobEnd] = {
    "SUCCEEDED": "applied",
    "COMPLETED": "applied",
    "PARTIALLYSUCCEEDED": "partly_applied",
    "FAILED": "failed",
}
"""The states of a job that has ended; any other word is taken for pending."""


@dataclass(frozen=True, slots=True)
class LaneTarget:
    """Where a lane's records go: through a connection, or (None) to the audience's advertiser."""

    connection_id: str | None
    target_types: dict[str, tuple[str, ...]]
    """By audience id, as configured now."""

    def resource(self, audience: str, written: bytes) -> dict[str, Any] | None:
        """The `targetResource` of a request; None where there must be none.

        The configuration decides; for an audience that has left it, what stood there when the
        record was prepared.
        """
        if self.connection_id is None:
            return None
        types = self.target_types.get(audience)
        if types is None:
            types = tuple(written.decode().split(",")) if written else ()
        resource: dict[str, Any] = {"connectionId": self.connection_id}
        if types:
            resource["targetTypes"] = list(types)
        return resource


def body_frame(target: LaneTarget, audience: str, written: bytes) -> tuple[bytes, bytes]:
    """What stands before and after the records of a body.

    `audienceId` is a bare number: the partner refuses quoted ones, and they exceed 2**53.
    """
    head: dict[str, Any] = {"audienceId": int(audience)}
    resource = target.resource(audience, written)
    if resource is not None:
        head["targetResource"] = resource
    return orjson.dumps(head)[:-1] + b',"records":[', b"]}"


def largest_overhead(connection_id: str | None) -> int:
    """Bytes of the largest overhead a lane of this connection can have, whatever the audience."""
    before, after = body_frame(LaneTarget(connection_id, {}), str(LARGEST_AUDIENCE_ID), b"DSP")
    return len(before) + len(after)


def misfit(audience: str, written: bytes) -> str | None:
    """Why no request can be made for such an audience and target types; None when one can."""
    is_number = audience.isascii() and audience.isdigit() and len(audience) <= 19
    if not is_number or int(audience) > LARGEST_AUDIENCE_ID:
        return "its audience id is no number of 64 bits"
    if not written.isascii():
        return "its target types are no text"
    return None


def compose_records(
    target: LaneTarget, audience: str, written: bytes, records: Sequence[bytes]
) -> Request:
    """POST of rendered records of one audience."""
    before, after = body_frame(target, audience, written)
    return Request(
        endpoint="records",
        method="POST",
        path=RECORDS_PATH,
        headers=_headers(),
        body=[before, *_separated(records), after],
    )


def interpret_records(response: Response, now: datetime) -> Answer:
    """What the partner's answer to records means (the table of trouble in README)."""
    status = response.status
    if 200 <= status < 300:
        return Accepted(_job_id(response.body))
    if status == 413:
        return TooLarge()
    if status == 429:
        return Throttled(retry_after(header(response.headers, "Retry-After"), now))
    if status in _CAUSES:
        return Blocked(_CAUSES[status], detail(status, response.body))
    if status == 408 or status >= 500:
        return InDoubt(detail(status, response.body), by_partner=True)
    if status in (400, 422):
        return Refused(detail(status, response.body))
    if status >= 400:
        # Nobody said that it is the records, so they stay where they are.
        return Blocked("unsupported", detail(status, response.body))
    return InDoubt(f"unexpected status {status}")


def compose_status(job_id: str) -> Request:
    """GET of one job."""
    return Request(
        endpoint="status",
        method="GET",
        path=f"{RECORDS_PATH}/{quote(job_id, safe='')}",
        headers=_headers(),
    )


def interpret_status(body: bytes) -> JobReport | None:
    """A job's state; None when the answer is not one.

    A state that the contract does not name is taken for pending: it may be a new word for it,
    and a job is given up by its age and not by a guess.
    """
    try:
        said = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(said, dict):
        return None
    state, invalid = said.get("jobState"), said.get("invalidRecords")
    successful = said.get("successful") or {}
    percent = successful.get("recordsProcessedRate") if isinstance(successful, dict) else None
    return JobReport(
        state=state if isinstance(state, str) else "PENDING",
        end=_ENDS.get(state, "pending") if isinstance(state, str) else "pending",
        invalid=tuple(map(_invalid, invalid)) if isinstance(invalid, list) else (),
        processed_percent=percent if isinstance(percent, int | float) else None,
        audience_size=_numbers(said.get("audienceSize")),
    )


def _headers() -> dict[str, str]:
    return {"Content-Type": AUDIENCES_TYPE, "Accept": AUDIENCES_TYPE}


def _separated(records: Sequence[bytes]) -> list[bytes]:
    pieces: list[bytes] = [records[0]]
    for record in records[1:]:
        pieces += (b",", record)
    return pieces


def _job_id(body: bytes) -> str | None:
    try:
        said = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    job = said.get("jobRequestId") if isinstance(said, dict) else None
    return job if isinstance(job, str) and job else None


def _invalid(one: Any) -> InvalidRecord:
    fields = one if isinstance(one, dict) else {}
    return InvalidRecord(
        member=str(fields.get("externalId") or fields.get("externalUserId") or ""),
        audience=str(fields.get("audienceId") or ""),
        error=str(fields.get("error") or "no reason given")[:500],
    )


def _numbers(value: object) -> dict[str, float]:
    if not isinstance(value, dict):
        return {}
    return {
        str(name): number
        for name, number in value.items()
        if isinstance(number, int | float) and not isinstance(number, bool)
    }
