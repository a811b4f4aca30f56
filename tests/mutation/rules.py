"""The rules that the promises rest on, each with a way to take it out and the tests that notice."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule of the code. `kept` stands exactly once in `file`; `broken` takes the rule out."""

    name: str
    file: str
    kept: str
    broken: str
    tests: Sequence[str]
    """At least one of these must fail without the rule, and all pass with it."""


JOURNEY = "tests/simulation/test_lane.py"
LATE = "test_nothing_newer_of_a_member_overtakes_a_request_that_may_still_be_at_work"
HOP = "tests/integration/test_transactional_writer.py"
BODY = "tests/http/test_session.py::TestOwnership"
OWNERSHIP = "tests/simulation/test_ownership.py"

RULES: Sequence[Rule] = (
    Rule(
        name="a job is durable before its records are settled",
        file="pipeline/stages/upload/lane.py",
        kept="        await self._desk.message_writer.write([job])\n",
        broken="        self._settle(part)\n        await self._desk.message_writer.write([job])\n",
        tests=[f"{JOURNEY}::test_nothing_is_settled_before_it_is_written_down"],
    ),
    Rule(
        name="a dead letter is durable before its record is settled",
        file="pipeline/stages/upload/lane.py",
        kept="        self.refused_in_a_row += len(bad)\n",
        broken="        self._settle([one.record for one in bad])\n",
        tests=[f"{JOURNEY}::test_nothing_is_settled_before_it_is_written_down"],
    ),
    Rule(
        name="an outcome is durable before its job is settled",
        file="pipeline/stages/poll/worker.py",
        kept="        await self._desk.message_writer.write(messages)\n"
        "        self._ended_jobs.note",
        broken="        self._leave(followed)\n"
        "        await self._desk.message_writer.write(messages)\n        self._ended_jobs.note",
        tests=[
            "tests/simulation/test_poll.py::test_no_job_is_settled_before_its_outcome_is_durable"
        ],
    ),
    Rule(
        name="the bucket is empty at every takeover",
        file="pipeline/stages/upload/token_bucket.py",
        kept="        self._is_empty = False\n",
        broken="        self._is_empty = True\n",
        tests=[f"{JOURNEY}::test_handovers_in_quick_succession_never_exceed_the_cap"],
    ),
    Rule(
        name="every attempt that may have been taken is paid for again",
        file="pipeline/stages/upload/delivery.py",
        kept="""    def _in_doubt(self, part: Sequence[QueuedRecord]) -> None:
        self.reservation.use(len(part))
""",
        broken="""    def _in_doubt(self, part: Sequence[QueuedRecord]) -> None:
""",
        tests=[f"{JOURNEY}::test_every_attempt_that_may_have_been_taken_is_paid_for"],
    ),
    Rule(
        name="a proof of ownership ends before the session does",
        file="pipeline/kafka/ownership_proof.py",
        kept=" and self._clock() < self._until\n",
        broken="\n",
        tests=[OWNERSHIP],
    ),
    Rule(
        name="a commit proves nothing while a rebalance is prepared",
        file="pipeline/kafka/committer.py",
        kept="            if final or not await self._is_stable(coordinator, now):\n",
        broken="            if final:\n",
        tests=[OWNERSHIP],
    ),
    Rule(
        name="revocation ends ownership at once",
        file="pipeline/kafka/ownership_proof.py",
        kept="return self._assigned.is_set() and self._until is not None",
        broken="return self._until is not None",
        tests=[OWNERSHIP],
    ),
    Rule(
        name="the last byte of a body waits for the proof",
        file="pipeline/http/body.py",
        kept="""        await _left(writer)
        self._check_ownership()
""",
        broken="        await _left(writer)\n",
        tests=[f"{BODY}::test_a_frozen_process_does_not_complete_its_request"],
    ),
    Rule(
        name="one request a member at a time",
        file="pipeline/stages/upload/batching.py",
        kept="        is_deferred = waiting.key in self._in_flight\n",
        broken="        is_deferred = False\n",
        tests=[f"{JOURNEY}::test_nothing_newer_of_a_member_overtakes_a_request_that_is_under_way"],
    ),
    Rule(
        name="nothing newer of a member right after an unanswered request",
        file="pipeline/stages/upload/lane.py",
        kept="        if was_in_doubt and (late := self.late_for()) > 0:\n",
        broken="        if (late := 0.0) > 0:\n",
        tests=[f"{JOURNEY}::{LATE}"],
    ),
    Rule(
        name="a successor that finds no clean end waits",
        file="pipeline/stages/upload/worker.py",
        kept="            if not start.is_clean:\n",
        broken="            if start is None:\n",
        tests=[f"{JOURNEY}::test_a_successor_overtakes_nothing_that_its_predecessor_left_at_work"],
    ),
    Rule(
        name="an owner with a request in_doubt does not say clean",
        file="pipeline/stages/upload/lane.py",
        kept="        return not self._is_in_flight and self.late_for() <= 0\n",
        broken="        return True\n",
        tests=[
            f"{JOURNEY}::test_an_owner_that_leaves_a_request_without_an_answer_does_not_say_clean"
        ],
    ),
    Rule(
        name="a former owner of a source partition is shut out",
        file="pipeline/kafka/transactional_writer.py",
        kept="            transactional_id=self._transactional_id,\n",
        broken='            transactional_id=f"{self._transactional_id}.{id(self)}",\n',
        tests=[f"{HOP}::test_a_former_owner_makes_nothing_visible_and_moves_no_offset"],
    ),
    Rule(
        name="ingest takes the id before it reads the committed offset",
        file="pipeline/stages/ingest/worker.py",
        kept="""        await self._writer.open()
        start = await self._lease.begin()
""",
        broken="""        start = await self._lease.begin()
        await self._writer.open()
""",
        tests=["tests/simulation/test_ingest.py"],
    ),
    Rule(
        name="the tracker never passes an open offset",
        file="pipeline/stages/offset_tracker.py",
        kept="        self._committable = self._pending[0] if self._pending else self._next\n",
        broken="        self._committable = max(self._committable, offset + 1)\n",
        tests=[
            f"{JOURNEY}::test_nothing_is_settled_before_it_is_written_down",
            "tests/stages/test_offset_tracker.py",
        ],
    ),
    Rule(
        name="nothing is taken for an assignment that is gone or not begun",
        file="pipeline/kafka/lease.py",
        kept="            await self._proof.wait_assigned()\n            self._resume()\n",
        broken="            self._resume()\n",
        tests=["tests/kafka/test_fetch_loop.py"],
    ),
    Rule(
        name="a worker on a partition that cannot be read is not told that nothing came",
        file="pipeline/kafka/lease.py",
        kept="            if not self._arrived.is_set() and not self._trouble.is_recent:\n",
        broken="            if not self._arrived.is_set():\n",
        tests=["tests/kafka/test_fetch_loop.py"],
    ),
    Rule(
        name="what stands before a broken batch is handed out",
        file="pipeline/kafka/lease.py",
        kept="most, singly=self._trouble.is_recent)",
        broken="most, singly=False)",
        tests=["tests/kafka/test_fetch_loop.py"],
    ),
    Rule(
        name="what the client has fetched and nobody takes is bounded",
        file="pipeline/kafka/fetch_loop.py",
        kept="                lease.let_go()\n",
        broken="",
        tests=["tests/kafka/test_fetch_loop.py"],
    ),
    Rule(
        name="of two who say that they owned a topic, the one of the newer round did",
        file="pipeline/kafka/assignor.py",
        kept="(-_of(owned, name).round, name)",
        broken="(_of(owned, name).round, name)",
        tests=["tests/kafka/test_assignor.py"],
    ),
    Rule(
        name="a member keeps its topics",
        file="pipeline/kafka/assignor.py",
        kept="    plan = _kept(subscribed, owned)\n",
        broken="    plan = _kept(subscribed, {})\n",
        tests=["tests/kafka/test_assignor.py"],
    ),
    Rule(
        name="a group that was forgotten skips nothing",
        file="pipeline/kafka/offset_resolver.py",
        kept="        if not await self._offsets.were_forgotten():\n",
        broken="        if self._offsets:\n",
        tests=["tests/integration/test_offset_resolver.py::TestForgottenOffsets"],
    ),
    Rule(
        name="batches are as large as their topic takes them",
        file="pipeline/kafka/sending.py",
        kept="        is_full = size > room and batch.record_count() > 0\n",
        broken="        is_full = False\n",
        tests=[f"{HOP}::test_batches_and_records_are_as_large_as_the_topic_of_the_lane_takes_them"],
    ),
    Rule(
        name="an answer that was asked for before is not taken for a new one",
        file="pipeline/kafka/gathered.py",
        kept="            self._next = _Question()\n",
        broken="            pass\n",
        tests=["tests/kafka/test_gathered.py"],
    ),
)
