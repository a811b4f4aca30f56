"""Composes requests with records, and questions about jobs, for Amazon Ads; sends nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import orjson

from pipeline.destinations.exchange import Request

RECORDS_PATH = "/amc/audiences/records"
AUDIENCES_TYPE = "application/vnd.amcaudiences.v1+json"
LARGEST_AUDIENCE_ID = 2**63 - 1


@dataclass(frozen=True, slots=True)
class LaneTarget:
    """The target of a lane's records: a connection, or (None) the audience's advertiser."""

    connection_id: str | None
    target_types: dict[str, tuple[str, ...]]
    """The configured target types, by audience id."""

    def resource(self, audience: str, written: bytes) -> dict[str, Any] | None:
        """The `targetResource` of a request; None if it must have none.

        It comes from the configuration. For an audience that left the configuration, it comes from
        the record, which has the old value.
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
    """The bytes before and after the records of a body.

    `audienceId` is a number without quotes, because the partner refuses quoted ones; it may exceed
    2**53.
    """
    head: dict[str, Any] = {"audienceId": int(audience)}
    resource = target.resource(audience, written)
    if resource is not None:
        head["targetResource"] = resource
    return orjson.dumps(head)[:-1] + b',"records":[', b"]}"


def largest_overhead(connection_id: str | None) -> int:
    """The most overhead of a body of this connection, for any audience, bytes."""
    before, after = body_frame(LaneTarget(connection_id, {}), str(LARGEST_AUDIENCE_ID), b"DSP")
    return len(before) + len(after)


def misfit(audience: str, written: bytes) -> str | None:
    """Why no request can be made for this audience and target types; None if one can."""
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


def compose_status(job_id: str) -> Request:
    """GET of one job."""
    return Request(
        endpoint="status",
        method="GET",
        path=f"{RECORDS_PATH}/{quote(job_id, safe='')}",
        headers=_headers(),
    )


def _headers() -> dict[str, str]:
    return {"Content-Type": AUDIENCES_TYPE, "Accept": AUDIENCES_TYPE}


def _separated(records: Sequence[bytes]) -> list[bytes]:
    pieces: list[bytes] = [records[0]]
    for record in records[1:]:
        pieces += (b",", record)
    return pieces
