"""The runs: start, list and show them; they end as time goes by."""

from collections.abc import Callable, Iterator, Sequence
from random import Random

from pipeline.sandbox.adobe_audiences import shapes
from pipeline.sandbox.adobe_audiences.answers import Refusal, malformed
from pipeline.sandbox.adobe_audiences.audiences import USER, Audience, Audiences
from pipeline.sandbox.adobe_audiences.calls import Call
from pipeline.sandbox.adobe_audiences.contracts import Contract
from pipeline.sandbox.adobe_audiences.faults import Fault
from pipeline.sandbox.adobe_audiences.guardrails import Guardrails
from pipeline.sandbox.adobe_audiences.options import SimulatorOptions
from pipeline.sandbox.adobe_audiences.run_state import Run
from pipeline.sandbox.adobe_audiences.violations import Violations
from pipeline.sandbox.adobe_audiences.vocabulary import (
    BAD_REQUEST,
    DUPLICATE,
    NOT_FOUND,
    UNPROCESSABLE,
)
from pipeline.sandbox.any_partner.reply import Reply

_BUSY = (
    (400, BAD_REQUEST, "the request is not valid"),
    (409, DUPLICATE, "an ingestion of the audience is in progress"),
    (422, UNPROCESSABLE, "the request cannot be processed"),
)
"""Possible refusals of a second run; the documentation does not say which one is sent."""
_LATEST_SECOND = 2**40
"""The largest time in seconds; a time in milliseconds by mistake is far larger."""


class Runs:
    """All runs of all audiences."""

    def __init__(
        self,
        *,
        options: SimulatorOptions,
        contract: Contract,
        audiences: Audiences,
        guardrails: Guardrails,
        violations: Violations,
        random: Random,
        new_id: Callable[[], str],
    ) -> None:
        self._options = options
        self._contract = contract
        self._audiences = audiences
        self._guardrails = guardrails
        self._violations = violations
        self._random = random
        self._new_id = new_id
        self._begun: list[Run] = []
        self._late: list[Run] = []

    def start(self, call: Call, fault: Fault) -> Reply:
        audience = self._audiences.asked_for(call)
        run = self._asked(call, audience, fault)
        if fault.late_seconds is not None:
            self._late.append(run)
        else:
            self._begin(run)
        return Reply(200, self._described(run, audience))

    def show(self, call: Call, _: Fault) -> Reply:
        audience = self._audiences.asked_for(call)
        for run in self._visible(audience, call.now):
            if run.run_id == call.path["id"]:
                self._note_question(run, call.now)
                stages = [
                    {
                        "stage": stage,
                        **_status(status),
                        "flowId": f"flow-{stage.lower()}",
                        "flowRunId": f"{run.run_id}-{stage.lower()}",
                    }
                    for stage, status in run.stages(call.now)
                ]
                described = {**self._described(run, audience), **_status(run.status(call.now))}
                return Reply(200, {**described, "details": stages})
        raise Refusal(404, "no such run", NOT_FOUND)

    def listed(self, call: Call, _: Fault) -> Reply:
        """The runs of an audience, newest first, without their stages."""
        audience = self._audiences.asked_for(call)
        runs = [
            {**self._described(run, audience), **_status(run.status(call.now))}
            for run in self._visible(audience, call.now)
        ]
        return Reply(200, runs if self._options.bare_list else {"runs": runs})

    def all(self) -> Sequence[Run]:
        """All runs that have begun, oldest first."""
        return tuple(self._begun)

    def settle(self, now: float) -> None:
        """Begin delayed runs that are due, and apply runs that succeeded."""
        due = [run for run in self._late if run.created_s <= now]
        self._late = [run for run in self._late if run.created_s > now]
        for run in due:
            try:
                self._begin(run)
            except Refusal:
                continue  # it is refused silently, because another run goes on
        for run in self._begun:
            if not run.is_applied and run.is_over(now):
                self._apply(run)

    def to_read(self, now: float) -> Iterator[tuple[Run, Audience]]:
        """Runs whose files must be chosen and read now."""
        audiences = self._audiences.all(now)
        for run in self._begun:
            if run.taken is None and run.picks_at <= now and run.audience_id in audiences:
                yield run, audiences[run.audience_id]

    def _asked(self, call: Call, audience: Audience, fault: Fault) -> Run:
        """The run of a request; its fate is decided, but it has not begun."""
        start, end, is_differential = _asked_window(call.body, self._contract)
        wish, begins = fault.run, call.now + (fault.late_seconds or 0.0)
        seconds = self._random.uniform(*self._options.run_seconds)
        shown_as = self._random.choice(self._options.in_progress)
        return Run(
            run_id=self._new_id(),
            audience_id=audience.audience_id,
            start_s=start,
            end_s=end,
            is_differential=is_differential,
            created_s=begins,
            seconds=seconds if wish.seconds is None else wish.seconds,
            fails_in=wish.fails_in,
            never_ends=wish.never_ends,
            shown_as=shown_as if wish.shown_as is None else wish.shown_as,
            listed_from=begins + wish.unlisted_seconds,
        )

    def _begin(self, run: Run) -> None:
        now = run.created_s
        going_on = [
            one
            for one in self._begun
            if one.audience_id == run.audience_id and not one.is_over(now)
        ]
        if going_on and self._options.refuses_second_run:
            status, code, message = self._random.choice(_BUSY)
            raise Refusal(status, message, code)
        self._guardrails.check(run.audience_id, now)
        if going_on:
            self._violations.add("runs_at_once", f"of {run.audience_id}")
        self._guardrails.count(run.audience_id, now)
        self._begun.append(run)

    def _apply(self, run: Run) -> None:
        run.is_applied = True
        audience = self._audiences.all(run.ends_at).get(run.audience_id)
        if audience is not None and run.is_good() and run.taken is not None:
            audience.members.replace(run.taken.rows, run.taken.files, run.run_id, run.ends_at)

    def _visible(self, audience: Audience, now: float) -> list[Run]:
        mine = (run for run in self._begun if run.audience_id == audience.audience_id)
        return [run for run in mine if run.listed_from <= now][::-1]

    def _note_question(self, run: Run, now: float) -> None:
        if run.is_end_told:
            self._violations.add("asked_after_end", f"{run.run_id} of {run.audience_id}")
        run.is_end_told = run.is_over(now)

    def _described(self, run: Run, audience: Audience) -> dict[str, object]:
        end = {} if run.end_s is None else {"dataFilterEndTime": int(run.end_s)}
        return {
            self._contract.run_name_key: audience.definition.name,
            "audienceId": run.audience_id,
            "runId": run.run_id,
            "differentialIngestion": run.is_differential,
            "dataFilterStartTime": int(run.start_s),
            **end,
            self._contract.run_time_key: int(run.created_s),
            "createdBy": USER,
        }


def _status(status: str) -> dict[str, str]:
    return {"status": status} if status else {}


def _asked_window(body: bytes, contract: Contract) -> tuple[int, int | None, bool]:
    """The start and end of the window, and whether only differences are ingested."""
    known = frozenset({"dataFilterStartTime", "dataFilterEndTime"})
    required = frozenset({"dataFilterStartTime"})
    if contract.name == "draft":
        # The newer contract has no such choice, and requires the start.
        known, required = known | {"differentialIngestion"}, frozenset()
    said = shapes.fields(shapes.document(body), "run", known, required)
    start = _second(said.get("dataFilterStartTime", 0), "dataFilterStartTime")
    is_differential = shapes.flag(said.get("differentialIngestion", True), "differentialIngestion")
    if "dataFilterEndTime" not in said:
        return start, None, is_differential
    end = _second(said["dataFilterEndTime"], "dataFilterEndTime")
    if end <= start:
        raise malformed("dataFilterEndTime must be after dataFilterStartTime")
    return start, end, is_differential


def _second(value: object, where: str) -> int:
    return shapes.whole(value, where, 0, _LATEST_SECOND)
