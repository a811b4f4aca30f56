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


LANE = "tests/simulation/test_lane.py"
ANSWERS = "tests/simulation/test_lane_answers.py"
LATE = "test_nothing_newer_of_a_member_overtakes_a_request_that_may_still_be_at_work"
SLOTS = "test_when_all_slots_hold_a_poison_record_all_are_found_and_the_rest_is_delivered"
TRANSACTIONS = "tests/integration/test_transactional_writer.py"
BODY = "tests/http/test_session.py::TestOwnership"
LAG = "tests/operations/test_lag_reports.py"
METRICS = "tests/telemetry/test_metrics.py"
POLL = "tests/simulation/test_poll.py"
FIRST_ZERO = "test_a_counter_that_is_known_begins_at_zero_so_that_its_first_failure_is_an_increase"
CONSENT = "tests/identity/test_consent.py"
TC_STRING = "tests/identity/test_tc_string.py"
OWNERSHIP = "tests/simulation/test_ownership.py"
CONNECTIONS = "tests/http/test_connections.py"
KERNEL = "test_the_kernel_gives_up_no_later_than_a_request_may_be_late"
LAST_BYTE = "test_the_last_byte_does_not_leave_the_process_after_it_was_given_up"
COOKIES = "test_no_cookie_is_kept_for_the_next_request_and_none_for_another_login"
CONSISTENCY = "tests/configuration/test_consistency.py"
OTHER_VERSION = "test_commits_of_version_1_are_refused_at_the_start_and_by_the_online_check"
FORMAT = "tests/operations/test_stored_format.py"
QUESTIONS = "tests/configuration/test_question_rate.py"
VARIABLES = "tests/settings/test_environment.py"
CONFORMANCE = "tests/http/test_conformance.py"
PARTNER_ANSWERS = "tests/destinations/test_answers.py"
BLOCKS = "test_what_a_person_must_mend_stops_the_lane_and_counts_for_nothing"
SUCCESS = "test_a_success_of_the_partner_is_one_however_its_answer_arrives"
GARBAGE = "tests/simulation/test_garbage.py"

ENDS = "tests/simulation/test_poll_ends.py"
SHARES = "tests/simulation/test_poll_shares.py"
ONE_LETTER = "test_a_record_that_cannot_be_sent_has_one_dead_letter_whatever_blocks_the_lane"

RULES: Sequence[Rule] = (
    Rule(
        name="what the partner's answer names invalid is not written down as applied",
        file="pipeline/stages/upload/settlement.py",
        kept="for index, record in enumerate(part) if index not in errors]\n",
        broken="for index, record in enumerate(part) if index >= 0]\n",
        tests=[f"{ANSWERS}::test_an_answer_that_is_the_end_needs_no_job"],
    ),
    Rule(
        name="a job is durable before its records are settled",
        file="pipeline/stages/upload/settlement.py",
        kept="        await self._message_writer.write("
        "[self._jobs.accepted(audience, part, job_id)])\n",
        broken="        self._offsets.settle(part)\n"
        "        await self._message_writer.write("
        "[self._jobs.accepted(audience, part, job_id)])\n",
        tests=[f"{LANE}::test_nothing_is_settled_before_it_is_written_down"],
    ),
    Rule(
        name="a dead letter is durable before its record is settled",
        file="pipeline/stages/upload/settlement.py",
        kept="        await self._message_writer.write(letters)\n"
        "        self._count_letters([one.reason for one in poison])\n",
        broken="        self._offsets.settle([one.record for one in poison])\n"
        "        await self._message_writer.write(letters)\n",
        tests=[f"{LANE}::test_nothing_is_settled_before_it_is_written_down"],
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
        kept="        self._tokens = 0.0\n",
        broken="        self._tokens = float(pace.burst)\n",
        tests=[f"{LANE}::test_handovers_in_quick_succession_never_exceed_the_cap"],
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
        tests=[f"{LANE}::test_every_attempt_that_may_have_been_taken_is_paid_for"],
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
        tests=[f"{LANE}::test_nothing_newer_of_a_member_overtakes_a_request_that_is_in_flight"],
    ),
    Rule(
        name="nothing newer of a member right after an unanswered request",
        file="pipeline/stages/upload/late_members.py",
        kept="        if was_in_doubt and (left := self.left()) > 0:\n",
        broken="        if (left := 0.0) > 0:\n",
        tests=[f"{LANE}::{LATE}"],
    ),
    Rule(
        name="a successor that finds no clean end waits",
        file="pipeline/stages/upload/worker.py",
        kept="        if not start.is_clean:\n            log.info",
        broken="        if start is None:\n            log.info",
        tests=[f"{LANE}::test_a_successor_overtakes_nothing_that_its_predecessor_left_at_work"],
    ),
    Rule(
        name="an owner with a request in doubt does not say clean",
        file="pipeline/stages/upload/in_flight.py",
        kept="        return self._drained.is_set() and self._late.left() <= 0\n",
        broken="        return True\n",
        tests=[f"{LANE}::test_an_owner_that_leaves_a_request_without_an_answer_does_not_say_clean"],
    ),
    Rule(
        name="a former owner of a source partition is shut out",
        file="pipeline/kafka/transactional_writer.py",
        kept="            transactional_id=self._transactional_id,\n",
        broken='            transactional_id=f"{self._transactional_id}.{id(self)}",\n',
        tests=[f"{TRANSACTIONS}::test_a_former_owner_makes_nothing_visible_and_moves_no_offset"],
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
        kept='        return "not_found" if is_missing else "ask_again"',
        broken='        return "given_up" if age > self.give_up_after else "ask_again"',
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
        kept="        if size > self._limits.largest_record(route.topic):\n",
        broken="        if size > 2 * self._limits.largest_record(route.topic):\n",
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
            f"{LANE}::test_nothing_is_settled_before_it_is_written_down",
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
        name="a known counter begins at zero, so that its first failure is an increase",
        file="pipeline/telemetry/metrics.py",
        kept="                self.count(each.name, 0, *labels)\n",
        broken="                continue\n",
        tests=[
            f"{METRICS}::{FIRST_ZERO}",
        ],
    ),
    Rule(
        name="the lag of lanes that nobody here serves is reported all the same",
        file="pipeline/operations/lag_reports.py",
        kept="        for tp, lag in self.latest.items():\n",
        broken="        for tp, lag in ():\n",
        tests=[
            f"{LAG}::test_a_process_without_upload_reports_what_waits_in_every_lane",
        ],
    ),
    Rule(
        name="the age of applied changes is the age of the change and not of its job",
        file="pipeline/stages/poll/outcomes.py",
        kept="self._since(job.oldest_changed_at_ms)",
        broken="self._since(job.submitted_at_ms)",
        tests=[
            f"{POLL}::test_applied_changes_are_as_old_as_the_change_and_not_as_their_job",
        ],
    ),
    Rule(
        name="a job says when the oldest of its changes happened",
        file="pipeline/stages/upload/job_message.py",
        kept="oldest_changed_at_ms=min(record.changed_at_ms for record in part)",
        broken="oldest_changed_at_ms=part[0].changed_at_ms",
        tests=["tests/simulation/test_age_of_changes.py"],
    ),
    Rule(
        name="what is written dies with its process",
        file="pipeline/http/connections.py",
        kept="        made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)\n",
        broken="",
        tests=[f"{CONNECTIONS}::test_a_process_that_dies_leaves_a_reset_behind"],
    ),
    Rule(
        name="the kernel gives up within late_seconds",
        file="pipeline/http/connections.py",
        kept="socket.TCP_USER_TIMEOUT, milliseconds)\n",
        broken="socket.TCP_USER_TIMEOUT, 0)\n",
        tests=[f"{CONNECTIONS}::{KERNEL}"],
    ),
    Rule(
        name="a request that is given up does not leave the process any more",
        file="pipeline/http/session.py",
        kept="                body.reset()\n",
        broken="                pass\n",
        tests=[f"{CONNECTIONS}::{LAST_BYTE}"],
    ),
    Rule(
        name="no cookie is kept",
        file="pipeline/http/connections.py",
        kept="        cookie_jar=aiohttp.DummyCookieJar(),\n",
        broken="",
        tests=[f"{CONNECTIONS}::{COOKIES}"],
    ),
    Rule(
        name="a redirect blocks the lane and is not paid",
        file="pipeline/destinations/amazon_ads/answers.py",
        kept="    if 300 <= status < 400:\n",
        broken="    if status < 0:\n",
        tests=[f"{CONFORMANCE}::{BLOCKS}"],
    ),
    Rule(
        name="what the partner did not say is no acceptance",
        file="pipeline/destinations/amazon_ads/answers.py",
        kept="        is_partner = response.status != 207 and not is_error(said)\n",
        broken="        is_partner = True\n",
        tests=[f"{PARTNER_ANSWERS}::TestSuccess"],
    ),
    Rule(
        name="a success whose body is lost is not repeated",
        file="pipeline/http/answer.py",
        kept="    except (aiohttp.ClientError, TimeoutError, OSError) as error:\n"
        "        trouble = said(error)\n",
        broken="    except zlib.error:\n        trouble = None\n",
        tests=[f"{CONFORMANCE}::{SUCCESS}"],
    ),
    Rule(
        name="a TC string is judged by what it says, not by how it looks",
        file="pipeline/identity/consent.py",
        kept="    if not needs.judge or said.grants(needs.vendor, needs.purposes):\n",
        broken="    if not needs.judge or said.vendors:\n",
        tests=[
            f"{CONSENT}::test_a_string_that_says_no_is_a_no_alone_and_inside_another",
        ],
    ),
    Rule(
        name="a string that was cut short is no signal",
        file="pipeline/identity/bits.py",
        kept="        if end > len(self._bits):\n            raise BitsError\n",
        broken="",
        tests=[
            f"{TC_STRING}::test_a_string_cut_anywhere_says_nothing_or_what_it_said_whole",
            "tests/identity/test_gpp_string.py",
        ],
    ),
    Rule(
        name="a publisher's restriction takes consent away",
        file="pipeline/identity/tc_string.py",
        kept="                and not restriction.requires_consent\n",
        broken="                and restriction.requires_consent\n",
        tests=[TC_STRING],
    ),
    Rule(
        name="an opt-out in the United States denies",
        file="pipeline/identity/consent.py",
        kept="(residence.is_united_states is not False and True in choices)",
        broken="(residence.is_united_states is not False and None in choices)",
        tests=[
            f"{CONSENT}::test_the_sections_of_the_united_states_speak_of_its_members_alone",
        ],
    ),
    Rule(
        name="what does not decide a removal never stops it",
        file="pipeline/sources/native.py",
        kept='        return (_remove(event, _named(event.get("audience"), "audience")),)\n',
        broken='        change = _add(event, _named(event.get("audience"), "audience"))\n'
        '        return (change._replace(action="remove"),)\n',
        tests=["tests/sources/test_native_removals.py"],
    ),
    Rule(
        name="no limit of identities stops a removal",
        file="pipeline/destinations/amazon_ads/rendering.py",
        kept=" and start != _DELETE:\n",
        broken=":\n",
        tests=["tests/destinations/test_amazon_records.py"],
    ),
    Rule(
        name="no time is written down that nobody can read",
        file="pipeline/sources/timestamps.py",
        kept="    return milliseconds if 0 <= milliseconds < _MILLISECONDS_UNTIL else None\n",
        broken="    return milliseconds\n",
        tests=["tests/sources/test_timestamps.py"],
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
        tests=[
            f"{TRANSACTIONS}::test_batches_and_records_are_as_large_as_the_topic_of_the_lane_takes_them"
        ],
    ),
    Rule(
        name="an answer that was asked for before is not taken for a new one",
        file="pipeline/kafka/gathered.py",
        kept="            self._next = _Question()\n",
        broken="            pass\n",
        tests=["tests/kafka/test_gathered.py"],
    ),
    Rule(
        name="an operation that no rule lists is neither an add nor a remove",
        file="pipeline/sources/actions.py",
        kept="        return _rejected(value, place)\n",
        broken='        return "add"\n',
        tests=["tests/sources/test_expressions.py", "tests/sources/test_corpus.py"],
    ),
    Rule(
        name="only a boolean says whether a member of Segment is in",
        file="pipeline/sources/segment.py",
        kept="    if type(is_member) is not bool:\n",
        broken="    if is_member is None:\n",
        tests=["tests/sources/test_corpus.py"],
    ),
    Rule(
        name="true and 1 are two values",
        file="pipeline/sources/typed.py",
        kept="        if kind is bool:\n            return self._flags.get(value)\n",
        broken="        if kind is bool:\n            return self._texts_and_numbers.get(value)\n",
        tests=["tests/sources/test_expressions.py"],
    ),
    Rule(
        name="a bad part that decides nothing stops no removal",
        file="pipeline/sources/parts.py",
        kept='    if scope.complaint is not None and action == "add":\n',
        broken="    if scope.complaint is not None:\n",
        tests=["tests/sources/test_expressions.py", "tests/sources/test_corpus.py"],
    ),
    Rule(
        name="a server that is not the registry makes no dead letter",
        file="pipeline/http/schema_registry.py",
        kept='    if status == 404 and said.get("error_code") in _NOT_FOUND:\n',
        broken="    if status == 404:\n",
        tests=["tests/http/test_schema_registry.py"],
    ),
    Rule(
        name="a schema that refers to itself is refused",
        file="pipeline/sources/encodings/avro.py",
        kept='            self.reason = "refers to itself"\n',
        broken="            pass\n",
        tests=["tests/sources/test_encodings.py"],
    ),
    Rule(
        name="a deleted row is removed as of its deletion",
        file="pipeline/sources/debezium.py",
        kept="        if self._changed_at is None or is_deleted:\n",
        broken="        if self._changed_at is None:\n",
        tests=["tests/sources/test_corpus.py"],
    ),
    Rule(
        name="a null value removes nobody unless the source says so",
        file="pipeline/sources/reader.py",
        kept="        if self._removal is None:\n            return TOMBSTONE\n",
        broken="        if self._removal is None:\n"
        "            return self._event(Scope(message, root, read_key, attributes))\n",
        tests=["tests/sources/test_corpus.py"],
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
        kept="(trials.trusts_untracked or not is_untracked)",
        broken="(trials is not None or not is_untracked)",
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
            f"{LANE}::test_a_partner_that_fails_often_is_no_reason_to_give_a_record_up",
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
        kept="-{min(one.offset for one in part)}-{self.new_id()}",
        broken="-{min(one.offset for one in part)}-",
        tests=[f"{ANSWERS}::test_two_acceptances_of_the_same_record_without_a_job_have_two_ids"],
    ),
    Rule(
        name="one connection in two letter cases is one lane",
        file="pipeline/configuration/sharing.py",
        kept="target.lane().casefold()",
        broken="target.lane()",
        tests=[f"{CONSISTENCY}::test_two_targets_that_cannot_stand_together_are_refused"],
    ),
    Rule(
        name="an audience of the partner has one way, whatever destinations reach it",
        file="pipeline/configuration/sharing.py",
        kept="homes.setdefault((kind, space, audience), here)",
        broken="homes.setdefault((target.destination, space, audience), here)",
        tests=[f"{CONSISTENCY}::test_one_audience_of_the_partner_by_two_destinations_is_refused"],
    ),
    Rule(
        name="an audience's id means one audience in a region, behind whatever proxy",
        file="pipeline/destinations/amazon_ads/partner.py",
        kept="    audience_space=_region,\n",
        broken="",
        tests=[f"{CONSISTENCY}::test_one_audience_of_the_partner_by_two_destinations_is_refused"],
    ),
    Rule(
        name="questions keep up with uploads",
        file="pipeline/destinations/amazon_ads/question_rate.py",
        kept="    if given < needed:\n",
        broken="    if given < needed / 2:\n",
        tests=[
            f"{QUESTIONS}::test_questions_that_cannot_keep_up_with_the_uploads_are_refused_with_the_figure"
        ],
    ),
    Rule(
        name="a variable with an underscore too few is not passed over",
        file="pipeline/settings/environment.py",
        kept="    result.problems.extend(misspelled(",
        broken="    list(misspelled(",
        tests=[
            f"{VARIABLES}::test_a_variable_with_an_underscore_too_few_is_refused_with_the_right_name"
        ],
    ),
    Rule(
        name="an audience that left a lane with records of it is named",
        file="pipeline/operations/moved_audiences.py",
        kept="            if now and lane not in now:\n",
        broken="            if not now:\n",
        tests=["tests/operations/test_moved_audiences.py"],
    ),
    Rule(
        name="what was kept of a paused audience waits, too",
        file="pipeline/kafka/lane_backlogs.py",
        kept="kept.get(audience, committed)",
        broken="committed",
        tests=["tests/operations/test_moved_audiences.py"],
    ),
    Rule(
        name="commits of another version are refused",
        file="pipeline/operations/stored_format.py",
        kept="            *await _of_group(reader, upload,",
        broken="            *await _of_group(reader, poll,",
        tests=[f"{FORMAT}::{OTHER_VERSION}"],
    ),
    Rule(
        name="a namespace whose newest message is of another version is refused",
        file="pipeline/operations/stored_format.py",
        kept="max(newest, key=",
        broken="min(newest, key=",
        tests=[f"{FORMAT}::test_of_all_partitions_the_newest_message_counts"],
    ),
    Rule(
        name="a delivered batch does not wait for the cyclic collector",
        file="pipeline/stages/upload/delivery.py",
        kept='        self.state: State = "waiting"\n',
        broken='        self.state: State = "waiting"\n        self._itself = self\n',
        tests=[f"{GARBAGE}::test_what_only_the_collector_can_free_does_not_grow_with_the_work"],
    ),
    Rule(
        name="the cycles of libraries are collected before they are many",
        file="pipeline/app/garbage.py",
        kept="    gc.set_threshold(YOUNG_OBJECTS, OLDER_ROUNDS, OLDER_ROUNDS)\n",
        broken="    gc.disable()\n",
        tests=["tests/app/test_garbage.py"],
    ),
    Rule(
        name="a record that cannot be sent is settled with its dead letter, or read by nobody",
        file="pipeline/stages/upload/worker.py",
        kept="            async with self._rejecting:\n",
        broken="            if self._rejecting:\n",
        tests=[f"{ANSWERS}::{ONE_LETTER}"],
    ),
    Rule(
        name="an audience that is refused is shown until that is mended",
        file="pipeline/stages/upload/condition.py",
        kept='        if self._refused is not None:\n            state = "blocked"\n',
        broken='        if self._refused is None:\n            state = "blocked"\n',
        tests=["tests/stages/upload/test_condition.py"],
    ),
    Rule(
        name="a job of another version is no dead letter",
        file="pipeline/stages/poll/worker.py",
        kept="            except OtherJobVersion as other:\n",
        broken="            except ZeroDivisionError as other:\n",
        tests=[f"{ENDS}::test_a_job_of_another_version_waits_for_it_and_is_no_dead_letter"],
    ),
    Rule(
        name="a job of another version is settled once it stands at the end of the topic",
        file="pipeline/stages/poll/other_versions.py",
        kept="                await self._job_topic.write_as_it_is(record)\n",
        broken="                self._changed.clear()\n",
        tests=[f"{ENDS}::test_a_job_of_another_version_waits_for_it_and_is_no_dead_letter"],
    ),
    Rule(
        name="of one destination only a share of the jobs is in memory",
        file="pipeline/stages/poll/deferred.py",
        kept="        return followed >= self._share\n",
        broken="        return followed > 2 * self._share\n",
        tests=["tests/stages/poll/test_deferred.py"],
    ),
    Rule(
        name="jobs that were left in their topic are read once more",
        file="pipeline/stages/poll/worker.py",
        kept="                self._lease.seek(again)\n",
        broken="                self._progress.advance()\n",
        tests=[f"{SHARES}::test_a_dead_destination_with_more_jobs_than_fit_holds_up_no_other"],
    ),
    Rule(
        name="a job with a value that nothing can be done with is none",
        file="pipeline/domain/job.py",
        kept="        if not _is_possible(one.name, value):\n",
        broken="        if value is None:\n",
        tests=["tests/domain/test_job.py"],
    ),
    Rule(
        name="a commit names offsets that a partition can have",
        file="pipeline/kafka/offset_resolver.py",
        kept="    return type(value) is int and 0 <= value < 2**63\n",
        broken="    return isinstance(value, int | float)\n",
        tests=["tests/kafka/test_commit_metadata.py"],
    ),
    Rule(
        name="what this process owns is reported by its owner alone",
        file="pipeline/operations/lag_reports.py",
        kept="        return {tp: lag for tp, lag in self._latest.items() if tp not in owned}\n",
        broken="        return dict(self._latest)\n",
        tests=[LAG],
    ),
    Rule(
        name="an outage of the cluster ends no lag reports",
        file="pipeline/operations/lag_reports.py",
        kept="        except LagUnknown as unknown:\n",
        broken="        except ZeroDivisionError as unknown:\n",
        tests=[LAG],
    ),
    Rule(
        name="every configured lane is looked at, whoever serves it",
        file="pipeline/operations/lag_reports.py",
        kept="[lane.topic for lane in lanes(settings)]",
        broken="[lane.topic for lane in lanes(settings)][:1]",
        tests=[LAG],
    ),
    Rule(
        name="an audience of another partner with the same id has not moved",
        file="pipeline/operations/moved_audiences.py",
        kept='kinds[way.partition(".")[0]] == kind\n',
        broken='kinds[way.partition(".")[0]] != kind\n',
        tests=["tests/operations/test_moved_audiences.py"],
    ),
    Rule(
        name="the newest message says which version owns a namespace",
        file="pipeline/operations/stored_format.py",
        kept="    other = next((one for one in found if one.version != one.read), None)\n",
        broken="    other = next((one for one in found if one.version > one.read), None)\n",
        tests=[FORMAT],
    ),
    Rule(
        name="a login that the brokers refuse is said as such",
        file="pipeline/operations/cluster_probe.py",
        kept="    except (kafka_errors.AuthenticationFailedError, "
        "kafka_errors.SaslAuthenticationFailed):\n",
        broken="    except ZeroDivisionError:\n",
        tests=["tests/operations/test_cluster_probe.py"],
    ),
    Rule(
        name="a connection that the partner does not know is a finding",
        file="pipeline/destinations/amazon_ads/online_check.py",
        kept="        if connection in known:\n",
        broken="        if connection not in known:\n",
        tests=["tests/operations/test_online_check.py"],
    ),
    Rule(
        name="a secret that every user can read is named",
        file="pipeline/configuration/secret_files.py",
        kept="        return bool(file.stat().st_mode & S_IROTH)\n",
        broken="        return not file.stat().st_mode\n",
        tests=["tests/configuration/test_secret_files.py"],
    ),
)
