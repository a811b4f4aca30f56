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
ANSWERS = "tests/simulation/test_lane_answers.py"
LATE = "test_nothing_newer_of_a_member_overtakes_a_request_that_may_still_be_at_work"
SLOTS = "test_when_all_slots_hold_a_poison_record_all_are_found_and_the_rest_is_delivered"
HOP = "tests/integration/test_transactional_writer.py"
BODY = "tests/http/test_session.py::TestOwnership"
OWNERSHIP = "tests/simulation/test_ownership.py"

RULES: Sequence[Rule] = (
    Rule(
        name="a job is durable before its records are settled",
        file="pipeline/stages/upload/settlement.py",
        kept="        await self._message_writer.write([message])\n",
        broken="        self._offsets.settle(part)\n"
        "        await self._message_writer.write([message])\n",
        tests=[f"{JOURNEY}::test_nothing_is_settled_before_it_is_written_down"],
    ),
    Rule(
        name="a dead letter is durable before its record is settled",
        file="pipeline/stages/upload/settlement.py",
        kept="        await self._message_writer.write(letters)\n"
        "        self._count_letters([one.reason for one in poison])\n",
        broken="        self._offsets.settle([one.record for one in poison])\n"
        "        await self._message_writer.write(letters)\n",
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
        kept="        self._tokens = 0.0\n",
        broken="        self._tokens = float(pace.burst)\n",
        tests=[f"{JOURNEY}::test_handovers_in_quick_succession_never_exceed_the_cap"],
    ),
    Rule(
        name="every attempt that may have been taken is paid for again",
        file="pipeline/stages/upload/delivery.py",
        kept="""    def _use(self, _: Event | None) -> None:
        self._reservation.use(self._cost)
""",
        broken="""    def _use(self, event: Event | None) -> None:
        if isinstance(event, Accepted):
            self._reservation.use(self._cost)
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
        tests=[f"{JOURNEY}::test_nothing_newer_of_a_member_overtakes_a_request_that_is_in_flight"],
    ),
    Rule(
        name="nothing newer of a member right after an unanswered request",
        file="pipeline/stages/upload/late_members.py",
        kept="        if was_in_doubt and (left := self.left()) > 0:\n",
        broken="        if (left := 0.0) > 0:\n",
        tests=[f"{JOURNEY}::{LATE}"],
    ),
    Rule(
        name="a successor that finds no clean end waits",
        file="pipeline/stages/upload/worker.py",
        kept="        if not start.is_clean:\n            log.info",
        broken="        if start is None:\n            log.info",
        tests=[f"{JOURNEY}::test_a_successor_overtakes_nothing_that_its_predecessor_left_at_work"],
    ),
    Rule(
        name="an owner with a request in doubt does not say clean",
        file="pipeline/stages/upload/in_flight.py",
        kept="        return self._drained.is_set() and self._late.left() <= 0\n",
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
        name="what was read for an assignment that is gone is read again",
        file="pipeline/kafka/lease.py",
        kept="        if epoch != self._epoch:\n",
        broken="        if epoch is None:\n",
        tests=["tests/integration/test_lease.py"],
    ),
    Rule(
        name="another version's record blocks its lane",
        file="pipeline/stages/upload/intake.py",
        kept="        if not isinstance(read, OtherVersion):\n",
        broken="        if isinstance(read, OtherVersion):\n"
        '            return Rejected("unknown_format_version", read.version)\n'
        "        if not isinstance(read, OtherVersion):\n",
        tests=[f"{ANSWERS}::test_a_record_of_another_version_blocks_its_lane_and_nothing_is_lost"],
    ),
    Rule(
        name="a 2xx without a job is no acceptance where no request gets one",
        file="pipeline/stages/upload/delivery_states.py",
        kept="(answer.job_id is not None or trials.trusts_untracked):\n",
        broken="(answer.job_id is not None or trials is not None):\n",
        tests=[
            f"{ANSWERS}::test_what_is_no_acceptance_blocks_the_lane_and_nothing_counts_as_delivered"
        ],
    ),
    Rule(
        name="what is not the partner blocks the lane after a few answers",
        file="pipeline/stages/upload/delivery_states.py",
        kept="        return self.is_probe or self.foreign + 1 >= FOREIGN_PATIENCE\n",
        broken="        return False\n",
        tests=[
            f"{ANSWERS}::test_what_is_no_acceptance_blocks_the_lane_and_nothing_counts_as_delivered"
        ],
    ),
    Rule(
        name="a body that fails five times is halved",
        file="pipeline/stages/upload/delivery_states.py",
        kept="        return self.failed_before or self.failures + 1 >= PATIENCE\n",
        broken="        return self.failed_before\n",
        tests=[f"{ANSWERS}::{SLOTS}"],
    ),
    Rule(
        name="a record that fails alone gives its slot to others",
        file="pipeline/stages/upload/delivery.py",
        kept='        self.is_aside = state == "repeating" and self._may_step_aside()\n',
        broken="        self.is_aside = False\n",
        tests=[f"{ANSWERS}::{SLOTS}"],
    ),
    Rule(
        name="a record is given up only when chance is no explanation",
        file="pipeline/stages/upload/poison_record.py",
        kept="        return passed > 0 and share**self._counted < BY_CHANCE\n",
        broken="        return share**0 * self._counted >= 10\n",
        tests=[
            f"{JOURNEY}::test_a_partner_that_fails_often_is_no_reason_to_give_a_record_up",
            "tests/stages/upload/test_poison_record.py",
        ],
    ),
    Rule(
        name="an outage splits no batch further than to one record",
        file="pipeline/stages/upload/bisector.py",
        kept="        if self._failing and not self._tally.accepted > self._accepted_then:\n",
        broken="        if self._failing and not self._tally:\n",
        tests=[f"{ANSWERS}::test_an_outage_of_hours_gives_nothing_up_and_leaves_no_crumbs"],
    ),
    Rule(
        name="the oldest records pay first",
        file="pipeline/stages/upload/cap_limiter.py",
        kept="_Payer(oldest, next(self._arrivals), cost, paid)",
        broken="_Payer(0.0, next(self._arrivals), cost, paid)",
        tests=["tests/stages/upload/test_cap_limiter.py"],
    ),
    Rule(
        name="what a partner's package raises blocks its lane and ends no process",
        file="pipeline/stages/upload/requests.py",
        kept="        except Exception as error:",
        broken="        except ImportError as error:",
        tests=[
            f"{ANSWERS}::test_an_error_of_the_partners_package_blocks_its_lane_and_ends_no_process"
        ],
    ),
    Rule(
        name="an acceptance without a job has an id of its own",
        file="pipeline/stages/upload/job_message.py",
        kept="-{min(offsets)}-{self.new_id()}",
        broken="-{min(offsets)}-",
        tests=[f"{ANSWERS}::test_two_acceptances_of_the_same_record_without_a_job_have_two_ids"],
    ),
)
