"""Uploads of records: counted on arrival, applied in the order of acceptance, each with a job."""

import heapq
import math
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from random import Random
from typing import NamedTuple

from pipeline.sandbox.amazon_ads.audiences import Audiences
from pipeline.sandbox.amazon_ads.calls import Call, Performance, faulty
from pipeline.sandbox.amazon_ads.connections import Connections, Terms
from pipeline.sandbox.amazon_ads.dialects import AUDIENCES, Refusal
from pipeline.sandbox.amazon_ads.faults import NO_FAULT, Fault, FaultScript
from pipeline.sandbox.amazon_ads.job_runs import InvalidRecord, Job, JobBook
from pipeline.sandbox.amazon_ads.members import Memberships
from pipeline.sandbox.amazon_ads.options import SimulatorOptions
from pipeline.sandbox.amazon_ads.record_rules import UploadRequest, read_upload
from pipeline.sandbox.amazon_ads.vocabulary import JobState
from pipeline.sandbox.amazon_ads.windows import ArrivalWindow
from pipeline.sandbox.any_partner.reply import Reply


class _InFlight(NamedTuple):
    """An upload that is not answered yet."""

    audience: int
    members: frozenset[str]
    is_awaited: Callable[[], bool]


class _Taken(NamedTuple):
    """An accepted request: the records to apply, and those that are not applied."""

    request: UploadRequest
    invalid: dict[int, str]
    end_state: JobState


class _Late(NamedTuple):
    due: float
    number: int
    taken: _Taken


@dataclass(slots=True, kw_only=True)
class Uploads:
    """The endpoint for records.

    Every request that has arrived completely counts against the cap of its target, unless it is
    definitely refused (400, 401, 413, 422, 429).
    """

    options: SimulatorOptions
    faults: FaultScript
    memberships: Memberships
    jobs: JobBook
    audiences: Audiences
    connections: Connections
    terms: Terms
    random: Random
    new_id: Callable[[], str]
    windows: dict[str, ArrivalWindow] = field(default_factory=dict)
    refused: Counter[str] = field(default_factory=Counter)
    """Records of definitely refused requests, by target."""
    over_cap: Counter[str] = field(default_factory=Counter)
    """Requests that arrived at a full window or filled it, by target."""
    totals: Counter[str] = field(default_factory=Counter)
    _late: list[_Late] = field(default_factory=list)
    _in_flight: list[_InFlight] = field(default_factory=list)

    def perform(self, call: Call) -> Performance:
        """Decide one request with records."""
        self.settle(call.now)
        try:
            request = self._read(call)
            target = self._target(request)
        except Refusal as refusal:
            self.totals["unreadable_requests"] += 1
            return Performance(reply=AUDIENCES.refuse(refusal, call.request_id), fault=NO_FAULT)
        fault = self.faults.draw("records.upload", call.now, target, request.audience)
        if fault.takes_effect:
            fault = self._poisoned(request, fault)
        return Performance(
            reply=self._reply(call, request, target, fault),
            fault=fault,
            records=len(request.members),
            audience=request.audience,
            target=target,
        )

    def settle(self, now: float) -> None:
        """Apply delayed records that are due, in the order of their times."""
        while self._late and self._late[0].due <= now:
            self._apply(heapq.heappop(self._late).taken)

    def waiting_late(self) -> int:
        """The number of accepted records that are not applied yet."""
        return sum(len(late.taken.request.members) for late in self._late)

    def _read(self, call: Call) -> UploadRequest:
        if len(call.body) > self.options.byte_limit:
            raise Refusal(413, "Request Entity Too Large")
        return read_upload(call.body, names_bad_record=self.options.names_bad_record)

    def _target(self, request: UploadRequest) -> str:
        if request.connection is None:
            return f"advertiser:{request.audience}"
        connection = request.connection or self.connections.default()
        if connection is None:
            raise Refusal(400, "There is no default connection")
        if not self.connections.accepts(connection):
            raise Refusal(400, "The connection does not exist")
        return connection

    def _reply(self, call: Call, request: UploadRequest, target: str, fault: Fault) -> Reply:
        refusal = self._refusal(request, target, fault, call.now)
        if refusal is not None:
            self.refused[target] += len(request.members)
            self.totals["refused"] += len(request.members)
            reply = AUDIENCES.refuse(refusal, call.request_id)
            return reply if fault.is_refusal else self._with_retry_after(reply)
        self._count(target, len(request.members), call.now)
        if not self.terms.accepted:
            forbidden = Refusal(403, "The AMC terms and conditions have not been accepted")
            return AUDIENCES.refuse(forbidden, call.request_id)
        self._note_overlap(call, request)
        return faulty(AUDIENCES, call, fault, lambda: self._accept(call, request, fault))

    def _refusal(
        self, request: UploadRequest, target: str, fault: Fault, now: float
    ) -> Refusal | None:
        """The refusal, if nothing of this request is counted or accepted; otherwise None."""
        count = len(request.members)
        if self.options.over_cap == "reject_429" and not self._has_room(target, count, now):
            return Refusal(429, "Too Many Requests")
        if fault.is_refusal and fault.status is not None:
            return Refusal(fault.status, fault.message or "The request was refused")
        return None

    def _poisoned(self, request: UploadRequest, fault: Fault) -> Fault:
        """The fault that a poisoned record causes; the given fault if there is none."""
        poisoned = self.faults.poisoned(request.members)
        if not poisoned:
            return fault
        pairs = zip(request.members, request.adds, strict=True)
        self.memberships.pass_over(
            request.audience, [pair for pair in pairs if pair[0] in poisoned], "refused"
        )
        return replace(
            fault,
            status=min(poisoned.values()),
            message="A record could not be processed",
            is_taken=False,
            late_seconds=None,
        )

    def _has_room(self, target: str, count: int, now: float) -> bool:
        window = self.windows.get(target)
        return (0 if window is None else window.current(now)) + count < self.options.cap

    def _count(self, target: str, count: int, now: float) -> None:
        window = self.windows.setdefault(target, ArrivalWindow(self.options.window_seconds))
        self.totals["arrived"] += count
        if window.add(count, now) >= self.options.cap:
            self.over_cap[target] += 1

    def _note_overlap(self, call: Call, request: UploadRequest) -> None:
        """Count requests that have a member of another request that is not answered yet."""
        self._in_flight = [other for other in self._in_flight if other.is_awaited()]
        members = frozenset(request.members)
        self.totals["overlapping_requests"] += any(
            other.audience == request.audience and not members.isdisjoint(other.members)
            for other in self._in_flight
        )
        self.totals["repeated_in_request"] += len(request.members) - len(members)
        self._in_flight.append(_InFlight(request.audience, members, call.is_awaited))

    def _accept(self, call: Call, request: UploadRequest, fault: Fault) -> Reply:
        invalid = self._invalid(request)
        all_invalid = len(invalid) == len(request.members)
        end_state = fault.job.end_state or ("FAILED" if all_invalid else "SUCCEEDED")
        taken = _Taken(request, invalid, end_state)
        self.totals["accepted"] += len(request.members)
        if fault.late_seconds is None:
            self._apply(taken)
        else:
            due = call.now + fault.late_seconds
            heapq.heappush(self._late, _Late(due, self.totals["accepted"], taken))
        job = self._job(taken, fault, call.now)
        self.jobs.add(job, call.now)
        return Reply(202, {} if fault.omits_job_id else {"jobRequestId": job.job_id})

    def _invalid(self, request: UploadRequest) -> dict[int, str]:
        if not self.options.accept_any_audience and not self.audiences.knows(request.audience):
            return dict.fromkeys(range(len(request.members)), "AUDIENCE_NOT_FOUND")
        judged = self.faults.invalid(request.members, request.digests)
        return judged | dict.fromkeys(request.denied, "CONSENT_DENIED")

    def _job(self, taken: _Taken, fault: Fault, now: float) -> Job:
        request, script = taken.request, fault.job
        pending = self.random.uniform(*self.options.job_seconds)
        if script.pending_seconds is not None:
            pending = script.pending_seconds
        unknown = self.options.job_unknown_seconds
        return Job(
            job_id=self.new_id(),
            audience=request.audience,
            records=len(request.members),
            invalid=[
                InvalidRecord(request.members[position], error)
                for position, error in sorted(taken.invalid.items())
            ],
            end_state=taken.end_state,
            known_at=now + (unknown if script.unknown_seconds is None else script.unknown_seconds),
            ends_at=math.inf if script.never_ends else now + pending,
            shown_states=deque(script.shown_states),
        )

    def _apply(self, taken: _Taken) -> None:
        request, invalid = taken.request, taken.invalid
        pairs = list(zip(request.members, request.adds, strict=True))
        named = [pairs[position] for position in sorted(invalid)]
        self.totals["invalid"] += len(named)
        self.memberships.pass_over(request.audience, named, "invalid")
        kept = [place for place in range(len(pairs)) if place not in invalid]
        if taken.end_state == "FAILED":
            self.totals["failed"] += len(kept)
            failed = [pairs[place] for place in kept]
            self.memberships.pass_over(request.audience, failed, "job_failed")
            return
        self.totals["applied"] += len(kept)
        self.memberships.apply(
            request.audience,
            [request.members[place] for place in kept],
            [request.adds[place] for place in kept],
            [request.digests[place] for place in kept],
        )

    def _with_retry_after(self, reply: Reply) -> Reply:
        if reply.status != 429:
            return reply
        # The window empties gradually, so a sixtieth of it is a reasonable time to wait.
        wait = max(1, math.ceil(self.options.window_seconds / 60))
        return Reply(reply.status, reply.body, {"Retry-After": str(wait)})
