from pathlib import Path
from typing import Any

import pytest

from pipeline.sandbox.adobe_audiences.contracts import LANDING_ZONE_PATH
from pipeline.sandbox.adobe_audiences.faults import Fault, RunFault, ScriptedFault
from pipeline.sandbox.adobe_audiences.options import SimulatorOptions
from tests.sandbox.adobe_client import FIELDS, FOLDER, Partner, csv, partner

IDENTITY = FIELDS[0]
ONE = "/external-audience"


def many(count: int) -> list[dict[str, object]]:
    others: list[dict[str, object]] = [
        {"name": f"c{number}", "type": "string"} for number in range(count - 1)
    ]
    return [IDENTITY, *others]


def source(**params: object) -> dict[str, object]:
    said = {"path": FOLDER, "type": "folder", "cloudType": "DLZ", **params}
    return {"params": {name: value for name, value in said.items() if value is not None}}


async def create(running: Partner, **more: object) -> Any:
    return await running.call("POST", f"{ONE}/", running.audience(**more))


async def test_creating_is_an_operation_that_tells_the_id_in_the_end(tmp_path: Path) -> None:
    """
    The answer to the request has no audience id; the operation has one once it succeeded.
    """
    async with partner(tmp_path) as running:
        answer = await create(running)
        path = f"{ONE}/operations/{answer['operationId']}"
        before = await running.call("GET", path)
        running.time.now += 1
        after = await running.call("GET", path)

    assert answer.status == 202
    assert answer["operationDetails"]["name"] == "vip-customers"
    assert (before["status"], before.get("audienceId")) == ("PROCESSING", None)
    assert (after["status"], after["audienceName"]) == ("SUCCESS", "vip-customers")
    assert after["audienceId"]


async def test_the_draft_speaks_of_tasks(tmp_path: Path) -> None:
    """
    Its create answers 200 with the audience beside the id of the task.
    """
    async with partner(tmp_path, SimulatorOptions(contract="draft")) as running:
        answer = await running.call("POST", f"{ONE}/submit", running.audience(ttlInDays="40"))
        running.time.now += 1
        task = await running.call("GET", f"{ONE}/task/{answer['taskId']}")
        current = await running.call("POST", f"{ONE}/", running.audience())

    assert (answer.status, answer["name"], answer["ttlInDays"]) == (200, "vip-customers", 40)
    assert {"taskId", "audienceId", "status"} == set(task.body)  # type: ignore[call-overload]
    assert current.status in (404, 405)


async def test_an_operation_can_fail_and_then_there_is_no_audience(tmp_path: Path) -> None:
    """
    The same name may be tried again.
    """
    async with partner(tmp_path) as running:
        failing = Fault(run=RunFault(fails_in="DATASET_INGEST"))
        running.simulator.script(ScriptedFault(endpoint="audiences.create", fault=failing))
        answer = await create(running)
        running.time.now += 1
        failed = await running.call("GET", f"{ONE}/operations/{answer['operationId']}")
        again = await running.created()

    assert (failed["status"], failed.get("audienceId")) == ("FAILED", None)
    assert again


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""},
        {"name": None},
        {"surprise": 1},
        {"profileIngestion": True},
        {"originName": "UPLOAD"},
        {"originName": None},
        {"audienceType": "accounts"},
        {"ttlInDays": 0},
        {"ttlInDays": 91},
        {"ttlInDays": 1.5},
        {"customAudienceId": "1st"},
        {"labels": ["C1"]},
        {"fields": []},
        {"fields": many(42)},
        {"fields": many(2)[1:]},
        {"fields": [IDENTITY, IDENTITY]},
        {"fields": [IDENTITY, {"name": "EMAIL", "type": "string"}]},
        {"fields": [IDENTITY, {"name": "loyalty tier", "type": "string"}]},
        {"fields": [IDENTITY, {"name": "loyalty-tier", "type": "string"}]},
        {"fields": [IDENTITY, {"name": "tier", "type": "text"}]},
        {"sourceSpec": source(path="vip customers")},
        {"sourceSpec": source(type="bucket")},
        {"sourceSpec": source(sourceType="Database")},
        {"sourceSpec": source(cloudType=None)},
        {"sourceSpec": source(cloudType="Dropbox")},
        {"sourceSpec": source(cloudType="S3")},
        {"sourceSpec": source(cloudType="GCS")},
        {"sourceSpec": source(cloudType="SFTP")},
        {"sourceSpec": source()["params"]},
        {"sourceSpec": source(encryption={"signVerificationId": "key"})},
    ],
)
async def test_what_the_contract_forbids_is_refused(
    tmp_path: Path, wrong: dict[str, object]
) -> None:
    """
    Each with the code of a bad request, and counted.
    """
    async with partner(tmp_path) as running:
        answer = await create(running, **wrong)
        violations = await running.violations()

    assert (answer.status, answer["error_code"]) == (400, "100910-400")
    assert violations == {"broken_request": 1}


@pytest.mark.parametrize(
    "right",
    [
        {"fields": many(41)},
        {"fields": many(1)},
        {"ttlInDays": 1},
        {"ttlInDays": 90},
        {"ttlInDays": None},
        {"description": "who they are", "tags": ["tag-1"], "labels": ["core/C1", "custom/deep"]},
        {"customAudienceId": "_vip$1", "expressActivation": True},
        {"sourceSpec": source(cloudType="S3", baseConnectionId="connection")},
        {"sourceSpec": source(cloudType="Azure")},
        {"sourceSpec": source(encryption={"publicKeyId": "key"})},
    ],
)
async def test_what_the_contract_allows_is_taken(tmp_path: Path, right: dict[str, object]) -> None:
    """
    Edges among it.
    """
    async with partner(tmp_path) as running:
        answer = await create(running, **right)

    assert answer.status == 202


async def test_the_draft_wants_its_source_flat_and_whole(tmp_path: Path) -> None:
    """
    And it knows another key.
    """
    flat = {"path": FOLDER, "type": "folder", "sourceType": "Cloud Storage"}
    async with partner(tmp_path, SimulatorOptions(contract="draft")) as running:
        nested = await running.call("POST", f"{ONE}/submit", running.audience(sourceSpec=source()))
        bare = await running.call("POST", f"{ONE}/submit", running.audience(sourceSpec=flat))
        known = await running.call("POST", f"{ONE}/submit", running.audience(profileIngestion=True))

    assert (nested.status, bare.status, known.status) == (400, 400, 200)


async def test_a_name_that_is_taken_is_refused(tmp_path: Path) -> None:
    """
    Also while the operation of the first still goes on.
    """
    async with partner(tmp_path) as running:
        await create(running)
        waiting = await create(running)
        running.time.now += 1
        made = await create(running)

    assert (waiting.status, made.status) == (409, 409)
    assert made["error_code"] == "100950-409"


async def test_the_path_of_the_landing_zone_may_begin_with_its_container(tmp_path: Path) -> None:
    """
    The partner's own client writes it so.
    """
    async with partner(tmp_path) as running:
        audience = await running.created(sourceSpec=source(path=f"dlz-user-container/{FOLDER}"))
        run = await running.ingested(audience, csv("ana"))

    assert run["status"] == "SUCCESS"


async def test_an_update_replaces_what_it_names_and_nothing_else(tmp_path: Path) -> None:
    """
    Only description, labels, labels of fields and the life can be changed.
    """
    change = {
        "description": "new",
        "labels": ["core/C1"],
        "fields": [{"name": "age", "labels": ["core/C3"]}],
        "ttlInDays": 90,
    }
    async with partner(tmp_path) as running:
        audience = await running.created()
        answer = await running.call("PATCH", f"{ONE}/{audience}", change)
        name = await running.call("PATCH", f"{ONE}/{audience}", {"name": "other"})
        field = await running.call("PATCH", f"{ONE}/{audience}", {"fields": [{"name": "shoe"}]})

    assert answer.status == 200
    assert answer["audienceId"] == audience
    assert (answer["description"], answer["labels"], answer["ttlInDays"]) == (
        "new",
        ["core/C1"],
        90,
    )
    fields: Any = answer["fields"]
    assert [one.get("labels") for one in fields] == [None, ["core/C2"], ["core/C3"]]
    assert (name.status, field.status) == (400, 400)


@pytest.mark.parametrize("slash", ["", "/"])
async def test_a_deleted_audience_is_gone(tmp_path: Path, slash: str) -> None:
    """
    Its address answers 404 from then on, and its runs come to nothing.
    """
    async with partner(tmp_path) as running:
        audience = await running.created()
        await running.start(audience, running.store(csv("ana")))
        deleted = await running.call("DELETE", f"{ONE}/{audience}{slash}")
        running.time.now += 30
        after = await running.call("GET", f"{ONE}/{audience}/runs")
        members = await running.simulator.membership()
        again = await running.created()

    assert (deleted.status, deleted.body, after.status) == (204, None, 404)
    assert after["error_code"] == "100940-404"
    assert members == {}
    assert again != audience


async def test_extending_is_not_in_the_draft(tmp_path: Path) -> None:
    """
    It came with a later generation.
    """
    async with partner(tmp_path, SimulatorOptions(contract="draft")) as running:
        audience = await running.created()
        answer = await running.call("POST", f"{ONE}/extend-ttl/{audience}")

    assert answer.status == 404


async def test_names_of_standard_namespaces_are_echoed_as_the_partner_writes_them(
    tmp_path: Path,
) -> None:
    """
    So whoever compares them must ignore case.
    """
    field = {"name": "mail", "type": "string", "identityNs": "email"}
    async with partner(tmp_path) as running:
        answer = await create(running, fields=[field])

    assert answer["operationDetails"]["fields"][0]["identityNs"] == "Email"


async def test_the_landing_zone_tells_its_credentials_and_is_never_refreshed(
    tmp_path: Path,
) -> None:
    """
    Refreshing makes those of every other user invalid.
    """
    zone = {"containerName": "dlz-user-container", "SASToken": "sv=1"}
    async with partner(tmp_path, SimulatorOptions(landing_zone=zone)) as running:
        url = f"{running.simulator.origin}{LANDING_ZONE_PATH}?type=user_drop_zone"
        shown = await running.call("GET", url)
        refreshed = await running.call("POST", f"{url}&action=refresh")
        violations = await running.violations()

    assert (shown.body, refreshed.status) == (zone, 200)
    assert violations == {"refreshed_credentials": 1}
