"""A simulator that is watched: who sent what when, and which job was asked for when."""

import time
from collections import Counter
from dataclasses import dataclass, field

import orjson

from pipeline.sandbox.amazon_ads.calls import Call, Performance, Performer
from pipeline.sandbox.amazon_ads.record_rules import record_digest
from pipeline.sandbox.amazon_ads.simulator import AmazonAdsSimulator

CLIENT_HEADER = "Amazon-Advertising-API-ClientId"


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A request for records that arrived whole. Times in monotonic seconds."""

    at: float
    client: str
    target: str
    records: int
    took: bool
    """Its records became, or will become, membership."""
    is_answered: bool
    """With the job that it became."""
    job_id: str | None
    overlaps: bool
    """It carried a member of another request that still waited for its answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A request for the state of a job."""

    at: float
    """In monotonic seconds."""
    at_ms: float
    """In milliseconds since the epoch."""
    client: str
    job_id: str


Sent = tuple[int, str, int]
"""Audience, member, and a checksum of the record."""


@dataclass(slots=True)
class Watch:
    """Everything seen of one simulator since `over` was called."""

    arrivals: list[Arrival] = field(default_factory=list)
    questions: list[Question] = field(default_factory=list)
    taken: Counter[Sent] = field(default_factory=Counter)

    def over(self, simulator: AmazonAdsSimulator) -> None:
        world = simulator._world
        uploads = world.performers["records.upload"]
        statuses = world.performers["records.status"]
        totals = world.uploads.totals

        def upload(call: Call) -> Performance:
            overlaps = totals["overlapping_requests"]
            accepted = totals["accepted"]
            performance = uploads(call)
            if performance.target is not None:
                took = totals["accepted"] > accepted
                self._arrived(call, performance, took, totals["overlapping_requests"] > overlaps)
            return performance

        world.performers["records.upload"] = upload
        world.performers["records.status"] = self._asked(statuses)

    def _asked(self, statuses: Performer) -> Performer:
        def status(call: Call) -> Performance:
            self.questions.append(
                Question(
                    at=call.now,
                    at_ms=time.time() * 1000,
                    client=call.header(CLIENT_HEADER) or "",
                    job_id=call.path["jobRequestId"],
                )
            )
            return statuses(call)

        return status

    def _arrived(self, call: Call, performance: Performance, took: bool, overlaps: bool) -> None:
        body, fault = performance.reply.body, performance.fault
        job = body.get("jobRequestId") if isinstance(body, dict) else None
        self.arrivals.append(
            Arrival(
                at=call.now,
                client=call.header(CLIENT_HEADER) or "",
                target=performance.target or "",
                records=performance.records,
                took=took,
                is_answered=took and fault.ending == "answer" and fault.status is None,
                job_id=job if isinstance(job, str) else None,
                overlaps=overlaps,
            )
        )
        if took:
            request = orjson.loads(call.body)
            audience = request["audienceId"]
            self.taken.update(
                (audience, record["externalUserId"], record_digest(record))
                for record in request["records"]
            )
