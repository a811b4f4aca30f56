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
        kept="        await self._outcomes.write_ended(origin, followed.job, report)\n",
        broken="        self._leave(followed)\n"
        "        await self._outcomes.write_ended(origin, followed.job, report)\n",
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
        file="pipeline/kafka/lease.py",
        kept="            and self._clock() < self._proof_until\n",
        broken="",
        tests=[OWNERSHIP],
    ),
    Rule(
        name="a commit proves nothing while a rebalance is prepared",
        file="pipeline/kafka/group.py",
        kept="            if final or not await self._is_stable():\n",
        broken="            if final:\n",
        tests=[OWNERSHIP],
    ),
    Rule(
        name="revocation ends ownership at once",
        file="pipeline/kafka/lease.py",
        kept="            self._assigned.is_set()\n            and self._proof_until is not None\n",
        broken="            self._proof_until is not None\n",
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
        name="a job is given up by the partner's word only",
        file="pipeline/stages/poll/rules.py",
        kept='return "not_found" if self._is_missing(followed, age, now_ms) else "ask_again"',
        broken='return "given_up" if age > self.give_up_after else "ask_again"',
        tests=["tests/simulation/test_poll_ends.py"],
    ),
    Rule(
        name="a job that was known is never not found",
        file="pipeline/stages/poll/rules.py",
        kept="            not job.is_known\n            and job.missing_polls >= MISSING_POLLS\n",
        broken="            job.missing_polls >= MISSING_POLLS\n",
        tests=["tests/simulation/test_poll_ends.py"],
    ),
    Rule(
        name="who was told to wait asks nothing about any job",
        file="pipeline/stages/poll/questions.py",
        kept="                self.throttle.told(ASKER, wait, _now())\n",
        broken="                pass\n",
        tests=["tests/simulation/test_poll_shares.py"],
    ),
    Rule(
        name="no connection takes more than its share of the questions",
        file="pipeline/stages/poll/turns.py",
        kept="            if heap[0][0] <= now and self._taken[owner] < self._share:\n",
        broken="            if heap[0][0] <= now and sum(self._taken.values()) < self._share:\n",
        tests=["tests/simulation/test_poll_shares.py", "tests/stages/poll/test_turns.py"],
    ),
    Rule(
        name="questions come later while many jobs wait",
        file="pipeline/stages/poll/rules.py",
        kept="        stretched = max(grown, backlog / self.questions_per_second)\n",
        broken="        stretched = grown\n",
        tests=["tests/simulation/test_poll_shares.py"],
    ),
    Rule(
        name="a chunk ends where its output reaches its bound",
        file="pipeline/stages/ingest/chunk_bound.py",
        kept="        return chunk.records >= self.records or chunk.bytes >= self._bytes\n",
        broken="        return False\n",
        tests=["tests/stages/ingest/test_chunks.py"],
    ),
    Rule(
        name="the last part of an event moves the offset, and no other",
        file="pipeline/stages/ingest/worker.py",
        kept="                    if not await self._write(chunk, event.offset):\n",
        broken="                    if not await self._write(chunk, event.offset + 1):\n",
        tests=["tests/simulation/test_ingest.py"],
    ),
    Rule(
        name="a record is measured before its transaction",
        file="pipeline/stages/ingest/lane_records.py",
        kept="        if size > self._limits.largest_record(topic):\n",
        broken="        if size > 2 * self._limits.largest_record(topic):\n",
        tests=["tests/stages/ingest/test_chunks.py"],
    ),
    Rule(
        name="one event makes one dead letter for each reason",
        file="pipeline/stages/ingest/transform.py",
        kept="        for said, count in letters(rejections):\n",
        broken="        for said, count in (x for x in letters(rejections) for _ in "
        "range(x[1])):\n",
        tests=["tests/stages/ingest/test_chunks.py"],
    ),
    Rule(
        name="a fault on one event is that event's alone",
        file="pipeline/stages/ingest/lane_records.py",
        kept="        except Exception as error:",
        broken="        except ZeroDivisionError as error:",
        tests=["tests/stages/ingest/test_hostile_events.py"],
    ),
    Rule(
        name="a mere reference quotes nothing of the event",
        file="pipeline/domain/message.py",
        kept='"" if payload == "reference" else quoted',
        broken="quoted",
        tests=["tests/stages/ingest/test_chunks.py"],
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
        name="what was read for an assignment that is gone is read again",
        file="pipeline/kafka/lease.py",
        kept="        if epoch != self._epoch:\n",
        broken="        if epoch is None:\n",
        tests=["tests/integration/test_lease.py"],
    ),
)
