from pathlib import Path

import pytest

from pipeline.sandbox.adobe_audiences.definitions import Field, folder_definition
from pipeline.sandbox.adobe_audiences.faults import Fault, RunFault, ScriptedFault
from pipeline.sandbox.adobe_audiences.options import SimulatorOptions
from pipeline.sandbox.adobe_audiences.vocabulary import ContractName, Stage
from tests.sandbox.adobe_client import FOLDER, csv, digest, partner

CONTRACTS: list[ContractName] = ["current", "draft"]


@pytest.mark.parametrize("contract", CONTRACTS)
async def test_a_file_becomes_the_audience(tmp_path: Path, contract: ContractName) -> None:
    """Each good run replaces everybody: who is not in the newest file has left."""
    async with partner(tmp_path, SimulatorOptions(contract=contract)) as running:
        audience = await running.created()
        first = await running.ingested(audience, csv("ana", "bob"))
        second = await running.ingested(audience, csv("bob", "eve"), name="2.csv")
        members = await running.simulator.membership()
        violations = await running.violations()

    assert (first["status"], second["status"]) == ("SUCCESS", "SUCCESS")
    assert members == {
        audience: {digest(name): [digest(name), "gold", "41"] for name in ("bob", "eve")}
    }
    assert violations == {}


async def test_a_file_of_one_row_without_cells_empties_the_audience(tmp_path: Path) -> None:
    """
    The partner's own recipe.
    """
    async with partner(tmp_path) as running:
        audience = await running.created()
        await running.ingested(audience, csv("ana"))
        run = await running.ingested(audience, csv(), name="2.csv")
        members = await running.simulator.membership()

    assert run["status"] == "SUCCESS"
    assert members == {audience: {}}


async def test_a_run_shows_its_stages_one_after_the_other(tmp_path: Path) -> None:
    """
    Stages appear as they begin, and what goes on has the word that was scripted, or none.
    """
    async with partner(tmp_path) as running:
        audience = await running.created()
        script = RunFault(seconds=8, shown_as="IN_PROGRESS")
        running.simulator.script(ScriptedFault(fault=Fault(run=script)))
        run = (await running.start(audience, running.store(csv("ana"))))["runId"]
        seen = []
        for _ in range(3):
            answer = await running.show(audience, run)
            details = answer["details"]
            assert isinstance(details, list)
            seen.append((answer["status"], [(one["stage"][:7], one["status"]) for one in details]))
            running.time.now += 5

    assert seen == [
        ("IN_PROGRESS", [("DATASET", "IN_PROGRESS")]),
        ("IN_PROGRESS", [("DATASET", "SUCCESS"), ("PROFILE", "IN_PROGRESS")]),
        ("SUCCESS", [("DATASET", "SUCCESS"), ("PROFILE", "SUCCESS")]),
    ]


async def test_a_run_in_progress_may_have_no_status(tmp_path: Path) -> None:
    """
    No word for it is documented.
    """
    async with partner(tmp_path, SimulatorOptions(in_progress=("",))) as running:
        audience = await running.created()
        run = await running.start(audience, running.store(csv("ana")))
        shown = await running.show(audience, run["runId"])
        (listed,) = await running.listed(audience)

    assert shown.get("status") is None
    assert "status" not in listed


@pytest.mark.parametrize("stage", ["DATASET_INGEST", "PROFILE_STORE_INGEST"])
async def test_a_run_that_fails_in_either_stage_changes_nobody(
    tmp_path: Path, stage: Stage
) -> None:
    """
    Only a run that ends well in both stages replaces the members.
    """
    async with partner(tmp_path) as running:
        audience = await running.created()
        await running.ingested(audience, csv("ana"))
        running.simulator.script(ScriptedFault(fault=Fault(run=RunFault(fails_in=stage))))
        run = await running.ingested(audience, csv("bob"), name="2.csv")
        members = await running.simulator.membership()

    details = run["details"]
    assert isinstance(details, list)
    assert run["status"] == "FAILED"
    assert (details[-1]["stage"], details[-1]["status"]) == (stage, "FAILED")
    assert list(members[audience]) == [digest("ana")]


async def test_a_second_run_of_an_audience_is_refused_in_one_of_three_ways(tmp_path: Path) -> None:
    """
    The documentation names no status for it, so each generic one may come.
    """
    async with partner(tmp_path, SimulatorOptions(runs_an_audience=None)) as running:
        audience = await running.created()
        modified = running.store(csv("ana"))
        await running.start(audience, modified)
        refused = {(await running.start(audience, modified)).status for _ in range(30)}
        runs = await running.listed(audience)
        violations = await running.violations()

    assert refused == {400, 409, 422}
    assert len(runs) == 1
    assert violations == {}


async def test_runs_of_different_audiences_go_on_at_once(tmp_path: Path) -> None:
    """
    The rule is one run an audience.
    """
    async with partner(tmp_path) as running:
        audiences = [await running.created(name=name) for name in ("a", "b")]
        modified = running.store(csv("ana"))
        answers = [await running.start(audience, modified) for audience in audiences]

    assert [answer.status for answer in answers] == [200, 200]


async def test_two_runs_at_once_are_a_violation_where_the_second_is_not_refused(
    tmp_path: Path,
) -> None:
    """
    For a client that must not rely on the refusal.
    """
    async with partner(tmp_path, SimulatorOptions(refuses_second_run=False)) as running:
        audience = await running.created()
        for name in ("1.csv", "2.csv"):
            await running.start(audience, running.store(csv("ana"), name=name))
        violations = await running.violations()

    assert violations == {"runs_at_once": 1}


@pytest.mark.parametrize(
    ("age", "is_picked"), [(2.999, True), (3.0, False), (-2.999, True), (-3.0, False)]
)
async def test_a_window_picks_what_lies_strictly_inside(
    tmp_path: Path, age: float, is_picked: bool
) -> None:
    """
    A file of the very second of an edge is outside.
    """
    async with partner(tmp_path) as running:
        audience = await running.created()
        running.store(csv("ana"), age=age)
        run = await running.start(audience, running.time.now)
        ended = await running.ended(audience, run["runId"])
        violations = await running.violations()

    assert (ended["status"] == "SUCCESS") is is_picked
    assert violations == ({} if is_picked else {"no_file": 1})


async def test_a_file_that_two_runs_picked_is_a_violation(tmp_path: Path) -> None:
    """
    The same file run twice could bring back people who have left since.
    """
    async with partner(tmp_path) as running:
        audience = await running.created()
        modified = running.store(csv("ana"))
        for _ in range(2):
            run = await running.start(audience, modified)
            await running.ended(audience, run["runId"])
        violations = await running.violations()

    assert violations == {"window_twice": 1}


async def test_a_file_written_anew_under_its_name_is_another_file(tmp_path: Path) -> None:
    """
    What counts is what was read, not how it is called.
    """
    async with partner(tmp_path) as running:
        audience = await running.created()
        await running.ingested(audience, csv("ana"))
        await running.ingested(audience, csv("bob"))
        violations = await running.violations()

    assert violations == {}


async def test_two_files_in_a_window_are_joined_and_counted(tmp_path: Path) -> None:
    """
    What the partner makes of several is not documented, so a client must not do it.
    """
    async with partner(tmp_path) as running:
        audience = await running.created()
        running.store(csv("ana"), name="1.csv")
        run = await running.start(audience, running.store(csv("bob"), name="2.csv"))
        await running.ended(audience, run["runId"])
        members = await running.simulator.membership()
        violations = await running.violations()

    assert set(members[audience]) == {digest("ana"), digest("bob")}
    assert violations == {"several_files": 1}


async def test_a_file_that_is_gone_before_it_is_read_fails_the_run(tmp_path: Path) -> None:
    """
    Files are chosen some time after the answer: whoever deletes them early loses the run.
    """
    async with partner(tmp_path) as running:
        audience = await running.created()
        run = await running.start(audience, running.store(csv("ana")))
        (tmp_path / FOLDER / "1.csv").unlink()
        ended = await running.ended(audience, run["runId"])

    assert ended["status"] == "FAILED"


async def test_a_run_can_have_begun_though_its_request_failed(tmp_path: Path) -> None:
    """
    The answer that leaves a client in doubt: an error, no answer, or one that is no JSON.
    """
    async with partner(tmp_path, SimulatorOptions(refuses_second_run=False)) as running:
        audience = await running.created()
        modified = running.store(csv("ana"))
        running.simulator.script(
            ScriptedFault(fault=Fault(status=502, is_taken=True, form="empty")),
            ScriptedFault(fault=Fault(ending="garble")),
        )
        answers = [await running.start(audience, modified) for _ in range(2)]
        runs = await running.listed(audience)

    assert [(answer.status, answer.body) for answer in answers] == [
        (502, None),
        (200, "<html><body>Welcome</body></html>"),
    ]
    assert len(runs) == 2


async def test_a_run_can_begin_long_after_its_request_got_no_answer(tmp_path: Path) -> None:
    """
    Until then it stands in no list; then it goes on like any other.
    """
    async with partner(tmp_path) as running:
        audience = await running.created()
        modified = running.store(csv("ana"))
        running.simulator.script(ScriptedFault(fault=Fault(status=500, late_seconds=60)))
        answer = await running.start(audience, modified)
        before = await running.listed(audience)
        running.time.now += 60
        after = await running.listed(audience)
        running.time.now += 10
        members = await running.simulator.membership()

    assert answer.status == 500
    assert (before, len(after)) == ([], 1)
    assert after[0]["createdAt"] == int(modified) + 60
    assert list(members[audience]) == [digest("ana")]


async def test_a_late_run_that_meets_another_is_refused_silently(tmp_path: Path) -> None:
    """
    One run at a time holds for it, too.
    """
    async with partner(tmp_path) as running:
        audience = await running.created()
        modified = running.store(csv("ana"))
        running.simulator.script(
            ScriptedFault(fault=Fault(status=500, late_seconds=5)),
            ScriptedFault(fault=Fault(run=RunFault(seconds=60))),
        )
        await running.start(audience, modified)
        run = await running.start(audience, modified)
        running.time.now += 20
        runs = await running.listed(audience)

    assert [run["runId"]] == [one["runId"] for one in runs]


async def test_a_run_can_be_listed_late(tmp_path: Path) -> None:
    """
    It goes on unseen, and keeps others from beginning.
    """
    async with partner(tmp_path) as running:
        audience = await running.created()
        modified = running.store(csv("ana"))
        hidden = RunFault(seconds=60, unlisted_seconds=30)
        running.simulator.script(ScriptedFault(fault=Fault(run=hidden)))
        run = await running.start(audience, modified)
        before = await running.listed(audience)
        unknown = await running.show(audience, run["runId"])
        second = await running.start(audience, modified)
        running.time.now += 30
        after = await running.listed(audience)

    assert (before, unknown.status, second.status in (400, 409, 422)) == ([], 404, True)
    assert [run["runId"]] == [one["runId"] for one in after]


@pytest.mark.parametrize("is_watched", [True, False])
async def test_an_older_run_that_ends_last_has_the_last_word(
    tmp_path: Path, is_watched: bool
) -> None:
    """
    The members are those of the run that ended last, not of the newest file, whoever looks when.
    """
    async with partner(tmp_path, SimulatorOptions(refuses_second_run=False)) as running:
        audience = await running.created()
        running.simulator.script(ScriptedFault(fault=Fault(run=RunFault(seconds=100))))
        await running.start(audience, running.store(csv("ana")))
        running.time.now += 30
        await running.start(audience, running.store(csv("bob"), name="2.csv"))
        running.time.now += 30
        if is_watched:
            between = await running.simulator.membership()
            assert list(between[audience]) == [digest("bob")]
        running.time.now += 100
        after = await running.simulator.membership()

    assert list(after[audience]) == [digest("ana")]


async def test_runs_beyond_the_day_are_refused_and_another_day_begins(tmp_path: Path) -> None:
    """
    Counted in any 24 hours; each refusal in one of several ways, none of which starts a run.
    """
    async with partner(tmp_path, SimulatorOptions(runs_a_day=2)) as running:
        audience = await running.created()
        for name in ("1.csv", "2.csv"):
            await running.ingested(audience, csv("ana"), name=name)
        modified = running.store(csv("ana"), name="3.csv")
        refused = [await running.start(audience, modified) for _ in range(30)]
        running.time.now += 86_400
        after = await running.ingested(audience, csv("ana"), name="4.csv")
        totals = await running.simulator.totals()

    assert {400, 403, 422, 429} == {answer.status for answer in refused}
    assert all("limit" in str(one.body) or "quota" in str(one.body) for one in refused)
    assert after["status"] == "SUCCESS"
    assert (totals["largest_day"], totals["guardrail_refusals"]) == (2, 30)


@pytest.mark.parametrize(("period", "is_refused"), [(86_400.0, False), (None, True)])
async def test_runs_of_an_audience_are_counted_by_day_or_for_ever(
    tmp_path: Path, period: float | None, is_refused: bool
) -> None:
    """
    The documentation does not say which.
    """
    options = SimulatorOptions(runs_an_audience=1, audience_period=period)
    async with partner(tmp_path, options) as running:
        audience, other = await running.created(name="a"), await running.created(name="b")
        modified = running.store(csv("ana"))
        first = await running.start(audience, modified)
        of_other = await running.start(other, modified)
        running.time.now += 86_400
        next_day = await running.start(audience, modified)

    assert (first.status, of_other.status) == (200, 200)
    assert (next_day.status != 200) is is_refused


async def test_members_leave_when_the_life_of_the_audience_is_over(tmp_path: Path) -> None:
    """
    Counted from the last good run, update or extension.
    """
    async with partner(tmp_path) as running:
        audience = await running.created(ttlInDays=1)
        await running.ingested(audience, csv("ana"))
        running.time.now += 80_000
        await running.call("POST", f"/external-audience/extend-ttl/{audience}")
        running.time.now += 80_000
        before = await running.simulator.membership()
        running.time.now += 10_000
        after = await running.simulator.audiences()

    assert list(before[audience]) == [digest("ana")]
    assert (after[audience]["members"], after[audience]["has_expired"]) == (0, True)


async def test_a_run_asked_for_after_its_end_was_told_is_counted(tmp_path: Path) -> None:
    """
    Its state is terminal: no question is needed any more.
    """
    async with partner(tmp_path) as running:
        audience = await running.created()
        run = await running.ingested(audience, csv("ana"))
        await running.show(audience, run["runId"])
        violations = await running.violations()

    assert violations == {"asked_after_end": 1}


async def test_the_list_names_the_newest_first_and_no_stages(tmp_path: Path) -> None:
    """
    As it is documented; of the draft the form is unknown, so it may be a bare list.
    """
    async with partner(tmp_path, SimulatorOptions(contract="draft", bare_list=True)) as running:
        audience = await running.created()
        first = await running.ingested(audience, csv("ana"))
        second = await running.ingested(audience, csv("bob"), name="2.csv")
        runs = await running.listed(audience)

    assert [second["runId"], first["runId"]] == [run["runId"] for run in runs]
    assert all("details" not in run and run["status"] == "SUCCESS" for run in runs)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"dataFilterStartTime": 1_750_000_000_000_000},
        {"dataFilterStartTime": 20, "dataFilterEndTime": 20},
        {"dataFilterStartTime": 20.5},
        {"dataFilterStartTime": 20, "differentialIngestion": True},
        b"not JSON",
    ],
)
async def test_a_run_that_is_asked_for_wrongly_is_refused(tmp_path: Path, body: object) -> None:
    """
    The newer contract wants a start in seconds and has no choice of a full ingestion.
    """
    async with partner(tmp_path) as running:
        audience = await running.created()
        answer = await running.call("POST", f"/external-audience/{audience}/runs", body)
        violations = await running.violations()

    assert (answer.status, answer["error_code"]) == (400, "100910-400")
    assert violations == {"broken_request": 1}


async def test_an_audience_can_be_there_from_the_start(tmp_path: Path) -> None:
    """
    For a configuration that names its id.
    """
    fields = [Field(name="email", type="string", namespace="email_lc_sha256")]
    known = folder_definition(name="vip", fields=fields, path=f"/{FOLDER}/", ttl_days=30)
    async with partner(tmp_path) as running:
        running.simulator.know("a-1", known)
        await running.ingested("a-1", f'email\n"{digest("ana")}"\n')
        members = await running.simulator.membership()

    assert members == {"a-1": {digest("ana"): [digest("ana")]}}
