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
CANCELLED_WHILE_CLOSING = (
    "test_who_is_cancelled_while_a_client_closes_is_cancelled_once_it_is_closed"
)
SOURCE_COMMANDS = "tests/cli/test_source_commands.py"
KEPT_EXAMPLES = "test_examples_that_cannot_be_written_back_are_named_with_the_remedy"
STOPPED_START = "test_a_start_that_is_stopped_leaves_no_connection_open"
ANSWERS = "tests/simulation/test_lane_answers.py"
ASKED_NO_FASTER = (
    "test_a_refused_audience_that_alone_stands_before_an_unreadable_record_is_asked_no_faster"
)
HURRIED = "test_a_clock_that_is_hurried_to_the_right_time_of_day_puts_no_lane_over_the_cap"
LATE = "test_nothing_newer_of_a_member_overtakes_a_request_that_may_still_be_at_work"
SLOTS = "test_when_all_slots_hold_a_poison_record_all_are_found_and_the_rest_is_delivered"
TRANSACTIONS = "tests/integration/test_transactional_writer.py"
BODY = "tests/http/test_session.py::TestOwnership"
LAG = "tests/operations/test_lag_reports.py"
RUNS = "tests/cli/test_run_commands.py"
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
STORAGES = "tests/storage/test_storages.py"
LANDING_ZONE = "tests/storage/test_landing_zone.py"
KILLED = "test_a_killed_writer_leaves_nothing_that_is_visible"
VARIABLES = "tests/settings/test_environment.py"
CONFORMANCE = "tests/http/test_conformance.py"
PARTNER_ANSWERS = "tests/destinations/test_answers.py"
BLOCKS = "test_what_a_person_must_mend_stops_the_lane_and_counts_for_nothing"
SUCCESS = "test_a_success_of_the_partner_is_one_however_its_answer_arrives"
GARBAGE = "tests/simulation/test_garbage.py"
MEMBERS = "tests/stages/ingest/test_member_records.py"
NO_IDENTITY = "test_a_remove_needs_no_identity_and_nothing_else_about_the_person"
FROM_FUTURE = "test_a_change_from_the_future_counts_from_when_it_was_written"
PLATFORMS = "tests/sources/test_platforms.py"
LAYOUT = "tests/integration/test_member_layout.py"
PROPOSALS = "test_of_several_that_lay_out_a_topic_at_once_the_first_proposal_counts"
MEMBERS_TOPIC = "tests/simulation/test_members_topic.py"
SUPERVISOR = "tests/app/test_supervisor.py"
CLIENT = "tests/http/test_client.py"
NOT_LAID_OUT = "test_to_a_topic_that_nobody_may_read_and_that_is_not_laid_out_nothing_is_written"
DENIALS = "tests/integration/test_member_denials.py"
FORBIDDEN_TOPIC = (
    f"{TRANSACTIONS}::test_a_topic_that_is_forbidden_is_waited_for_and_said_once_a_minute"
)
ALLOWED_AGAIN = "test_without_transactions_a_topic_that_is_allowed_again_is_known_as_such"
CHUNK_TROUBLE = "tests/kafka/test_chunk_trouble.py"
CLOSING = "tests/kafka/test_closing.py"
CANCELLATION = "tests/integration/test_cancellation.py"
FORBIDDEN_IS_SHOWN = "test_what_is_forbidden_to_a_running_ingest_is_shown_with_what_grants_it"
TOPICS = "tests/integration/test_topics.py"
MADE_TOPICS = "tests/kafka/test_made_topics.py"
PERMISSIONS = "tests/integration/test_topic_permissions.py"
UNREAD_SETTINGS = "test_settings_that_nobody_tells_us_are_not_said_to_be_right"
MEMBERS_CHECK = "tests/integration/test_members_check.py"
CONFIRM = "tests/cli/test_members_confirm.py"
IS_CONFIRMED = "test_it_is_confirmed_after_a_sentence_was_typed_and_nothing_is_wrong_then"
BEGUN_BEFORE = "test_what_was_begun_before_the_confirmation_does_not_go_on_without_ingest"
ADOBE_AUDIENCES = "tests/operations/test_adobe_audiences.py"
ADOPTED = "test_one_that_is_adopted_gets_the_lifetime_that_the_configuration_has_now"
TOLD = "test_a_lifetime_that_only_the_configuration_knows_is_named_with_both_figures"
RETIRE = "tests/cli/test_members_retire.py"
RETIRE_KAFKA = "tests/integration/test_members_retire.py"
KILLED_RETIRING = (
    "test_a_command_that_was_killed_between_two_tombstones_is_finished_by_the_next_one"
)
STORED = "tests/operations/test_stored_members.py"
BETWEEN = "test_so_is_whoever_wrote_between_the_look_and_the_tombstones"
REFUSED = "tests/simulation/test_audience_refused.py"
FEW_RECORDS = "test_a_refused_audience_is_asked_about_once_a_minute_with_a_few_records"
SENT_BEFORE = "test_what_was_sent_before_the_refusal_does_not_end_it_when_it_is_taken"
END_OF_REPLAY = "test_the_end_of_a_replay_is_committed_although_nothing_more_comes"
CANCELLED_AGAIN = "test_an_owner_that_is_cancelled_again_while_it_closes_closes_all_the_same"
GIVEN_UP_AND_SHUT_OUT = "test_an_owner_that_is_given_up_in_the_moment_when_it_is_shut_out_ends"
CANCELLED_STORAGE = "test_who_is_cancelled_while_a_storage_is_waited_for_is_cancelled"
CANCELLED = "test_what_is_cancelled_at_its_very_end_is_there_or_not"
PUT_BACK = "test_an_audience_that_is_put_back_after_its_members_were_let_go_of_waits_for_ingest"
COMES_BACK = "test_an_audience_that_comes_back_has_whoever_is_stated_then_and_nobody_else"
RENAMED = "test_an_audience_that_was_renamed_in_the_configuration_alone_keeps_its_members"
NAMED_UNTIL = "test_an_audience_that_left_is_named_until_its_members_are_let_go_of"
MADE_ANEW = "test_a_topic_of_memberships_that_was_made_anew_is_named_and_stays_as_it_is"
WRONG_SETTING = "test_a_setting_that_would_make_memberships_wrong_is_named_and_the_topic_laid_out"
PASS_FILE = "tests/stages/snapshot/test_membership_pass.py::TestFile"
PASS_REFUSALS = "tests/stages/snapshot/test_membership_pass.py::TestRefusals"
PASS_OWN = "tests/stages/snapshot/test_membership_pass.py::TestOwnRecords"
TURNS = "test_others_in_the_process_get_their_turn_while_a_pass_works"
HEALING = "tests/stages/snapshot/test_healing.py::TestWinners"
FORGETTING = "tests/stages/snapshot/test_healing.py::TestForgetting"
NOT_OVER = "test_a_record_of_another_version_makes_no_snapshot_and_is_not_written_over"
AFTER_THE_FLOOR = "test_a_remove_is_forgotten_by_the_pass_after_the_one_that_raised_the_floor"
AS_IT_WAS = "test_a_winner_that_stands_before_another_is_written_again_as_it_was"
ADOBE = "pipeline/destinations/adobe_audiences"
ADOBE_LOGIN = "tests/destinations/test_adobe_login.py"
ADOBE_RUNS = "tests/destinations/test_adobe_runs.py"
ADOBE_RECORDS = "tests/destinations/test_adobe_records.py"
ADOBE_CREATIONS = "tests/operations/test_adobe_audiences.py::TestACreationThatTakesItsTime"
TOKENS_THAT_HELP = "test_a_new_token_is_asked_for_where_it_helps_and_nowhere_else"
STEPS = "tests/simulation/test_snapshot_steps.py"
TROUBLES = "tests/simulation/test_snapshot_troubles.py"
DOUBTS = "tests/simulation/test_snapshot_doubts.py"
GONE_IN_DOUBT = "test_an_audience_that_is_gone_while_a_run_is_in_doubt_is_shown_as_blocked"
GONE_ELSEWHERE = "test_an_audience_that_is_gone_in_another_state_is_shown_as_blocked_too"
NEVER_LONG = "test_owners_that_never_live_for_long_let_an_audience_wait_no_longer_than_they_must"
SURELY_MISSING = (
    "test_what_is_missing_for_owners_in_turn_is_burnt_only_when_it_is_surely_missing_so_long"
)
FORMER = "tests/simulation/test_snapshot_former_files.py"
AS_LONG_AS_OTHERS = "test_the_files_of_an_audience_that_left_go_as_long_after_their_runs_as_others"
WHILE_FOLLOWED = "test_older_files_go_in_time_while_a_run_is_followed_or_looked_for"
ITS_OWN = "test_the_files_of_an_audience_in_the_folder_of_a_former_one_are_its_own"
NOT_OURS = "test_what_is_not_ours_by_its_name_its_folder_and_its_number_stays"
NEVER_ENDS = "test_a_transaction_that_never_ends_is_shown_with_its_age_and_said"
TOO_SHORT = "test_a_run_that_a_list_is_too_short_for_is_not_taken_for_the_last"
KEPT_FOR_IT = "test_a_request_for_a_file_that_waits_keeps_the_runs_that_are_kept_for_it"
NOT_SWEPT = "test_a_list_that_cannot_be_read_while_old_files_go_stops_no_audience"
ALTHOUGH = "test_a_run_that_began_although_it_was_refused_is_followed_and_paid_for"
SHOWN_MEMBER = "test_a_member_is_shown_as_one_where_a_pass_gives_them_a_row_and_nowhere_else"
STILL_SHOWS = "test_a_list_that_still_shows_a_run_whose_end_was_told_keeps_no_other_one_waiting"
NOT_SHOWN = (
    "test_an_audience_whose_runs_only_a_person_can_have_shown_is_blocked_before_it_is_paid_for"
)
RUN_FIRST = "test_no_state_stands_without_its_run_wherever_its_owner_died"
NO_MARKER = "test_what_stands_behind_the_last_record_is_nothing_to_carry"
AHEAD = "test_times_from_a_clock_that_was_ahead_keep_nothing_waiting"
WHO_WITHDREW = "test_who_withdrew_while_a_file_waited_for_its_run_is_in_no_run"
OWN_RUNS = "test_an_audience_that_has_had_its_own_runs_keeps_no_other_waiting"
OTHER_FOLDER = "test_an_audience_that_gets_another_folder_is_blocked_until_it_has_its_own_again"
HEALED_LATE = "test_what_a_former_owner_heals_late_makes_a_pass_due_where_nobody_shut_it_out"
REWRITTEN = "test_a_remove_of_which_only_what_was_written_again_is_left_is_a_change_for_a_successor"
REWRITTEN_KNOWN = "test_what_the_pass_of_an_ingested_file_wrote_again_is_no_change_for_a_successor"
HEALED_IN_TIME = "test_members_are_healed_in_time_while_nobody_says_what_became_of_a_run"
HEALED_ALONE = "test_what_an_owner_heals_makes_no_other_pass_due_where_others_are_shut_out"
GOES_ON = "test_a_file_that_a_former_owner_goes_on_to_store_never_becomes_visible"
CHOSEN = "test_others_in_the_process_get_their_turn_among_a_thousand_audiences"
BROKEN_ADOBE = (
    "tests/acceptance/test_broken_adobe.py::test_what_is_wrong_with_adobe_delays_no_lane_of_amazon"
)
NEVER_ASKS = "test_a_successor_that_finds_an_intended_run_looks_for_it_and_never_asks"
EVERY_STAGE = "test_only_a_run_that_ended_well_in_every_stage_clears_what_has_changed"
LATE_RUN = "test_a_run_of_a_burnt_window_that_is_listed_late_is_followed_and_then_made_good"
FIRST_WAITS = "test_a_first_snapshot_waits_until_ingest_has_carried_what_was_there"
EXTENSION = "tests/operations/test_extension.py"
ENDS = "tests/simulation/test_poll_ends.py"
SHARES = "tests/simulation/test_poll_shares.py"
ONE_LETTER = "test_a_record_that_cannot_be_sent_has_one_dead_letter_whatever_blocks_the_lane"

RULES: Sequence[Rule] = (
    Rule(
        name="who was frozen when its question was due asks no more",
        file="pipeline/stages/poll/worker.py",
        kept="        if not self._lease.is_held:\n            # We were frozen since its turn",
        broken="        if False:\n            # We were frozen since its turn",
        tests=[f"{POLL}::test_who_was_frozen_when_its_question_was_due_asks_no_more"],
    ),
    Rule(
        name="a producer asks again for its coordinator when a broker leaves",
        file="pipeline/kafka/producer.py",
        kept="    patient_lookups(producer)\n",
        broken="    _ = patient_lookups\n",
        tests=[
            (
                "tests/kafka/test_internals.py::TestProducer"
                "::test_a_broker_that_leaves_during_a_lookup_of_the_coordinator_is_asked_again"
            )
        ],
    ),
    Rule(
        name="what the partner's answer names invalid is not written down as applied",
        file="pipeline/stages/upload/settlement.py",
        kept="for index, record in enumerate(part) if index not in errors]\n",
        broken="for index, record in enumerate(part) if index >= 0]\n",
        tests=[f"{ANSWERS}::test_an_answer_that_is_the_end_needs_no_job"],
    ),
    Rule(
        name="a 401 of Adobe's that no token mends asks for no new token",
        file=f"{ADOBE}/login.py",
        kept="            return code_of(response) not in NOT_A_TOKENS_FAULT\n",
        broken="            return True\n",
        tests=[f"{ADOBE_LOGIN}::{TOKENS_THAT_HELP}"],
    ),
    Rule(
        name="a 400 of Adobe's for an invalid token asks for a new one",
        file=f"{ADOBE}/login.py",
        kept="        return response.status == 400 and is_invalid_token(response)\n",
        broken="        return False\n",
        tests=[f"{ADOBE_LOGIN}::{TOKENS_THAT_HELP}"],
    ),
    Rule(
        name="a run is applied only where both of its stages are",
        file=f"{ADOBE}/runs.py",
        kept="    if state == SUCCESS and all(stages.get(stage) == SUCCESS for stage in STAGES):\n",
        broken="    if state == SUCCESS:\n",
        tests=[f"{ADOBE_RUNS}::test_a_run_is_applied_only_where_it_and_both_stages_say_so"],
    ),
    Rule(
        name="a success that names no run leaves open whether one started",
        file=f"{ADOBE}/runs.py",
        kept='    return InDoubt(f"{response.status}, but {why}")\n',
        broken="    return RunRefused(why)\n",
        tests=[f"{ADOBE_RUNS}::test_a_success_that_names_no_run_leaves_open_whether_one_started"],
    ),
    Rule(
        name="a list with a run that cannot be read is no list",
        file=f"{ADOBE}/runs.py",
        kept="    if len(found) < len(runs):\n",
        broken="    if len(found) < len(runs) - 1:\n",
        tests=[f"{ADOBE_RUNS}::test_one_run_that_cannot_be_read_spoils_the_list"],
    ),
    Rule(
        name="the draft is told to take in the whole file",
        file=f"{ADOBE}/runs.py",
        kept='        body["differentialIngestion"] = False\n',
        broken='        body["differentialIngestion"] = True\n',
        tests=[f"{ADOBE_RUNS}::test_each_generation_has_its_own_paths_and_its_own_body"],
    ),
    Rule(
        name="no namespace of plain personal data is filled",
        file=f"{ADOBE}/namespaces.py",
        kept="    if instead is not None:\n",
        broken="    if instead is not None and not source:\n",
        tests=[
            "tests/destinations/test_adobe_settings.py::test_a_namespace_of_plain_personal_data_is_refused"
        ],
    ),
    Rule(
        name="a text that holds plain personal data stands in no column",
        file=f"{ADOBE}/cells.py",
        kept="    if plain is not None:\n",
        broken="    if plain is not None and not text:\n",
        tests=[
            f"{ADOBE_RECORDS}::test_no_plain_address_and_no_plain_number_ever_leaves",
            f"{ADOBE_RECORDS}::test_a_value_that_does_not_fit_its_column_is_a_dead_letter",
        ],
    ),
    Rule(
        name="an address is no identity, whatever upstream calls it",
        file=f"{ADOBE}/rendering.py",
        kept="        if plain is not None:\n",
        broken="        if plain is not None and not text:\n",
        tests=[
            f"{ADOBE_RECORDS}::test_no_plain_address_and_no_plain_number_ever_leaves",
            f"{ADOBE_RECORDS}::test_an_identity_that_no_file_may_hold_is_a_dead_letter_that_quotes_nothing",
        ],
    ),
    Rule(
        name="a member who is removed under a plain id leaves its digest",
        file=f"{ADOBE}/partner.py",
        kept="    return member_id(settings.member_ids, member) or hashed_id(member)\n",
        broken="    return member_id(settings.member_ids, member) or member\n",
        tests=[f"{ADOBE_RECORDS}::test_no_id_that_is_looked_for_or_removed_is_plain"],
    ),
    Rule(
        name="consent for Amazon is no consent for Adobe",
        file=f"{ADOBE}/rendering.py",
        kept="        if needs_signal and is_for_another and not self.counts_amazon_flags:\n",
        broken="        if needs_signal and is_for_another and self.counts_amazon_flags:\n",
        tests=[f"{ADOBE_RECORDS}::TestConsent"],
    ),
    Rule(
        name="an identity is never altered",
        file=f"{ADOBE}/rendering.py",
        kept="        if isinstance(value, bool | float) or not is_safe(text):\n",
        broken="        if isinstance(value, bool | float):\n",
        tests=[
            f"{ADOBE_RECORDS}::test_an_identity_that_no_file_may_hold_is_a_dead_letter_that_quotes_nothing"
        ],
    ),
    Rule(
        name="nothing stands in a text of a file that two dialects read differently",
        file=f"{ADOBE}/cells.py",
        kept="    clean = _IN_NO_TEXT.sub(REPLACED, text)\n",
        broken="    clean = text.replace('\"', '\"\"')\n",
        tests=[
            "tests/destinations/test_adobe_cells.py::test_rows_that_are_only_joined_are_read_back_by_every_dialect"
        ],
    ),
    Rule(
        name="an audience that reads another folder is somebody else's",
        file=f"{ADOBE}/control_plane.py",
        kept="        return Made(duplicate.audience_id) if is_ours else duplicate.refusal\n",
        broken="        return Made(duplicate.audience_id) if source else duplicate.refusal\n",
        tests=[
            "tests/http/test_adobe.py::TestAudiences::test_one_that_reads_another_folder_is_somebody_elses"
        ],
    ),
    Rule(
        name="the operation of a creation is kept before anybody waits for it",
        file="pipeline/operations/audiences/apply.py",
        kept="            self._save(self.lock.with_entry(asked))\n"
        "            said = await self._applied(placed, replace(",
        broken="            said = await self._applied(placed, replace(",
        tests=[
            f"{ADOBE_CREATIONS}::test_its_operation_is_in_the_lock_file_before_anybody_waits_for_it"
        ],
    ),
    Rule(
        name="a question without an answer forgets no creation",
        file="pipeline/operations/audiences/apply.py",
        kept="    if asked.operation is not None:\n        # Only",
        broken="    if asked.operation is None:\n        # Only",
        tests=[f"{ADOBE_CREATIONS}::test_a_question_without_an_answer_forgets_no_creation"],
    ),
    Rule(
        name="an extension brings nobody back from an older file",
        file="pipeline/operations/snapshots/extension.py",
        kept="is_one and run.n < ingested.n and may_have_ended\n",
        broken="is_one and run.n > ingested.n and may_have_ended\n",
        tests=[f"{EXTENSION}::test_after_an_older_file_whose_run_ended_last_it_is_refused"],
    ),
    Rule(
        name="an extension brings nobody back who was removed",
        file="pipeline/operations/snapshots/extension.py",
        kept="        self.count += not (isinstance(said, MemberRecord) and said.is_member)\n",
        broken="        self.count += said is None\n",
        tests=[f"{EXTENSION}::test_after_a_remove_it_is_refused_before_anybody_is_asked"],
    ),
    Rule(
        name="a budget that comes later than half of a life is refused",
        file=f"{ADOBE}/budget.py",
        kept="    if budget.interval > shortest * LARGEST_SHARE_OF_LIFE:\n",
        broken="    if budget.interval > shortest:\n",
        tests=["tests/destinations/test_adobe_settings.py::TestBudget"],
    ),
    Rule(
        name="the digest of a number is that of E.164 with its plus",
        file="pipeline/identity/match_keys.py",
        kept='sha256(b"+" + digits.encode())',
        broken="sha256(digits.encode())",
        tests=[
            "tests/identity/test_match_keys.py::test_the_digest_of_a_number_is_that_of_e164_with_its_plus"
        ],
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
        kept="""        await _until_all_left(writer)
        self._check_ownership()
""",
        broken="        await _until_all_left(writer)\n",
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
        file="pipeline/stages/upload/takeover.py",
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
        file="pipeline/kafka/transactional_producer.py",
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
        kept="        if size > self._limits.largest_record(partition.topic):\n",
        broken="        if size > 2 * self._limits.largest_record(partition.topic):\n",
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
        kept="            series.add(0, *row)\n",
        broken="            continue\n",
        tests=[
            f"{METRICS}::{FIRST_ZERO}",
        ],
    ),
    Rule(
        name="who gives up the snapshots of a destination shows no level of them any more",
        file="pipeline/telemetry/series/snapshot.py",
        kept="            self._levels.forget(destination)\n",
        broken="            pass\n",
        tests=[f"{METRICS}::test_the_owner_alone_reports_the_snapshots_of_a_destination"],
    ),
    Rule(
        name="an approval lets go the file that it is about, and no other",
        file="pipeline/operations/snapshots/requests.py",
        kept="encode_approve(held.number, ",
        broken="encode_approve(held.number + 1, ",
        tests=[f"{RUNS}::test_a_held_snapshot_goes_after_its_name_was_typed_and_no_other_does"],
    ),
    Rule(
        name="nothing else stands in the window of a canary's run",
        file="pipeline/operations/snapshots/canary.py",
        kept="            await self._storage.delete(old.path)\n",
        broken="            pass\n",
        tests=["tests/operations/test_canary.py"],
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
        name="a start goes on when brokers that left in the middle are back",
        file="pipeline/kafka/cluster.py",
        kept="        raise left_in_the_middle(client_options, error) from error\n    finally:\n",
        broken="        raise\n    finally:\n",
        tests=["tests/kafka/test_start.py"],
    ),
    Rule(
        name="a leader that is missing is asked for now and then",
        file="pipeline/kafka/fetch_plan.py",
        kept="        if self.lacks_leader and self.asks_in > 0:\n",
        broken="        if False:\n",
        tests=["tests/kafka/test_fetch_model.py"],
    ),
    Rule(
        name="a partition that is paused is not asked for",
        file="pipeline/kafka/fetch_plan.py",
        kept="            if state.paused:\n",
        broken="            if False:\n",
        tests=["tests/kafka/test_fetch_plan.py"],
    ),
    Rule(
        name="what waits to be taken is not fetched again",
        file="pipeline/kafka/fetch_plan.py",
        kept="        self._open.update(self._fetcher.buffered)\n",
        broken="",
        tests=["tests/kafka/test_fetch_plan.py"],
    ),
    Rule(
        name="a partition whose leader moves is asked for there",
        file="pipeline/kafka/fetch_plan.py",
        kept="        self._open.update(self._wanted_of)\n",
        broken="        return\n",
        tests=["tests/kafka/test_fetch_plan.py"],
    ),
    Rule(
        name="a lane with a paused audience looks often whether it is resumed",
        file="pipeline/stages/upload/dispatcher.py",
        kept="        is_waiting = self._pauses.are_any or self._refused\n",
        broken="        is_waiting = False\n",
        tests=["tests/simulation/test_audience_paused.py"],
    ),
    Rule(
        name="a broker whose answer came with another wake-up is asked again at once",
        file="pipeline/kafka/fetch_plan.py",
        kept="        found.is_too_early = self._fetcher.is_behind\n",
        broken="",
        tests=["tests/kafka/test_fetch_model.py"],
    ),
    Rule(
        name="what came is placed where the request asked for it",
        file="pipeline/kafka/fetch_sessions.py",
        kept="self._asked.get(TopicPartition(topic, one[0]), NOWHERE)",
        broken="self._wanted.get(TopicPartition(topic, one[0]), NOWHERE)",
        tests=["tests/kafka/test_fetch_sessions.py"],
    ),
    Rule(
        name="a request that nobody heard of is followed by one for everything",
        file="pipeline/kafka/fetch_sessions.py",
        kept='two minutes.\n        """\n        self._epoch = BEGIN\n',
        broken='two minutes.\n        """\n',
        tests=["tests/kafka/test_fetch_sessions.py"],
    ),
    Rule(
        name="a session that is begun anew ends the one before",
        file="pipeline/kafka/fetch_sessions.py",
        kept="        built.session_id, built.session_epoch = self._id, self._epoch\n",
        broken=(
            "        known = self._id if is_known else 0\n"
            "        built.session_id, built.session_epoch = known, self._epoch\n"
        ),
        tests=["tests/kafka/test_fetch_sessions.py"],
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
        name="one audience of the partner in two letter cases is one",
        file="pipeline/configuration/sharing.py",
        kept="audience.casefold()",
        broken="audience",
        tests=[f"{CONSISTENCY}::test_one_audience_of_the_partner_in_two_letter_cases_is_one"],
    ),
    Rule(
        name="an audience of the partner has one way, whatever destinations reach it",
        file="pipeline/configuration/sharing.py",
        kept="homes.setdefault((kind, space, audience.casefold()), here)",
        broken="homes.setdefault((target.destination, space, audience.casefold()), here)",
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
        name="a folder shows no file before it is whole",
        file="pipeline/storage/folder.py",
        kept="        beside = self._root / unfinished_path(path)\n",
        broken="        beside = self._root / path\n",
        tests=[f"{STORAGES}::{KILLED}[folder]"],
    ),
    Rule(
        name="a file server shows no file before it is whole",
        file="pipeline/storage/sftp.py",
        kept="        beside = unfinished_path(path)\n",
        broken="        beside = path\n",
        tests=[f"{STORAGES}::{KILLED}[sftp]"],
    ),
    Rule(
        name="an upload that is given up leaves no parts",
        file="pipeline/storage/object_storage.py",
        kept="            abort.push_async_exit(partial(_aborted, writer))\n",
        broken="",
        tests=[f"{STORAGES}::test_what_is_cancelled_leaves_nothing[s3]"],
    ),
    Rule(
        name="what a storage has is compared with what was given",
        file="pipeline/storage/whole.py",
        kept="    if stored is None or stored.size != size:\n",
        broken="    if stored is None:\n",
        tests=["tests/storage/test_sizes.py"],
    ),
    Rule(
        name="a file that is not right is taken away",
        file="pipeline/storage/object_storage.py",
        kept="        undo.push_async_callback(self._try_to_delete, path)\n",
        broken="",
        tests=["tests/storage/test_sizes.py"],
    ),
    Rule(
        name="what a cancelled last step made visible is taken away after its end",
        file="pipeline/storage/last_step.py",
        kept="        await asyncio.wait([step], timeout=_SECONDS)\n",
        broken="",
        tests=[f"{STORAGES}::{CANCELLED}"],
    ),
    Rule(
        name="a file server is left without waiting, so that who is cancelled learns what is there",
        file="pipeline/storage/sftp_session.py",
        kept="        self._connection.abort()\n",
        broken="        self._connection.abort()\n        await self._connection.wait_closed()\n",
        tests=[f"{STORAGES}::{CANCELLED}[sftp]"],
    ),
    Rule(
        name="a file server is waited for by a limit that loses no cancellation",
        file="pipeline/storage/sftp_session.py",
        kept="                    login_timeout=_LOGIN_SECONDS,\n",
        broken="                    connect_timeout=_LOGIN_SECONDS,\n",
        tests=[f"{STORAGES}::{CANCELLED_STORAGE}[sftp-True]"],
    ),
    Rule(
        name="nothing is sent to a file server that is not known",
        file="pipeline/storage/sftp_session.py",
        kept="                    known_hosts=known,\n",
        broken="                    known_hosts=None,\n",
        tests=["tests/storage/test_troubles.py::TestSftp"],
    ),
    Rule(
        name="what a partner lends is renewed in the middle of an upload",
        file="pipeline/storage/object_storage.py",
        kept="                    await self._access()\n",
        broken="",
        tests=[f"{LANDING_ZONE}::test_credentials_are_renewed_in_the_middle_of_an_upload"],
    ),
    Rule(
        name="credentials that are refused are asked for anew",
        file="pipeline/storage/landing_zone.py",
        kept=".is_replaced():\n                raise\n        return",
        broken=".is_replaced() or True:\n                raise\n        return",
        tests=[LANDING_ZONE],
    ),
    Rule(
        name="denied consent takes a member out of snapshots",
        file="pipeline/stages/ingest/member_records.py",
        kept='if rendered.reason != "consent_denied" and not route',
        broken="if not route",
        tests=[f"{MEMBERS}::test_denied_consent_removes"],
    ),
    Rule(
        name="a member id that may be personal is in no topic of memberships",
        file="pipeline/stages/ingest/member_records.py",
        kept="    if isinstance(removed, Rejected):\n        return removed\n    assert isinstance",
        broken="    if isinstance(removed, Rejected):\n"
        '        removed = Rendered(change.member_id, b"")\n    assert isinstance',
        tests=[f"{MEMBERS}::test_a_member_id_that_may_be_personal_is_in_no_topic"],
    ),
    Rule(
        name="a remove from snapshots needs no identity and no consent",
        file="pipeline/stages/ingest/member_records.py",
        kept='    if change.action == "add":\n',
        broken="    if True:\n",
        tests=[f"{MEMBERS}::{NO_IDENTITY}"],
    ),
    Rule(
        name="a change from the future does not win for ever",
        file="pipeline/stages/ingest/member_records.py",
        kept="min(change.occurred_at_ms if stated_ms is None else stated_ms, written_ms)",
        broken="(change.occurred_at_ms if stated_ms is None else stated_ms)",
        tests=[f"{MEMBERS}::{FROM_FUTURE}"],
    ),
    Rule(
        name="a topic of memberships that was made anew is not read as one without members",
        file="pipeline/kafka/member_layout.py",
        kept="KnownMembers(is_laid_out=self.agreed is not None, begins=self.begins)",
        broken="KnownMembers(is_laid_out=False, begins=self.begins)",
        tests=[f"{LAYOUT}::{MADE_ANEW}"],
    ),
    Rule(
        name="of a members topic that was emptied no snapshot is made",
        file="pipeline/stages/snapshot/members_condition.py",
        kept="        return self._is_known and self.trouble is None\n",
        broken="        return self._is_known\n",
        tests=[
            f"{MEMBERS_TOPIC}::test_of_a_topic_that_was_emptied_no_snapshot_is_made_though_ingest_writes_on"
        ],
    ),
    Rule(
        name="a members topic is looked at before each snapshot",
        file="pipeline/stages/snapshot/making_order.py",
        kept="        await self._shared.members.look()\n",
        broken="        await asyncio.sleep(0)\n",
        tests=[f"{MEMBERS_TOPIC}::test_a_topic_is_looked_at_right_before_a_snapshot_of_it"],
    ),
    Rule(
        name="nothing is made of a members topic that nobody has looked at",
        file="pipeline/stages/snapshot/members_condition.py",
        kept="        self._is_known = False\n",
        broken="        self._is_known = True\n",
        tests=[f"{MEMBERS_TOPIC}::test_nothing_is_made_of_a_topic_that_nobody_could_look_at_yet"],
    ),
    Rule(
        name="a members topic that ends too early was emptied",
        file="pipeline/stages/snapshot/members_trouble.py",
        kept=" or end < known.ends.get(number, 0)",
        broken="",
        tests=[
            f"{MEMBERS_TOPIC}::test_a_topic_that_was_filled_again_is_still_one_that_was_emptied"
        ],
    ),
    Rule(
        name="a members topic that begins too late was emptied",
        file="pipeline/stages/snapshot/members_trouble.py",
        kept=" or begin > known.begins.get(number, 0)",
        broken="",
        tests=[f"{MEMBERS_TOPIC}::test_of_a_topic_whose_beginning_was_deleted_no_snapshot_is_made"],
    ),
    Rule(
        name="records that are gone do not come back by themselves",
        file="pipeline/stages/snapshot/members_condition.py",
        kept='self.trouble.cause == "emptied":\n',
        broken='self.trouble.cause == "foreign":\n',
        tests=[f"{MEMBERS_TOPIC}::test_a_topic_that_fills_up_under_its_owner_stays_emptied"],
    ),
    Rule(
        name="passes go on while a setting is wrong",
        file="pipeline/stages/snapshot/members_condition.py",
        kept='is_read = self.trouble is None or self.trouble.cause == "settings"\n',
        broken="is_read = self.trouble is None\n",
        tests=[f"{MEMBERS_TOPIC}::test_a_setting_that_is_wrong_stops_snapshots_until_it_is_mended"],
    ),
    Rule(
        name="after the members are confirmed a snapshot waits for ingest",
        file="pipeline/stages/snapshot/journal.py",
        kept="        return max(self._layout_offset, self._retired.get(audience, -1))\n",
        broken="        return self._retired.get(audience, -1)\n",
        tests=[
            f"{MEMBERS_TOPIC}::test_after_the_members_are_confirmed_the_next_snapshot_waits_for_ingest"
        ],
    ),
    Rule(
        name="offsets of a former members topic measure nothing",
        file="pipeline/stages/snapshot/journal.py",
        kept="        if snapshot is None or self.is_of_former(audience, snapshot):\n",
        broken="        if snapshot is None:\n",
        tests=[
            f"{MEMBERS_TOPIC}::test_after_the_members_are_confirmed_the_next_snapshot_waits_for_ingest"
        ],
    ),
    Rule(
        name="an audience whose members were let go of begins anew when it is put back",
        file="pipeline/stages/snapshot/journal.py",
        kept="            self._retired[name] = record.offset\n",
        broken="            pass\n",
        tests=[f"{MEMBERS_TOPIC}::{PUT_BACK}"],
    ),
    Rule(
        name="with the members of an audience its floors are let go of",
        file="pipeline/stages/snapshot/winners.py",
        kept="            self.floor = NO_FLOOR\n",
        broken="            pass\n",
        tests=[f"{STORED}::{COMES_BACK}"],
    ),
    Rule(
        name="what is shown of a member knows that the floors were let go of",
        file="pipeline/operations/members.py",
        kept="            self._floor = NO_FLOOR\n",
        broken="            pass\n",
        tests=[f"{STORED}::{COMES_BACK}"],
    ),
    Rule(
        name="a tombstone that forgets only what is older lets nobody go",
        file="pipeline/operations/stored_members.py",
        kept="    return record.value is None and decode_tombstone(record.headers) is None\n",
        broken="    return record.value is None\n",
        tests=[f"{STORED}::{COMES_BACK}"],
    ),
    Rule(
        name="members of a transaction that is open are let go of, too",
        file="pipeline/operations/members_retiring.py",
        kept="        committed_only=False,\n",
        broken="        committed_only=True,\n",
        tests=[f"{RETIRE_KAFKA}::test_members_of_a_transaction_that_is_open_are_let_go_of_too"],
    ),
    Rule(
        name="whoever writes members while they are let go of is noticed",
        file="pipeline/operations/members_retiring.py",
        kept="        if stated:\n",
        broken="        if False:\n",
        tests=[f"{RETIRE_KAFKA}::test_whoever_writes_members_at_the_same_time_is_noticed"],
    ),
    Rule(
        name="so is whoever wrote right before the tombstones",
        file="pipeline/operations/stored_members.py",
        kept="(key.startswith(prefix) or key == floor) and not _forgets_all(record)\n",
        broken="key.startswith(prefix) and not _forgets_all(record)\n",
        tests=[f"{RETIRE_KAFKA}::{BETWEEN}"],
    ),
    Rule(
        name="something is written behind the members that are let go of, so that Kafka deletes",
        file="pipeline/operations/members_retiring.py",
        kept="for one, said in found.keys.layouts.items()]\n",
        broken="for one, said in found.keys.layouts.items() if False]\n",
        tests=[f"{RETIRE_KAFKA}::test_kafka_deletes_the_members_once_the_command_is_done_again"],
    ),
    Rule(
        name="members of an audience of the configuration are not let go of",
        file="pipeline/operations/members_retiring.py",
        kept="        if name in targets or audience in targets.values():\n",
        broken="        if False:\n",
        tests=[f"{RETIRE}::test_an_audience_of_the_configuration_keeps_its_members"],
    ),
    Rule(
        name="members of an audience that only the lock file knows are not let go of",
        file="pipeline/operations/members_retiring.py",
        kept="str(entry.audience_id)) == (destination, audience):\n",
        broken="str(entry.audience_id)) == (destination, None):\n",
        tests=[f"{RETIRE}::{RENAMED}"],
    ),
    Rule(
        name="a lifetime that the partner was not told is named",
        file="pipeline/configuration/identities.py",
        kept="entry.ttl_days == meant:\n",
        broken="True:\n",
        tests=[f"{ADOBE_AUDIENCES}::{TOLD}"],
    ),
    Rule(
        name="an audience that is adopted is told the lifetime that the configuration has",
        file="pipeline/destinations/adobe_audiences/control_plane.py",
        kept="            return await self._told_ttl(api, found, new)\n",
        broken="            pass\n",
        tests=[f"tests/http/test_adobe.py::TestAudiences::{ADOPTED}"],
    ),
    Rule(
        name="what the partner was told of a lifetime is noted",
        file="pipeline/operations/audiences/lock_file.py",
        kept="    if entries:\n",
        broken="    if False:\n",
        tests=[f"{ADOBE_AUDIENCES}::{TOLD}"],
    ),
    Rule(
        name="an audience that left its members behind is named until they are let go of",
        file="pipeline/operations/left_audiences.py",
        kept="offset > self.retired.get(audience, -1)\n",
        broken="offset < 0\n",
        tests=[f"{RETIRE}::{NAMED_UNTIL}"],
    ),
    Rule(
        name="a snapshot that was begun before the members are confirmed waits for ingest, too",
        file="pipeline/stages/snapshot/schedule.py",
        kept="    if is_first and not (may_begin or is_asked_for):\n",
        broken='    if is_first and not (may_begin or is_asked_for or state.state == "reading"):\n',
        tests=[f"{MEMBERS_TOPIC}::{BEGUN_BEFORE}"],
    ),
    Rule(
        name="the owner hears of confirmed members before they look whole",
        file="pipeline/kafka/member_layout.py",
        kept="    await _write(client_options, [owner], LAYOUT_KEY, value)\n"
        "    await _write(client_options, everywhere,",
        broken="    await _write(client_options, everywhere,",
        tests=[f"{CONFIRM}::{IS_CONFIRMED}"],
    ),
    Rule(
        name="members are confirmed only where nothing else is wrong with their topic",
        file="pipeline/operations/members_confirming.py",
        kept='        if trouble.cause != "emptied":\n',
        broken="        if False:\n",
        tests=[f"{CONFIRM}::test_what_must_be_mended_first_is_named"],
    ),
    Rule(
        name="a members topic that was deleted is made anew, because all ingest waits for it",
        file="pipeline/kafka/members_check.py",
        kept="await topics.create([self._plan])",
        broken="[]",
        tests=[f"{MEMBERS_CHECK}::test_a_topic_that_was_deleted_is_made_anew_and_empty"],
    ),
    Rule(
        name="removes that were stated anew explain no loss",
        file="pipeline/stages/snapshot/making.py",
        kept="return 0 if is_of_former else",
        broken="return",
        tests=[f"{MEMBERS_TOPIC}::test_removes_that_were_stated_anew_explain_no_loss"],
    ),
    Rule(
        name="ingest waits for a topic that it would write wrongly",
        file="pipeline/app/ingest_gate.py",
        kept="        while self._shut_by:\n",
        broken="        while False:\n",
        tests=[
            f"{SUPERVISOR}::test_ingest_waits_for_a_topic_that_it_would_write_wrongly_and_other_stages_run"
        ],
    ),
    Rule(
        name="ingest waits for no topic that it may write to",
        file="pipeline/app/ingest_gate.py",
        kept=" if trouble.stops_ingest]",
        broken="]",
        tests=[
            f"{SUPERVISOR}::test_ingest_does_not_wait_for_a_topic_that_only_snapshots_must_not_read"
        ],
    ),
    Rule(
        name="the dead token of one destination leaves the process ready",
        file="pipeline/app/status.py",
        kept="not refused or len(refused) < len(pipeline.clients.clients)",
        broken="not refused",
        tests=[
            f"{SUPERVISOR}::test_the_dead_token_of_one_destination_leaves_the_process_ready_and_is_named"
        ],
    ),
    Rule(
        name="a process that can serve nobody is not ready",
        file="pipeline/app/status.py",
        kept="return HealthReport(is_served and not outside,",
        broken="return HealthReport(not outside,",
        tests=[f"{SUPERVISOR}::test_a_process_that_can_serve_nobody_is_not_ready"],
    ),
    Rule(
        name="no last good file is taken again where removes may be gone",
        file="pipeline/operations/snapshots/extension.py",
        kept="if any(not oldest[tp] <= start <= ends[tp] for",
        broken="if any(False for",
        tests=[f"{EXTENSION}::test_where_what_was_written_since_is_gone_it_is_refused"],
    ),
    Rule(
        name="no question about a topic makes it",
        file="pipeline/kafka/internals.py",
        kept="    request._allow_auto_topic_creation = False\n",
        broken="    request._allow_auto_topic_creation = True\n",
        tests=["tests/kafka/test_internals.py::test_no_question_about_a_topic_makes_it"],
    ),
    Rule(
        name="of several that lay out a topic the first proposal counts",
        file="pipeline/kafka/member_layout.py",
        kept="decode_layout(found[0])",
        broken="decode_layout(found[-1])",
        tests=[f"{LAYOUT}::{PROPOSALS}"],
    ),
    Rule(
        name="a topic of memberships with a setting that would make it wrong is named",
        file="pipeline/kafka/topics.py",
        kept="_other_settings(plan.name, desired, actual.get(plan.name, {})),",
        broken="[],",
        tests=[f"{LAYOUT}::{WRONG_SETTING}"],
    ),
    Rule(
        name="settings of topics that could not be read are not taken for right",
        file="pipeline/operations/check.py",
        kept='"" if prepared.troubles or prepared.unread else',
        broken='"" if prepared.troubles else',
        tests=[f"{PERMISSIONS}::{UNREAD_SETTINGS}"],
    ),
    Rule(
        name="that brokers tell no settings of a topic is heard",
        file="pipeline/kafka/topics.py",
        kept="                    refused[topic] = error.__name__\n",
        broken="                    pass\n",
        tests=[f"{PERMISSIONS}::{UNREAD_SETTINGS}"],
    ),
    Rule(
        name="members whose tombstones were not written yet get them when it is done again",
        file="pipeline/operations/members_retiring.py",
        kept="            keys = found.keys.stored()\n",
        broken="            keys = found.keys.stored()\n"
        "            keys = iter(()) if found.keys.has_tombstones else keys\n",
        tests=[f"{RETIRE_KAFKA}::{KILLED_RETIRING}"],
    ),
    Rule(
        name="an audience is named until all tombstones of its members are written",
        file="pipeline/operations/members_retiring.py",
        kept="stored(reader, left.topic, left.audience):\n            keys",
        broken="stored(reader, left.topic, left.audience):\n"
        "            said = [Written(owner, 0, retired_key(left.audience), b'{}')]\n"
        "            await writer.write(said)\n"
        "            keys",
        tests=[f"{RETIRE_KAFKA}::{KILLED_RETIRING}"],
    ),
    Rule(
        name="a start goes on once the brokers tell of the topics that it made",
        file="pipeline/kafka/topics.py",
        kept="        await until_told(telling_of(self._admin, names), brokers)\n",
        broken="",
        tests=[f"{TOPICS}::test_more_topics_than_fit_into_one_request_are_made"],
    ),
    Rule(
        name="topics that were made are not waited for without an end",
        file="pipeline/kafka/made_topics.py",
        kept="asyncio.timeout_at(give_up_at)",
        broken="asyncio.timeout_at(give_up_at + 60)",
        tests=[f"{MADE_TOPICS}::test_nobody_is_waited_for_longer_than_some_seconds"],
    ),
    Rule(
        name="a row that comes back does not lose against its deletion",
        file="pipeline/sources/debezium.py",
        kept="        stated_at=_committed_at,\n",
        broken="",
        tests=[f"{PLATFORMS}::test_a_row_that_comes_back_counts_from_the_commit"],
    ),
    Rule(
        name="of the statements about a member the newest one counts, wherever it stands",
        file="pipeline/stages/snapshot/kept_winner.py",
        kept="    is_newer = statement.rank >= kept.statement.rank\n",
        broken="    is_newer = True\n",
        tests=[f"{PASS_FILE}::test_of_two_statements_the_newer_one_counts_wherever_it_stands"],
    ),
    Rule(
        name="a winner is written again with its own time",
        file="pipeline/stages/snapshot/kept_winner.py",
        kept="    return said._replace(is_known=said.is_member)\n",
        broken="    return said._replace(is_known=said.is_member, changed_at_ms=2 * 10**12)\n",
        tests=[f"{HEALING}::{AS_IT_WAS}"],
    ),
    Rule(
        name="a winner is written again with its own place",
        file="pipeline/stages/snapshot/kept_winner.py",
        kept="    return said._replace(is_known=said.is_member)\n",
        broken="    place = said.place._replace(offset=0)\n"
        "    return said._replace(is_known=said.is_member, place=place)\n",
        tests=[f"{HEALING}::{AS_IT_WAS}"],
    ),
    Rule(
        name="an add that is written again says that it counted",
        file="pipeline/stages/snapshot/kept_winner.py",
        kept="    return said._replace(is_known=said.is_member)\n",
        broken="    return said\n",
        tests=[f"{FORGETTING}::test_an_old_add_that_had_to_be_written_again_goes_on_counting"],
    ),
    Rule(
        name="a winner that is not its key's last record is written again",
        file="pipeline/stages/snapshot/kept_winner.py",
        kept="    if kept.is_last:\n        return None\n",
        broken="    if said:\n        return None\n",
        tests=[f"{HEALING}::test_the_winner_is_there_after_compaction"],
    ),
    Rule(
        name="a tombstone with an old add behind it is written again",
        file="pipeline/stages/snapshot/kept_winner.py",
        kept="        return None if kept.is_last else said\n",
        broken="        return None\n",
        tests=[f"{FORGETTING}::test_a_tombstone_with_an_old_add_behind_it_is_written_again"],
    ),
    Rule(
        name="a pass reads nothing behind the end that was fixed",
        file="pipeline/stages/snapshot/membership_pass.py",
        kept="self._topic.read(partition, 0, self._ends[partition])",
        broken="self._topic.read(partition, 0, 2**62)",
        tests=[f"{PASS_FILE}::test_nothing_behind_the_fixed_end_is_in_the_file"],
    ),
    Rule(
        name="a partition without its layout is not read as empty",
        file="pipeline/stages/snapshot/topic_layout.py",
        kept="    if not said:\n",
        broken="    if not said:\n"
        '        return Layout(uuid or "", partitions, SPREAD, HASH)\n    if not said:\n',
        tests=[
            f"{PASS_REFUSALS}::test_a_partition_without_its_layout_is_not_read_as_empty",
        ],
    ),
    Rule(
        name="a record of another version is not written over",
        file="pipeline/stages/snapshot/membership_pass.py",
        kept="        if waiting and self._tally.other_version is None:\n",
        broken="        if waiting:\n",
        tests=[
            f"{PASS_REFUSALS}::{NOT_OVER}",
        ],
    ),
    Rule(
        name="an add from before the floor of somebody unknown is not believed",
        file="pipeline/stages/snapshot/kept_winner.py",
        kept="        and kept.first_offset >= floor.offset\n",
        broken="        and kept.first_offset < 0\n",
        tests=[
            f"{FORGETTING}::test_an_old_add_of_somebody_unknown_is_not_believed_and_found_once",
        ],
    ),
    Rule(
        name="an add that counted before the floor was raised goes on counting",
        file="pipeline/stages/snapshot/kept_winner.py",
        kept="        and kept.first_offset >= floor.offset\n",
        broken="",
        tests=[
            f"{FORGETTING}::test_an_old_add_that_was_counted_before_the_floor_goes_on_counting",
        ],
    ),
    Rule(
        name="a remove is forgotten only below a floor that was read",
        file="pipeline/stages/snapshot/kept_winner.py",
        kept="    is_old = said.changed_at_ms < floor.before_ms\n",
        broken="    is_old = said.changed_at_ms < max(floor.before_ms, 1_787_000_000_000)\n",
        tests=[
            f"{FORGETTING}::{AFTER_THE_FLOOR}",
        ],
    ),
    Rule(
        name="the floor's offset passes an add beyond the horizon once that is forgotten",
        file="pipeline/stages/snapshot/membership_pass.py",
        kept="        await self._write_waiting()\n        self._waiting +=",
        broken="        own = self._layout_and_floor(partition, layout, floor, covered_ms)\n"
        "        self._waiting[:0] = own\n"
        "        await self._write_waiting()\n        self._waiting +=",
        tests=["tests/stages/snapshot/test_healing.py::test_the_floor_is_written_last"],
    ),
    Rule(
        name="a remove is kept for as long as it was not written long ago, however old it is",
        file="pipeline/stages/snapshot/winners.py",
        kept="        is_old = record.timestamp < self._old_before_ms\n",
        broken="        is_old = True\n",
        tests=[f"{FORGETTING}::test_a_year_of_history_that_is_read_now_is_believed"],
    ),
    Rule(
        name="of two floors both hold",
        file="pipeline/stages/snapshot/winners.py",
        kept="self.floor.joined(said) if isinstance(said, Floor) else said",
        broken="said",
        tests=[f"{FORGETTING}::test_of_two_floors_both_hold_whichever_was_written_last"],
    ),
    Rule(
        name="a pass gives others their turn while it reads",
        file="pipeline/stages/snapshot/membership_pass.py",
        kept="                    async with self._turns:\n                        winners",
        broken="                    if True:\n                        winners",
        tests=[f"{PASS_FILE}::{TURNS}"],
    ),
    Rule(
        name="a pass gives others their turn while it judges",
        file="pipeline/stages/snapshot/membership_pass.py",
        kept="                async with self._turns:\n                    rows",
        broken="                if True:\n                    rows",
        tests=[f"{PASS_FILE}::{TURNS}"],
    ),
    Rule(
        name="what a pass writes says that nothing has changed",
        file="pipeline/stages/snapshot/judge.py",
        kept="encode_member(statement), self._mark)",
        broken="encode_member(statement))",
        tests=[f"{PASS_OWN}::test_whatever_a_pass_writes_says_that_nothing_has_changed"],
    ),
    Rule(
        name="a run is paid for, durably, before the partner is asked",
        file="pipeline/stages/snapshot/starting.py",
        kept="        state = await shared.journal.write(name, step)\n"
        '        answer: RunAnswer = NotSent("it took too long to write down the charge")\n'
        "        if shared.wall_ms() - now_ms < STALE_SECONDS * 1000:\n"
        "            answer = await shared.runs.start(name, window, shared.lease)\n",
        broken="        answer: RunAnswer = await shared.runs.start(name, window, shared.lease)\n"
        "        state = await shared.journal.write(name, step)\n",
        tests=[f"{STEPS}::test_the_charge_is_durable_before_the_partner_is_asked"],
    ),
    Rule(
        name="a run that was written down too slowly is not asked for",
        file="pipeline/stages/snapshot/starting.py",
        kept="        if shared.wall_ms() - now_ms < STALE_SECONDS * 1000:\n",
        broken="        if shared.wall_ms() >= now_ms:\n",
        tests=[f"{STEPS}::test_what_was_written_down_too_slowly_is_not_asked_for"],
    ),
    Rule(
        name="whoever finds an intended run never asks for it",
        file="pipeline/stages/snapshot/states.py",
        kept='        case "intended":\n            return Step("intended", ("look",))\n',
        broken='        case "intended":\n            return Step("uploaded")\n',
        tests=[f"{STEPS}::{NEVER_ASKS}"],
    ),
    Rule(
        name="a burnt window is paid for",
        file="pipeline/stages/snapshot/transitions.py",
        kept="        replace(run, state=BURNT, ",
        broken="        replace(run, is_charged=False, state=BURNT, ",
        tests=[f"{STEPS}::test_a_window_that_nobody_lists_is_burnt_and_its_file_is_gone"],
    ),
    Rule(
        name="the number of a claim that came to nothing is not used again",
        file="pipeline/stages/snapshot/journal.py",
        kept="        self._states[audience] = replace(state, n=offset) if is_claim else state\n",
        broken="        n = self.state(audience).n or offset\n"
        "        self._states[audience] = replace(state, n=n) if is_claim else state\n",
        tests=[f"{STEPS}::test_a_number_is_never_used_again_for_another_file"],
    ),
    Rule(
        name="only a run that ended well in every stage clears what has changed",
        file="pipeline/stages/snapshot/states.py",
        kept='end == "applied" and is_last',
        broken='end != "unknown" and is_last',
        tests=[f"{STEPS}::{EVERY_STAGE}"],
    ),
    Rule(
        name="after an older run that ends last another one follows",
        file="pipeline/stages/snapshot/states.py",
        kept='end == "applied" and is_last',
        broken='end == "applied"',
        tests=[f"{STEPS}::test_after_an_older_run_that_ends_last_another_one_follows"],
    ),
    Rule(
        name="a file is alone in its window",
        file="pipeline/stages/snapshot/file_look.py",
        kept="        near = neighbours(file, listed, 2 * margin)\n",
        broken="        near = neighbours(file, listed, -1.0)\n",
        tests=[f"{STEPS}::test_a_file_that_stands_near_another_is_never_asked_for"],
    ),
    Rule(
        name="a window is over by the storage's clock before its run is asked for",
        file="pipeline/stages/snapshot/file_look.py",
        kept="        if left >= 0:\n",
        broken="        if left >= 1_000:\n",
        tests=[f"{STEPS}::test_the_charge_is_durable_before_the_partner_is_asked"],
    ),
    Rule(
        name="a successor waits before it stores",
        file="pipeline/stages/snapshot/worker.py",
        kept="        await asyncio.sleep(2 * shared.rules.window_margin)\n",
        broken="        await asyncio.sleep(0)\n",
        tests=[f"{STEPS}::test_a_successor_waits_before_it_stores"],
    ),
    Rule(
        name="a refused run is not asked for again at once",
        file="pipeline/stages/snapshot/owner.py",
        kept="            await self._until_next_try()\n",
        broken="            await asyncio.sleep(0.01)\n",
        tests=[f"{STEPS}::test_an_audience_that_the_partner_refuses_is_blocked_and_shown"],
    ),
    Rule(
        name="a late run of a burnt window is followed before anything else is asked for",
        file="pipeline/stages/snapshot/transitions.py",
        kept="            if run.window == lost.window:\n",
        broken="            if run.window is lost.window:\n",
        tests=[f"{STEPS}::{LATE_RUN}"],
    ),
    Rule(
        name="a run that the list is too short for is not taken for the last",
        file="pipeline/stages/snapshot/transitions.py",
        kept="    if run_id not in created and ",
        broken="    if run_id in created and ",
        tests=[f"{TROUBLES}::{TOO_SHORT}"],
    ),
    Rule(
        name="a file that makes way for an operator's request stays as urgent as that",
        file="pipeline/stages/snapshot/starting.py",
        kept="        is_urgent = state.is_urgent or journal.is_asked_for(name)\n",
        broken="        is_urgent = state.is_urgent\n",
        tests=[f"{TROUBLES}::{KEPT_FOR_IT}"],
    ),
    Rule(
        name="what one audience meets when it is swept keeps no other from going on",
        file="pipeline/stages/snapshot/owner.py",
        kept='            log.warning("not swept", ',
        broken='            raise\n            log.warning("not swept", ',
        tests=[f"{TROUBLES}::{NOT_SWEPT}"],
    ),
    Rule(
        name="a run that a state follows is not forgotten",
        file="pipeline/stages/snapshot/journal.py",
        kept=" and run.n != self.state(run.audience).run_n\n",
        broken="\n",
        tests=[f"{TROUBLES}::test_a_run_that_is_still_followed_is_not_forgotten"],
    ),
    Rule(
        name="an audience whose folder is another one gets no file there",
        file="pipeline/stages/snapshot/making.py",
        kept="        if former not in (None, now):\n",
        broken="        if former == now:\n",
        tests=[f"{TROUBLES}::{OTHER_FOLDER}"],
    ),
    Rule(
        name="an audience that was told of a spent budget tries after the others",
        file="pipeline/stages/snapshot/starting.py",
        kept="detail, seconds + BEHIND_SECONDS)",
        broken="detail, seconds)",
        tests=[f"{TROUBLES}::{OWN_RUNS}"],
    ),
    Rule(
        name="a run that began although it was refused is paid for",
        file="pipeline/stages/snapshot/transitions.py",
        kept='replace(run, is_charged=True, state="")',
        broken='replace(run, state="")',
        tests=[f"{TROUBLES}::{ALTHOUGH}"],
    ),
    Rule(
        name="a run that began although it was refused is followed",
        file="pipeline/stages/snapshot/starting.py",
        kept="        if asked_for is None or asked_for.window != window:\n",
        broken="        if asked_for is not None:\n",
        tests=[f"{TROUBLES}::{ALTHOUGH}"],
    ),
    Rule(
        name="a tombstone that does not say what it forgets is shown to forget all",
        file="pipeline/operations/members.py",
        kept="            elif record.value is None:\n                self._kept = None\n",
        broken="",
        tests=[f"tests/operations/test_member_statements.py::{SHOWN_MEMBER}"],
    ),
    Rule(
        name="a run whose end was told does not go on, whatever a list says",
        file="pipeline/stages/snapshot/transitions.py",
        kept=" and run.run_id not in over\n",
        broken="\n",
        tests=[f"{TROUBLES}::{STILL_SHOWS}"],
    ),
    Rule(
        name="an audience whose runs nobody may see is blocked",
        file="pipeline/stages/snapshot/starting.py",
        kept="        if why.cause is not None:\n",
        broken="        if why.is_throttled:\n",
        tests=[f"{TROUBLES}::{NOT_SHOWN}"],
    ),
    Rule(
        name="a run is written before the state that stands on it",
        file="pipeline/stages/snapshot/journal.py",
        kept="        messages.append(Written(self._topic, 0, state_key(audience), "
        "encode_state(state)))\n",
        broken="        messages.insert(0, Written(self._topic, 0, state_key(audience), "
        "encode_state(state)))\n",
        tests=[f"tests/stages/snapshot/test_journal.py::{RUN_FIRST}"],
    ),
    Rule(
        name="a window whose run was refused is left alone while a list may be late",
        file="pipeline/stages/snapshot/condition.py",
        kept="FIRST_BLOCKED_SECONDS, LONGEST_BLOCKED_SECONDS = ABSENT_SECONDS, 3600.0\n",
        broken="FIRST_BLOCKED_SECONDS, LONGEST_BLOCKED_SECONDS = 60.0, 3600.0\n",
        tests=[f"{TROUBLES}::{ALTHOUGH}"],
    ),
    Rule(
        name="a marker behind the last record is nothing to carry",
        file="pipeline/kafka/ingest_backlog.py",
        kept="                if start < end and await _has_record(reader, tp, start, end):\n",
        broken="                if start < end:\n",
        tests=[f"tests/integration/test_ingest_backlog.py::{NO_MARKER}"],
    ),
    Rule(
        name="files that wait for an ordinary run take none that is kept back",
        file="pipeline/stages/snapshot/budget.py",
        kept="        reserved = min(reserved, max(0, ordinary - len(ats)))\n",
        broken="",
        tests=["tests/stages/snapshot/test_budget.py"],
    ),
    Rule(
        name="a clock that was ahead puts off no renewal",
        file="pipeline/stages/snapshot/schedule.py",
        kept="0 if at_ms > now_ms else at_ms + _ms(lifetime * RENEW_SHARE)",
        broken="at_ms + _ms(lifetime * RENEW_SHARE)",
        tests=[f"tests/stages/snapshot/test_schedule.py::{AHEAD}"],
    ),
    Rule(
        name="a clock that was ahead puts off no run",
        file="pipeline/stages/snapshot/schedule.py",
        kept=" and last_ms <= now_ms\n",
        broken="\n",
        tests=[f"tests/stages/snapshot/test_schedule.py::{AHEAD}"],
    ),
    Rule(
        name="a file that waited makes way for one without who withdrew since",
        file="pipeline/stages/snapshot/starting.py",
        kept="        patience = WITHDRAWN_SECONDS if has_withdrawals else usual\n",
        broken="        patience = usual\n",
        tests=[f"{TROUBLES}::{WHO_WITHDREW}"],
    ),
    Rule(
        name="a file in a former folder makes way for a new one",
        file="pipeline/stages/snapshot/file_look.py",
        kept="        if file.path != path_of(self._folder, file.n):\n",
        broken="        if not file.path:\n",
        tests=[f"{TROUBLES}::{OTHER_FOLDER}"],
    ),
    Rule(
        name="what a former owner heals late makes a pass due where it is not shut out",
        file="pipeline/stages/snapshot/changes_watch.py",
        kept="            if before is not None and not self._is_alone:\n",
        broken="            if before is not None and self._is_alone:\n",
        tests=[f"{TROUBLES}::{HEALED_LATE}", f"{TROUBLES}::{HEALED_ALONE}"],
    ),
    Rule(
        name="what a former owner wrote again may be all that is left of a change",
        file="pipeline/stages/snapshot/changes_watch.py",
        kept="        elif self._former is not None and record.offset < self._former[partition]:\n",
        broken="        elif self._former is None:\n",
        tests=[f"{TROUBLES}::{REWRITTEN}"],
    ),
    Rule(
        name="what the pass of an ingested file wrote again is no change",
        file="pipeline/stages/snapshot/changes_watch.py",
        kept="        if before <= self.ends.get(partition, 0):\n",
        broken="        if before < 0:\n",
        tests=[f"{TROUBLES}::{REWRITTEN_KNOWN}"],
    ),
    Rule(
        name="what keeps a run from going on keeps no pass",
        file="pipeline/stages/snapshot/making_order.py",
        kept="        return is_late and now_ms >= self._heal_at_ms.get("
        "owner.audience.audience, 0)\n",
        broken="        return is_late and not owner.condition.left()\n",
        tests=[f"{TROUBLES}::{HEALED_IN_TIME}"],
    ),
    Rule(
        name="others get their turn while the next audience is chosen",
        file="pipeline/stages/snapshot/making_order.py",
        kept="            if number % TURN_AUDIENCES == 0:\n",
        broken="            if number < 0:\n",
        tests=[f"{TROUBLES}::{CHOSEN}"],
    ),
    Rule(
        name="a file that a former owner goes on to store never becomes visible",
        file="pipeline/stages/snapshot/files.py",
        kept="            await self._lease.wait_held()\n",
        broken="",
        tests=[f"{TROUBLES}::{GOES_ON}"],
    ),
    Rule(
        name="files go in time in every state",
        file="pipeline/stages/snapshot/owner.py",
        kept="        if state.n is not None:\n",
        broken='        if state.state == "ended" and state.n is not None:\n',
        tests=[f"{TROUBLES}::test_files_go_in_time_while_a_newer_one_is_held"],
    ),
    Rule(
        name="others get their turn while telemetry is told of every audience",
        file="pipeline/stages/snapshot/report.py",
        kept="            if number % TURN_AUDIENCES == 0:\n",
        broken="            if number < 0:\n",
        tests=[f"{TROUBLES}::{CHOSEN}"],
    ),
    Rule(
        name="a transaction grows old only where the end behind which it stands does not move",
        file="pipeline/stages/snapshot/open_transactions.py",
        kept="(end, since if was == end else now)\n",
        broken="(end, since)\n",
        tests=["tests/stages/snapshot/test_open_transactions.py"],
    ),
    Rule(
        name="the age of a transaction that hides memberships is told",
        file="pipeline/stages/snapshot/report.py",
        kept="        oldest = found.oldest\n",
        broken="        oldest = 0.0\n",
        tests=[f"{TROUBLES}::{NEVER_ENDS}"],
    ),
    Rule(
        name="whoever loses its partition waits for no schema any more",
        file="pipeline/http/schema_registry.py",
        kept="            finally:\n",
        broken="            except ZeroDivisionError:\n",
        tests=["tests/http/test_schema_registry.py"],
    ),
    Rule(
        name="a run is followed by the contract that it was started with",
        file="pipeline/stages/snapshot/following.py",
        kept="        contract = shared.journal.run(name, state.run_n).contract\n",
        broken="        contract = shared.runs.contract\n",
        tests=[f"{DOUBTS}::test_a_run_is_followed_by_the_contract_that_it_was_started_with"],
    ),
    Rule(
        name="a status is asked for in the words of the run's own contract",
        file=f"{ADOBE}/delivery.py",
        kept="compose_status(generation_called(contract, self._generation), ",
        broken="compose_status(self._generation, ",
        tests=[ADOBE_RUNS],
    ),
    Rule(
        name="an audience that is gone while a run is in doubt blocks, and is shown",
        file="pipeline/stages/snapshot/following.py",
        kept="        if listed.cause is not None:\n",
        broken="        if listed is None:\n",
        tests=[f"{DOUBTS}::{GONE_IN_DOUBT}"],
    ),
    Rule(
        name="an audience that is gone while its run goes on blocks, and is shown",
        file="pipeline/stages/snapshot/following.py",
        kept="            if cause is not None:\n",
        broken="            if cause is not None and not cause:\n",
        tests=[f"{DOUBTS}::{GONE_ELSEWHERE}"],
    ),
    Rule(
        name="a run that is not found blocks no audience that is there",
        file="pipeline/stages/snapshot/following.py",
        kept="await self._cause_in_list() if answer.is_missing else answer.cause\n",
        broken="answer.cause\n",
        tests=[f"{DOUBTS}::test_a_run_alone_that_is_not_found_blocks_nobody"],
    ),
    Rule(
        name="owners that are restarted again and again burn a window together",
        file="pipeline/stages/snapshot/absence.py",
        kept="    return max(own_seconds, ",
        broken="    return min(own_seconds, ",
        tests=[f"{DOUBTS}::{NEVER_LONG}"],
    ),
    Rule(
        name="what owners in turn saw counts less than their clocks may differ",
        file="pipeline/stages/snapshot/absence.py",
        kept="CLOCKS_MS = 300_000\n",
        broken="CLOCKS_MS = 0\n",
        tests=[f"{DOUBTS}::{SURELY_MISSING}"],
    ),
    Rule(
        name="a window is not burnt for what was missing of another",
        file="pipeline/stages/snapshot/transitions.py",
        kept="            absent_lists=0,\n            absent_since_ms=None,\n",
        broken="",
        tests=[f"{DOUBTS}::test_a_window_is_not_burnt_for_what_was_missing_of_another"],
    ),
    Rule(
        name="files of an audience that left the configuration go in time",
        file="pipeline/stages/snapshot/worker.py",
        kept="            await former.sweep()\n",
        broken="",
        tests=[f"{FORMER}::{AS_LONG_AS_OTHERS}"],
    ),
    Rule(
        name="a file of a former audience stays while the partner may be reading it",
        file="pipeline/stages/snapshot/former_files.py",
        kept="                yield from kept_after_leaving(runs, now_ms, seconds)\n",
        broken="                yield from ()\n",
        tests=[f"{FORMER}::test_a_file_that_the_partner_may_be_reading_stays_for_a_day_more"],
    ),
    Rule(
        name="an audience in the folder of a former one keeps its own file",
        file="pipeline/stages/snapshot/former_files.py",
        kept="                yield state.n\n",
        broken="                yield from ()\n",
        tests=[f"{FORMER}::{ITS_OWN}"],
    ),
    Rule(
        name="a file is ours by its folder and its whole name",
        file="pipeline/stages/snapshot/files.py",
        kept="        is_ours = n is not None and one.path == path_of(folder, n)\n",
        broken="        is_ours = n is not None\n",
        tests=[f"{FORMER}::{NOT_OURS}"],
    ),
    Rule(
        name="the folders of an audience are remembered",
        file="pipeline/stages/snapshot/transitions.py",
        kept="(*state.folders, folder)",
        broken="(folder,)",
        tests=[f"{FORMER}::test_files_in_a_folder_that_an_audience_had_before_go_in_time"],
    ),
    Rule(
        name="files go in time while a run is followed for hours",
        file="pipeline/stages/snapshot/owner.py",
        kept="            await self._tidy()\n",
        broken="            if not self._turn.locked():\n                await self._tidy()\n",
        tests=[f"{FORMER}::{WHILE_FOLLOWED}"],
    ),
    Rule(
        name="a run is asked after over HTTP by its own contract",
        file="pipeline/http/runs.py",
        kept="compose_status(audience, run_id, contract))",
        broken="compose_status(audience, run_id))",
        tests=["tests/http/test_runs.py"],
    ),
    Rule(
        name="payments that count no more are let go before they are looked through",
        file="pipeline/stages/snapshot/worker.py",
        kept="            await shared.journal.forget()\n",
        broken="            await asyncio.sleep(0)\n",
        tests=[f"{TROUBLES}::test_a_successor_looks_only_through_the_runs_that_count"],
    ),
    Rule(
        name="a first snapshot waits until ingest has caught up",
        file="pipeline/stages/snapshot/schedule.py",
        kept="    if is_first and not (may_begin or is_asked_for):\n",
        broken="    if False and not (may_begin or is_asked_for):\n",
        tests=[f"{STEPS}::{FIRST_WAITS}"],
    ),
    Rule(
        name="no rolling day has more runs than the budget",
        file="pipeline/stages/snapshot/budget.py",
        kept="    too_many = len(ats) - most\n",
        broken="    too_many = len(ats) - most - 1\n",
        tests=["tests/stages/snapshot/test_budget.py"],
    ),
    Rule(
        name="removes must explain a snapshot that lost half of its rows",
        file="pipeline/stages/snapshot/guards.py",
        kept="was - rows <= removes",
        broken="removes >= 0",
        tests=["tests/stages/snapshot/test_guards.py"],
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
        kept='        if self._refused:\n            state = "blocked"\n',
        broken='        if not self._refused:\n            state = "blocked"\n',
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
        name="brokers that do not answer are shown to an alert",
        file="pipeline/operations/lag_reports.py",
        kept="            self._telemetry.brokers_away(is_away=True)\n",
        broken="            self._telemetry.brokers_away(is_away=False)\n",
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
    Rule(
        name="a partner whose token never comes delays no lane of another",
        file="pipeline/operations/warm_up.py",
        kept="            if not isinstance(answer, TokenRefused):\n                return\n",
        broken="            if not isinstance(answer, TokenRefused):\n                continue\n",
        tests=[
            "tests/operations/test_warm_up.py::test_a_client_that_gets_no_answer_delays_no_other"
        ],
    ),
    Rule(
        name="no cancellation is lost where a task group fails",
        file="pipeline/stages/cancellation.py",
        kept="        if task.cancelling() > before:\n",
        broken="        if task.cancelling() < before:\n",
        tests=[f"{TROUBLES}::{GIVEN_UP_AND_SHUT_OUT}"],
    ),
    Rule(
        name="an owner that is cancelled while it closes closes all the same",
        file="pipeline/stages/snapshot/worker.py",
        kept="                finally:\n                    await shared.journal.close()\n",
        broken=(
            "                finally:\n                    pass\n"
            "                await shared.journal.close()\n"
        ),
        tests=[f"{TROUBLES}::{CANCELLED_AGAIN}"],
    ),
    Rule(
        name="what snapshots raise ends no process that serves lanes",
        file="pipeline/stages/snapshot/worker.py",
        kept="            except* Exception as errors:  # noqa: BLE001",
        broken="            except* ZeroDivisionError as errors:  # noqa: BLE001",
        tests=[f"{BROKEN_ADOBE}[an_internal_error_is_raised]"],
    ),
    Rule(
        name="asking again with a new token takes a turn of its own",
        file="pipeline/http/client.py",
        kept="            await limiter.turn()\n",
        broken="            pass\n",
        tests=[f"{CLIENT}::test_a_request_with_a_new_token_waits_for_its_turn_like_every_other"],
    ),
    Rule(
        name="the word of a state counts and not how it is written",
        file="pipeline/destinations/partner_words.py",
        kept="    return said.upper() if said.isascii() else said\n",
        broken="    return said\n",
        tests=[
            f"{PARTNER_ANSWERS}::TestStatus::test_the_word_counts_and_not_how_it_is_written",
            "tests/destinations/test_adobe_runs.py",
        ],
    ),
    Rule(
        name="a time of day that is set ahead forgets no run",
        file="pipeline/stages/snapshot/budget.py",
        kept="    return max(payment.at_ms, now_ms - age_ms)\n",
        broken="    return payment.at_ms\n",
        tests=[
            "tests/stages/snapshot/test_budget.py::test_a_time_of_day_that_is_set_anew_forgets_no_run"
        ],
    ),
    Rule(
        name="others of a lane have their turn while one audience is refused",
        file="pipeline/stages/upload/dispatcher.py",
        kept='        if audience is not None and blocked.cause == "mostly_refused":\n',
        broken="        if audience is None:\n",
        tests=[REFUSED],
    ),
    Rule(
        name="of an audience that is refused nothing is sent between two questions",
        file="pipeline/stages/upload/dispatcher.py",
        kept="            batch = self._queue.take(self._clock(), self._refused)\n",
        broken="            batch = self._queue.take(self._clock())\n",
        tests=[f"{REFUSED}::{FEW_RECORDS}"],
    ),
    Rule(
        name="the cap is earned by a clock that no correction hurries",
        file="pipeline/stages/upload/assembly.py",
        kept="clock=shared.cap_clock",
        broken="clock=self._clock",
        tests=[f"{LANE}::{HURRIED}"],
    ),
    Rule(
        name="a minute lies between two questions about a refused audience",
        file="pipeline/stages/upload/refused_audiences.py",
        kept="            asks_at=now + self._probe_seconds,\n",
        broken="            asks_at=now,\n",
        tests=[f"{ANSWERS}::{ASKED_NO_FASTER}"],
    ),
    Rule(
        name="a refused audience takes no memory that others need",
        file="pipeline/stages/upload/dispatcher.py",
        kept="                self._pauses.set_aside(audience)\n",
        broken="                pass\n",
        tests=[REFUSED],
    ),
    Rule(
        name="no more of a refused audience is read than it takes to ask",
        file="pipeline/stages/upload/pauses.py",
        kept="(few if audience in self._refused else self._most_replayed)",
        broken="self._most_replayed",
        tests=[REFUSED],
    ),
    Rule(
        name="of what waits of a refused audience only as much stays as it takes to ask",
        file="pipeline/stages/upload/dispatcher.py",
        kept="        if self._queue.waiting(audience) > 2 * self._refused.question_size:\n",
        broken="        if False:\n",
        tests=[REFUSED],
    ),
    Rule(
        name="a replay takes no more of a stretch than it takes to ask",
        file="pipeline/stages/upload/pauses.py",
        kept="            if left.get(audience, 1) <= 0:\n",
        broken="            if False:\n",
        tests=[REFUSED],
    ),
    Rule(
        name="a refused audience stays with its replay",
        file="pipeline/stages/upload/paused_audiences.py",
        kept="            stays = audience in refused and not one.replayed.is_clear\n",
        broken="            stays = False\n",
        tests=[REFUSED],
    ),
    Rule(
        name="others have a slot between two questions",
        file="pipeline/stages/upload/refused_audiences.py",
        kept="        if now < self._rests_until:\n            return []\n",
        broken="",
        tests=[REFUSED],
    ),
    Rule(
        name="a question that steps aside keeps no other one waiting",
        file="pipeline/stages/upload/in_flight.py",
        kept="one.audience in audiences and not one.is_aside for one",
        broken="one.audience in audiences for one",
        tests=[REFUSED],
    ),
    Rule(
        name="where the work goes on is believed only if the topic reaches so far",
        file="pipeline/kafka/offset_resolver.py",
        kept="        needed = {committed.offset, start.offset}\n",
        broken="        needed = {committed.offset}\n",
        tests=["tests/kafka/test_commit_metadata.py"],
    ),
    Rule(
        name="trimming passes nothing that the last commit may still keep",
        file="pipeline/stages/upload/trimming.py",
        kept="        settled = offsets.kept_from\n",
        broken="        settled = offsets.committable\n",
        tests=["tests/simulation/test_audience_paused.py"],
    ),
    Rule(
        name="a refusal ends only when nothing of the audience is in flight",
        file="pipeline/stages/upload/batching.py",
        kept="        return any(audience_of(key) == audience for key in self._in_flight)\n",
        broken="        return False\n",
        tests=[REFUSED],
    ),
    Rule(
        name="a lane that reads again forgets no refusal",
        file="pipeline/stages/upload/dispatcher.py",
        kept="        return self._offsets.has_read_all and not self._queue",
        broken="        return not self._queue",
        tests=[REFUSED],
    ),
    Rule(
        name="the more audiences are refused the fewer records of each wait",
        file="pipeline/stages/upload/refused_audiences.py",
        kept="min(HOPELESS_RUN, QUESTION_RECORDS // max(1, len(self._refusals)))",
        broken="HOPELESS_RUN",
        tests=[REFUSED],
    ),
    Rule(
        name="a refused audience leaves as much room as the lane's reader waits for",
        file="pipeline/stages/upload/dispatcher.py",
        kept="            elif not self._room.is_half_free and self._takes_room(audience):\n",
        broken="            elif not self._room.is_there and self._takes_room(audience):\n",
        tests=[REFUSED],
    ),
    Rule(
        name="what a stopped delivery leaves without an end waits again",
        file="pipeline/stages/upload/in_flight.py",
        kept="        self._late.give_back(delivery.left, was_in_doubt=delivery.was_in_doubt)\n",
        broken="",
        tests=[REFUSED],
    ),
    Rule(
        name="a change that waits again does not overtake a later one of its member",
        file="pipeline/stages/upload/batching.py",
        kept="            if later is not None and later.offset >= record.offset:\n",
        broken="            if later is None:\n",
        tests=["tests/stages/upload/test_batching.py"],
    ),
    Rule(
        name="nothing of a refused audience that is set aside keeps others from being committed",
        file="pipeline/stages/upload/intake.py",
        kept="        if self._paused.keeps(audience):\n            for record in records:\n",
        broken="        if False:\n            for record in records:\n",
        tests=[REFUSED, "tests/simulation/test_audience_paused.py"],
    ),
    Rule(
        name="an answer to what was sent before a refusal does not end it",
        file="pipeline/stages/upload/delivery.py",
        kept="        if not self._stopping:\n            self._outcomes.takes(self.audience)\n",
        broken="        self._outcomes.takes(self.audience)\n",
        tests=[f"{REFUSED}::{SENT_BEFORE}"],
    ),
    Rule(
        name="nothing of a refused audience is lost with the metadata of a commit",
        file="pipeline/stages/upload/offsets.py",
        kept="        lowest = min([done_to, *self._paused.since_unasked()])\n",
        broken="        lowest = done_to\n",
        tests=[REFUSED],
    ),
    Rule(
        name="a successor that does not learn what is kept back begins at the offset itself",
        file="pipeline/kafka/offset_resolver.py",
        kept='    return json.dumps(said | {"paused_since": min(paused.values())})\n',
        broken='    return json.dumps(said | {"paused_since": min(paused.values())} | ahead)\n',
        tests=["tests/kafka/test_commit_metadata.py"],
    ),
    Rule(
        name="the end of a replay is committed although nothing else comes",
        file="pipeline/stages/upload/offsets.py",
        kept="            if len(self._paused) < before:\n                self.report()\n",
        broken="",
        tests=[f"tests/simulation/test_audience_paused.py::{END_OF_REPLAY}"],
    ),
    Rule(
        name="a start asks what is forbidden before it takes a topic for missing",
        file="pipeline/operations/member_topics.py",
        kept="        barred = await _denied(topics, plans)\n",
        broken="        barred: Mapping[str, MembersTrouble] = {}\n",
        tests=[f"{DENIALS}::test_a_start_names_what_is_forbidden_and_goes_on"],
    ),
    Rule(
        name="nothing is written to a topic that nobody can see to be laid out",
        file="pipeline/operations/member_topics.py",
        kept="    return replace(trouble, stops_ingest=not is_known)\n",
        broken="    return trouble\n",
        tests=[f"{DENIALS}::{NOT_LAID_OUT}"],
    ),
    Rule(
        name="an owner asks what is forbidden before it takes a topic for deleted",
        file="pipeline/kafka/members_check.py",
        kept="                if missing := await topics.forbidden([self._plan.name]):\n",
        broken="                if missing := {}:\n",
        tests=[f"{DENIALS}::test_an_owner_that_runs_names_what_is_forbidden_until_it_is_allowed"],
    ),
    Rule(
        name="a topic that is forbidden is waited for",
        file="pipeline/kafka/chunk_trouble.py",
        kept="        if isinstance(error, _FORBIDDEN):\n",
        broken="        if False:\n",
        tests=[FORBIDDEN_TOPIC],
    ),
    Rule(
        name="what is forbidden to a running ingest is shown in its status",
        file="pipeline/app/status.py",
        kept=", *_forbidden(pipeline.chunk_trouble)]",
        broken="]",
        tests=[f"{SUPERVISOR}::{FORBIDDEN_IS_SHOWN}"],
    ),
    Rule(
        name="a topic that is allowed again is shown no longer",
        file="pipeline/kafka/transactional_writer.py",
        kept="        self._trouble.durable(self, topics_of(outgoing, letters))\n",
        broken="",
        tests=[FORBIDDEN_TOPIC],
    ),
    Rule(
        name="a topic that is allowed again is shown no longer, without transactions either",
        file="pipeline/kafka/plain_writer.py",
        kept="        self._trouble.durable(self, topics_of(outgoing, letters))\n",
        broken="",
        tests=[f"{TRANSACTIONS}::{ALLOWED_AGAIN}"],
    ),
    Rule(
        name="what another process may not write is not shown for ever",
        file="pipeline/kafka/chunk_trouble.py",
        kept="[one for one in self._forbidden if one[0] is writer]",
        broken="[]",
        tests=[f"{CHUNK_TROUBLE}::test_a_partition_that_is_lost_takes_its_trouble_with_it"],
    ),
    Rule(
        name="no cancellation is lost while a client closes",
        file="pipeline/kafka/closing.py",
        kept="            await asyncio.wait([task])\n",
        broken="            await task\n",
        tests=[f"{CLOSING}::{CANCELLED_WHILE_CLOSING}"],
    ),
    Rule(
        name="a client that does not close holds up no stop",
        file="pipeline/kafka/closing.py",
        kept="            await asyncio.wait([task], timeout=CLOSE_SECONDS)\n",
        broken="            await asyncio.wait([task])\n",
        tests=[f"{CLOSING}::test_a_client_that_does_not_close_holds_up_nobody_who_is_cancelled"],
    ),
    Rule(
        name="a start that is stopped leaves no connection open",
        file="pipeline/kafka/client_mends.py",
        kept="            self.close(reason=library.CloseReason.SHUTDOWN)\n",
        broken="",
        tests=[f"{CANCELLATION}::{STOPPED_START}"],
    ),
    Rule(
        name="examples that cannot be written stay as they were",
        file="pipeline/operations/sources/updating.py",
        kept="            write_whole(file, _text(file, cases))\n",
        broken="            file.write_text(_text(file, cases))\n",
        tests=[f"{SOURCE_COMMANDS}::{KEPT_EXAMPLES}"],
    ),
    Rule(
        name="a draft that could not be written is gone",
        file="pipeline/operations/whole_file.py",
        kept="        draft.unlink(missing_ok=True)\n",
        broken="",
        tests=[f"{SOURCE_COMMANDS}::{KEPT_EXAMPLES}"],
    ),
)
