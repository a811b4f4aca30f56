"""Runs at Adobe: requests of both generations, and what each answer to them means."""

import json
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.destinations.adobe_audiences.delivery import AdobeSnapshots, snapshots
from pipeline.destinations.exchange import Response
from pipeline.destinations.snapshots import (
    BudgetSpent,
    LandingZone,
    Run,
    RunRefused,
    RunStarted,
    Snapshots,
    Window,
)
from pipeline.domain.job import JobReport, NotYet
from pipeline.domain.send_result import Blocked, InDoubt, Throttled
from tests.destinations.adobe import AUDIENCE, answer, settings

WINDOW = Window(start_s=1_750_000_000, end_s=1_750_000_006)
ROOT = f"/data/core/ais/external-audience/{AUDIENCE}"
CURRENT, DRAFT = (
    snapshots(settings()),
    snapshots(settings(contract="draft", base_connection_id="connection")),
)
GOOD = {"DATASET_INGEST": "SUCCESS", "PROFILE_STORE_INGEST": "SUCCESS"}


def status(state: str | None, stages: dict[str, str]) -> Response:
    details = [{"stage": stage, "status": said} for stage, said in stages.items()]
    said = {"runId": "r-1", "details": details} | ({} if state is None else {"status": state})
    return answer(200, json.dumps(said))


def listed(*entries: object) -> Response:
    return answer(200, json.dumps({"runs": entries}))


def entry(**keys: object) -> dict[str, object]:
    usual = {
        "runId": "r-1",
        "dataFilterStartTime": WINDOW.start_s,
        "dataFilterEndTime": WINDOW.end_s,
        "createdAt": 1_750_000_010,
        "status": "SUCCESS",
    }
    return {key: value for key, value in {**usual, **keys}.items() if value is not None}


def runs_of(response: Response, of: AdobeSnapshots = CURRENT) -> Sequence[Run]:
    found = of.interpret_runs(response)
    assert not isinstance(found, NotYet), found
    return found


def test_it_is_what_the_contract_of_snapshots_asks_for() -> None:
    assert isinstance(CURRENT, Snapshots)


@pytest.mark.parametrize(
    ("of", "start", "one", "body"),
    [
        (CURRENT, "/runs", "/runs/r%2F1", {}),
        (DRAFT, "/run", "/run/r%2F1", {"differentialIngestion": False}),
    ],
)
def test_each_generation_has_its_own_paths_and_its_own_body(
    of: AdobeSnapshots, start: str, one: str, body: dict[str, object]
) -> None:
    """
    Left out, the draft would take in only what differs; the newer one has no such choice.
    """
    request = of.compose_run(AUDIENCE, WINDOW)

    assert (request.method, request.path) == ("POST", ROOT + start)
    assert request.headers["Content-Type"] == "application/json"
    assert json.loads(b"".join(request.body)) == {
        "dataFilterStartTime": WINDOW.start_s,
        "dataFilterEndTime": WINDOW.end_s,
        **body,
    }
    assert of.compose_status(AUDIENCE, "r/1").path == ROOT + one
    assert of.compose_runs(AUDIENCE).path == f"{ROOT}/runs"
    assert not of.compose_runs(AUDIENCE).query


@pytest.mark.parametrize(
    ("now", "then", "path"),
    [
        (CURRENT, DRAFT.contract, "/run/r"),
        (DRAFT, CURRENT.contract, "/runs/r"),
        (CURRENT, None, "/runs/r"),
        (DRAFT, "of another time", "/run/r"),
    ],
)
def test_a_run_is_asked_after_by_the_contract_that_began_it(
    now: AdobeSnapshots, then: str | None, path: str
) -> None:
    """
    The setting may be another one by then; where nobody wrote it down, it is taken.
    """
    assert now.compose_status(AUDIENCE, "r", then).path == ROOT + path


def error(status: int, code: str, message: str) -> Response:
    return answer(status, json.dumps({"error_code": code, "message": message}), wait=None)


BUSY = "Too many ingestions: a previous audience ingestion is already in progress"
PATH_OF_RUNS = json.dumps(
    {"title": "Too Many Requests", "status": 429, "instance": f"{ROOT}/runs?limit=20"}
)


@pytest.mark.parametrize(
    ("response", "meant"),
    [
        (error(400, "100910-400", "BAD_REQUEST"), RunRefused),
        (error(409, "100950-409", "DUPLICATE_RESOURCE"), RunRefused),
        (error(422, "100960-422", "UNPROCESSABLE_ENTITY"), RunRefused),
        (error(400, "100911-400", "BAD_REQUEST"), Blocked),
        (error(401, "100920-401", "UNAUTHORIZED"), Blocked),
        (error(401, "100921-401", "UNAUTHORIZED"), Blocked),
        (error(401, "100922-401", "UNAUTHORIZED"), Blocked),
        (error(403, "403025", "profile is not valid"), Blocked),
        (error(404, "100940-404", "NOT_FOUND"), Blocked),
        (error(418, "", ""), Blocked),
        (answer(302), Blocked),
        (error(429, "429001", "Too many requests: rate limit exceeded"), Throttled),
        (error(429, "429001", "The quota of ingestion runs is exhausted"), BudgetSpent),
        (answer(429, PATH_OF_RUNS), Throttled),
        (error(400, "100910-400", BUSY), RunRefused),
        (error(409, "", BUSY), RunRefused),
        (error(429, "", BUSY), RunRefused),
        (error(400, "100910-400", "The limit of ingestion runs is reached"), BudgetSpent),
        (error(403, "403999", "Guardrail: daily limit of ingestion runs exceeded"), BudgetSpent),
        (error(422, "100960-422", "exceeds the guardrail limit"), BudgetSpent),
        (error(500, "100970-500", "INTERNAL_SERVER_ERROR"), InDoubt),
        (error(502, "100970-502", "BAD_GATEWAY"), InDoubt),
        (error(503, "", "the limit is reached"), InDoubt),
        (answer(408), InDoubt),
        (answer(504, "<html>Gateway Timeout</html>"), InDoubt),
    ],
)
def test_each_refusal_and_each_trouble_has_its_meaning(response: Response, meant: type) -> None:
    assert isinstance(CURRENT.interpret_run(response), meant)


@pytest.mark.parametrize(
    ("code", "cause"),
    [
        ("100911-400", "unauthorised"),
        ("100922-401", "unauthorised"),
        ("403003", "forbidden"),
        ("100940-404", "not_found"),
    ],
)
def test_what_a_person_must_mend_says_what_it_is(code: str, cause: str) -> None:
    status = int(code[-3:]) if "-" in code else 403

    found = CURRENT.interpret_run(error(status, code, "words of the partner"))

    assert isinstance(found, Blocked)
    assert found.cause == cause
    assert "words of the partner" in found.detail


def test_a_run_that_the_answer_names_has_started() -> None:
    assert CURRENT.interpret_run(answer(200, '{"runId":"r-1"}')) == RunStarted("r-1")


@pytest.mark.parametrize(
    "response",
    [
        answer(200),
        answer(204),
        answer(200, "{"),
        answer(200, "[]"),
        answer(200, "{}"),
        answer(200, '{"runId":""}'),
        answer(200, '{"runId":7}'),
        answer(200, '{"runId":"' + "x" * 201 + '"}'),
        answer(200, "<html><body>Welcome</body></html>"),
        answer(200, '{"runId":"r-1"}', body_trouble="the answer was cut short"),
    ],
)
def test_a_success_that_names_no_run_leaves_open_whether_one_started(response: Response) -> None:
    """
    Never taken for a refusal, which would be repeated, nor for a run, which nobody could follow.
    """
    assert isinstance(CURRENT.interpret_run(response), InDoubt)


def test_runs_come_the_newest_first_whatever_the_order_and_the_unit_of_their_times() -> None:
    first = entry(runId="old", createdAt=1_750_000_000)
    newest = entry(runId="new", createdAt=1_750_000_900_000, dataFilterEndTime="1750000006")

    found = runs_of(listed(first, newest))

    assert [run.run_id for run in found] == ["new", "old"]
    assert [run.window for run in found] == [WINDOW, WINDOW]
    assert found[0].created_s == 1_750_000_900


def test_the_shape_of_the_drafts_list_is_unknown_so_several_are_read() -> None:
    draft = entry(createdAt=None, ingestionTime=1_750_000_010)

    bare = runs_of(answer(200, json.dumps([draft])), DRAFT)

    assert bare == runs_of(answer(200, json.dumps({"items": [draft]})), DRAFT)
    assert bare[0].created_s == 1_750_000_010


def test_a_run_that_is_listed_without_its_end_is_known_by_its_beginning() -> None:
    """
    A window of ours is twice as long as its margin: the owner recognises its own by both ends.
    """
    [found] = runs_of(listed(entry(dataFilterEndTime=None)))

    assert found.window == WINDOW


@pytest.mark.parametrize(
    "start", ["2025-06-15T15:06:40Z", "2025-06-15T17:06:40.000+02:00", "2025-06-15T15:06:40"]
)
def test_times_of_a_list_may_come_as_dates(start: str) -> None:
    [found] = runs_of(listed(entry(dataFilterStartTime=start, createdAt="2025-06-15T15:06:50Z")))

    assert (found.window, found.created_s) == (WINDOW, 1_750_000_010)


def test_a_run_without_a_window_is_another_ones_and_spoils_no_list() -> None:
    """
    The partner's own renewal takes no files by their time, and must not block an audience for ever.
    """
    renewal = entry(
        runId="renewal", dataFilterStartTime=None, dataFilterEndTime=None, createdAt=1_750_000_020
    )

    first, second = runs_of(listed(entry(), renewal))

    assert (first.run_id, first.window, second.window) == ("renewal", None, WINDOW)


@pytest.mark.parametrize(
    "broken",
    [
        None,
        7,
        {},
        entry(runId=None),
        entry(runId=""),
        entry(dataFilterStartTime="soon"),
        entry(dataFilterStartTime=None, createdAt=None),
    ],
)
def test_one_run_that_cannot_be_read_spoils_the_list(broken: object) -> None:
    """
    A run that is overlooked would count as none, and its file would be given to a second one.
    """
    assert isinstance(CURRENT.interpret_runs(listed(entry(), broken)), NotYet)


@pytest.mark.parametrize(
    "response",
    [
        answer(200),
        answer(200, "<html></html>"),
        answer(200, '{"other":[]}'),
        answer(200, '{"runs":[]}', body_trouble="cut short"),
        answer(500),
        answer(401, "{}"),
    ],
)
def test_what_is_no_list_is_not_taken_for_an_empty_one(response: Response) -> None:
    assert isinstance(CURRENT.interpret_runs(response), NotYet)


@pytest.mark.parametrize(
    ("state", "stages", "end"),
    [
        ("SUCCESS", GOOD, "applied"),
        ("SUCCESS", {}, "pending"),
        ("SUCCESS", {"DATASET_INGEST": "SUCCESS"}, "pending"),
        ("SUCCESS", {**GOOD, "PROFILE_STORE_INGEST": "IN_PROGRESS"}, "pending"),
        ("SUCCESS", {**GOOD, "PROFILE_STORE_INGEST": "FAILED"}, "failed"),
        ("IN_PROGRESS", {"DATASET_INGEST": "SUCCESS"}, "pending"),
        ("IN_PROGRESS", {"DATASET_INGEST": "FAILED"}, "failed"),
        ("FAILED", {}, "failed"),
        ("FAILED", GOOD, "failed"),
        ("", {}, "pending"),
        (None, {"DATASET_INGEST": "SUCCESS"}, "pending"),
        (None, GOOD, "pending"),
        ("COMPLETED", GOOD, "pending"),
        ("Success", {stage.lower(): "success" for stage in GOOD}, "applied"),
        ("in_progress", {"DATASET_INGEST": "Failed"}, "failed"),
    ],
)
def test_a_run_is_applied_only_where_it_and_both_stages_say_so(
    state: str | None, stages: dict[str, str], end: str
) -> None:
    found = CURRENT.interpret_status(status(state, stages))

    assert isinstance(found, JobReport)
    assert found.end == end


def test_a_run_that_failed_says_in_which_stage() -> None:
    found = CURRENT.interpret_status(status("FAILED", {**GOOD, "PROFILE_STORE_INGEST": "FAILED"}))

    assert isinstance(found, JobReport)
    assert found.state == "FAILED at PROFILE_STORE_INGEST"


def test_a_run_is_missing_only_where_the_partner_itself_says_so() -> None:
    said = CURRENT.interpret_status(error(404, "100940-404", "NOT_FOUND"))
    page = CURRENT.interpret_status(answer(404, "<html>nothing here</html>"))
    slow = CURRENT.interpret_status(error(429, "", "too fast"))

    assert isinstance(said, NotYet)
    assert isinstance(page, NotYet)
    assert isinstance(slow, NotYet)
    assert (said.is_missing, page.is_missing, slow.is_throttled) == (True, False, True)


@pytest.mark.parametrize(
    ("response", "cause"),
    [
        (error(404, "100940-404", "NOT_FOUND"), "not_found"),
        (answer(404, "<html>nothing here</html>"), None),
        (error(403, "403025", "profile is not valid"), "forbidden"),
        (error(401, "100922-401", "UNAUTHORIZED"), "unauthorised"),
        (answer(302), "wrong_address"),
        (error(429, "", "too fast"), None),
        (error(500, "100970-500", "INTERNAL_SERVER_ERROR"), None),
        (answer(200, "<html></html>"), None),
    ],
)
def test_a_question_that_only_a_person_can_get_answered_says_why(
    response: Response, cause: str | None
) -> None:
    found = CURRENT.interpret_runs(response)

    assert isinstance(found, NotYet)
    assert found.cause == cause


@given(st.integers(100, 599), st.binary(max_size=80), st.none() | st.just("cut short"))
def test_no_answer_whatever_it_is_makes_a_reader_fail(
    code: int, body: bytes, trouble: str | None
) -> None:
    response = answer(code, body, body_trouble=trouble)

    for of in (CURRENT, DRAFT):
        of.interpret_run(response)
        of.interpret_runs(response)
        of.interpret_status(response)
        of.interpret_landing_zone(response)


AZURE = {
    "containerName": "dlz-user-container",
    "SASToken": "?sv=2020&se=2025-06-15T12%3A00%3A00Z&sig=hush",
    "storageAccountName": "dlzaccount",
    "SASUri": "https://dlzaccount.blob.core.windows.net/dlz-user-container?sig=hush",
}
AWS = {
    "credentials": {
        "clientId": "c",
        "awsAccessKeyId": "key",
        "awsSecretAccessKey": "hush",
        "awsSessionToken": "hush-too",
    },
    "dlzPath": {"bucketName": "bucket", "dlzFolder": "dlz-adf-connectors"},
    "dlzProvider": "Amazon S3",
    "expiryTime": 1735689599,
}


class TestLandingZone:
    def test_its_credentials_are_asked_for_and_never_renewed_for_everybody(self) -> None:
        request = CURRENT.compose_landing_zone()

        assert request.method == "GET"
        assert request.path == "/data/foundation/connectors/landingzone/credentials"
        assert request.query == {"type": "user_drop_zone"}

    def test_on_azure_the_signature_says_how_long_it_is_good(self) -> None:
        zone = CURRENT.interpret_landing_zone(answer(200, json.dumps(AZURE)))

        assert isinstance(zone, LandingZone)
        assert (zone.kind, zone.container, zone.folder) == ("azure", "dlz-user-container", "")
        assert zone.credentials["account"] == "dlzaccount"
        assert zone.credentials["sas_token"].startswith("sv=")
        assert zone.expires_s == 1_749_988_800
        assert "hush" not in repr(zone)

    def test_on_aws_it_is_a_folder_of_a_bucket(self) -> None:
        zone = CURRENT.interpret_landing_zone(answer(200, json.dumps(AWS)))

        assert isinstance(zone, LandingZone)
        assert (zone.kind, zone.container, zone.folder) == ("s3", "bucket", "dlz-adf-connectors")
        assert zone.credentials == {
            "access_key_id": "key",
            "secret_access_key": "hush",
            "session_token": "hush-too",
        }
        assert zone.expires_s == 1735689599
        assert "hush" not in repr(zone)

    @pytest.mark.parametrize(
        ("response", "meant"),
        [
            (answer(200, "{}"), NotYet),
            (answer(200, "<html></html>"), NotYet),
            (answer(429), NotYet),
            (answer(503), NotYet),
            (answer(401), Blocked),
            (answer(403), Blocked),
            (answer(404), Blocked),
        ],
    )
    def test_what_is_no_zone_is_asked_again_or_shown_to_a_person(
        self, response: Response, meant: type
    ) -> None:
        assert isinstance(CURRENT.interpret_landing_zone(response), meant)
