"""Adobe's table of answers row by row, in both generations of the API, over real HTTP."""

import socket
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from pipeline.destinations.adobe_audiences.audiences import (
    Audience,
    AudienceUpdate,
    compose_delete,
    compose_extend,
    compose_look,
    compose_update,
    interpret_delete,
    interpret_extend,
    interpret_update,
)
from pipeline.destinations.adobe_audiences.file_shape import folder_of, snapshot_audience
from pipeline.destinations.adobe_audiences.generations import GENERATIONS
from pipeline.destinations.adobe_audiences.settings import Contract
from pipeline.destinations.asking import asked
from pipeline.destinations.control import Declined, InvalidRequest, Made, Step
from pipeline.destinations.snapshots import (
    BudgetSpent,
    LandingZone,
    Run,
    RunRefused,
    RunStarted,
    Window,
)
from pipeline.domain.job import NotYet
from pipeline.domain.send_result import Blocked, InDoubt, NotSent, Throttled
from pipeline.sandbox.adobe_audiences.answers import ErrorForm
from pipeline.sandbox.adobe_audiences.faults import Fault, RunFault, ScriptedFault
from pipeline.sandbox.adobe_audiences.vocabulary import EndpointName, Stage
from tests.http.adobe_world import NAME, Adobe, adobe, options

ANA, BEN = (sha256(name.encode()).hexdigest() for name in ("ana@example.com", "ben@example.com"))
BOTH = pytest.mark.parametrize("contract", ["current", "draft"])
FORMS: tuple[ErrorForm, ...] = ("code", "problem", "text", "empty")


def file_of(world: Adobe, *members: tuple[str, ...]) -> bytes:
    shape = snapshot_audience(world.settings, world.target, NAME)
    rows = [world.delivery.row(identity, cells) for identity, *cells in members]
    return b"".join([shape.header, *(rows or [shape.empty_row])])


def window_of(world: Adobe, *members: tuple[str, ...]) -> Window:
    """
    The only file of the audience's folder, and the window that holds it.
    """
    folder = folder_of(world.settings, world.target, NAME)
    return world.stored(folder, "snapshot.csv", file_of(world, *members))


async def listed(world: Adobe, audience: str) -> list[Run]:
    found = await world.asked(world.delivery.compose_runs(audience), world.delivery.interpret_runs)
    assert not isinstance(found, NotYet), found
    return list(found)


def strike(
    world: Adobe, fault: Fault, endpoint: EndpointName = "runs.start", times: int = 1
) -> None:
    world.simulator.script(ScriptedFault(endpoint=endpoint, fault=fault, times=times))


@BOTH
async def test_a_snapshot_goes_all_the_way_in_both_generations(
    tmp_path: Path, contract: Contract
) -> None:
    """
    Made, ingested, replaced by the next file, emptied by one without members, and deleted.
    """
    columns = [{"name": "tier", "from": "attributes.tier", "labels": ["core/C2"]}]
    async with adobe(tmp_path, options(contract), target={"columns": columns}) as world:
        audience = await world.made()
        reports, members = [], []
        for rows in ([(ANA, '"gold"'), (BEN, '"a\ufffdb"')], [(BEN, '""')], []):
            reports.append(await world.run(audience, window_of(world, *rows)))
            members.append(set((await world.simulator.membership())[audience]))
        gone = await world.asked(compose_delete(GENERATIONS[contract], audience), interpret_delete)
        runs = await world.asked(
            world.delivery.compose_runs(audience), world.delivery.interpret_runs
        )
        totals = await world.simulator.totals()

    assert [report.end for report in reports] == ["applied"] * 3
    assert members == [{ANA, BEN}, {BEN}, set()]
    assert gone is None
    assert isinstance(runs, NotYet)
    assert runs.is_missing
    assert not any(totals["violations"].values())


@BOTH
async def test_runs_are_listed_with_their_windows_the_newest_first(
    tmp_path: Path, contract: Contract
) -> None:
    shapes = {"bare_list": True} if contract == "draft" else {}
    async with adobe(tmp_path, options(contract, **shapes)) as world:
        audience = await world.made()
        window = window_of(world, (ANA,))
        await world.run(audience, window)

        [run] = await listed(world, audience)

    assert run.window == window
    assert run.report.is_terminal
    assert run.created_s is not None


@BOTH
@pytest.mark.parametrize("stage", ["DATASET_INGEST", "PROFILE_STORE_INGEST"])
async def test_a_run_that_ends_badly_in_either_stage_has_failed(
    tmp_path: Path, contract: Contract, stage: Stage
) -> None:
    async with adobe(tmp_path, options(contract)) as world:
        audience = await world.made()
        strike(world, Fault(run=RunFault(fails_in=stage)))

        report = await world.run(audience, window_of(world, (ANA,)))

    assert report.end == "failed"
    assert stage in report.state


@BOTH
@pytest.mark.parametrize("form", FORMS)
async def test_a_token_that_is_not_accepted_is_renewed_once_and_the_run_starts_once(
    tmp_path: Path, contract: Contract, form: ErrorForm
) -> None:
    """
    Adobe says it with a 400. An answer without a body says nothing, and is a refusal.
    """
    async with adobe(tmp_path, options(contract, error_form=form)) as world:
        audience = await world.made()
        window = window_of(world, (ANA,))
        world.simulator.expire_tokens()

        answer = await world.started(audience, window)

        counts, runs = world.counts(), await world.simulator.runs()

    if form == "empty":
        assert isinstance(answer, RunRefused)
        assert counts["token"] == 1
        return
    assert isinstance(answer, RunStarted)
    assert (counts["token"], counts["runs.start"], len(runs)) == (2, 2, 1)


async def test_a_new_token_that_is_not_accepted_either_is_for_a_person_to_mend(
    tmp_path: Path,
) -> None:
    async with adobe(tmp_path) as world:
        audience = await world.made()
        strike(world, Fault(status=400, code="100911-400"), times=2)

        answer = await world.started(audience, window_of(world, (ANA,)))

        counts = world.counts()

    assert isinstance(answer, Blocked)
    assert answer.cause == "unauthorised"
    assert (counts["token"], counts["runs.start"]) == (2, 2)


@pytest.mark.parametrize("code", ["100920-401", "100921-401", "100922-401"])
@pytest.mark.parametrize("form", ["code", "problem", "text"])
async def test_what_no_token_mends_asks_for_none(
    tmp_path: Path, code: str, form: ErrorForm
) -> None:
    async with adobe(tmp_path) as world:
        audience = await world.made()
        strike(world, Fault(status=401, code=code, form=form, message="UNAUTHORIZED"))

        answer = await world.started(audience, window_of(world, (ANA,)))

        counts = world.counts()

    assert isinstance(answer, Blocked)
    assert answer.cause == "unauthorised"
    assert (counts["token"], counts["runs.start"]) == (1, 1)


async def test_an_organisation_or_a_sandbox_that_is_not_ours_blocks_and_asks_for_no_token(
    tmp_path: Path,
) -> None:
    others: list[dict[str, object]] = [{"org_id": "other@AdobeOrg"}, {"sandbox": "other"}]
    for keys in others:
        async with adobe(tmp_path, **keys) as world:  # type: ignore[arg-type]
            answer = await world.started("a-1", Window(start_s=1, end_s=7))

            assert isinstance(answer, Blocked)
            assert world.counts()["token"] == 1


@pytest.mark.parametrize(
    ("status", "code", "meant"),
    [
        (400, "100910-400", RunRefused),
        (409, "100950-409", RunRefused),
        (422, "100960-422", RunRefused),
        (403, "403025", Blocked),
        (404, "100940-404", Blocked),
        (415, "415000", Blocked),
        (429, "429000", Throttled),
        (500, "100970-500", InDoubt),
        (502, "100970-502", InDoubt),
        (503, "503000", InDoubt),
        (504, "504000", InDoubt),
        (408, "408000", InDoubt),
    ],
)
@BOTH
async def test_each_row_of_the_table_in_each_form_of_an_error(
    tmp_path: Path, contract: Contract, status: int, code: str, meant: type
) -> None:
    answers = {}
    async with adobe(tmp_path, options(contract)) as world:
        audience = await world.made()
        window = window_of(world, (ANA,))
        for form in FORMS:
            fault = Fault(status=status, code=code, form=form, message="as the table says")
            strike(world, fault)
            answers[form] = await world.started(audience, window)

        runs = await world.simulator.runs()

    assert {form: type(one) for form, one in answers.items()} == dict.fromkeys(FORMS, meant)
    assert not runs


async def test_a_throttle_says_how_long(tmp_path: Path) -> None:
    async with adobe(tmp_path) as world:
        audience = await world.made()
        strike(world, Fault(status=429, message="Too many requests", retry_after=7))

        answer = await world.started(audience, window_of(world, (ANA,)))

    assert answer == Throttled(7.0)


@BOTH
@pytest.mark.parametrize(
    "fault",
    [
        Fault(ending="garble"),
        Fault(ending="drop", is_taken=True),
        Fault(status=500, code="100970-500", is_taken=True),
        Fault(status=502, form="empty", is_taken=True),
        Fault(ending="drop"),
        Fault(ending="reset"),
    ],
    ids=["garbled", "dropped, taken", "500, taken", "502, taken", "dropped", "reset"],
)
async def test_what_leaves_it_open_is_found_in_the_list_or_is_not_there(
    tmp_path: Path, contract: Contract, fault: Fault
) -> None:
    """
    A run that was taken is listed under its window; nothing in the answer could have told.
    """
    async with adobe(tmp_path, options(contract)) as world:
        audience = await world.made()
        window = window_of(world, (ANA,))
        strike(world, fault)

        answer = await world.started(audience, window)

        runs = await listed(world, audience)

    assert isinstance(answer, InDoubt)
    assert [run.window for run in runs] == ([window] if fault.takes_effect else [])


async def test_where_nobody_listens_nothing_was_started(tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        async with adobe(tmp_path, api_url=f"http://127.0.0.1:{port}/data/core/ais") as world:
            answer = await world.started("a-1", Window(start_s=1, end_s=7))

    assert isinstance(answer, NotSent)


@BOTH
async def test_a_second_run_is_refused_while_the_list_shows_the_first(
    tmp_path: Path, contract: Contract
) -> None:
    """
    With 400, 409 or 422, which may mean other things: the list decides.
    """
    async with adobe(tmp_path, options(contract, run_seconds=(600.0, 600.0))) as world:
        audience = await world.made()
        window = window_of(world, (ANA,))
        first = await world.started(audience, window)

        others = [await world.started(audience, window) for _ in range(5)]

        runs = await listed(world, audience)

    assert isinstance(first, RunStarted)
    assert all(isinstance(one, RunRefused) for one in others)
    assert [(run.run_id, run.report.is_terminal) for run in runs] == [(first.run_id, False)]


@BOTH
async def test_a_guardrail_is_told_from_a_refusal_whatever_its_status(
    tmp_path: Path, contract: Contract
) -> None:
    async with adobe(tmp_path, options(contract, runs_a_day=1)) as world:
        audience = await world.made()
        window = window_of(world, (ANA,))
        await world.run(audience, window)

        answers = [await world.started(audience, window) for _ in range(8)]

    assert all(isinstance(one, BudgetSpent) for one in answers), answers


async def test_a_run_that_is_listed_late_is_missing_until_then(tmp_path: Path) -> None:
    async with adobe(tmp_path) as world:
        audience = await world.made()
        strike(world, Fault(run=RunFault(unlisted_seconds=600)))
        started = await world.started(audience, window_of(world, (ANA,)))
        assert isinstance(started, RunStarted)

        runs = await listed(world, audience)
        status = await world.asked(
            world.delivery.compose_status(audience, started.run_id),
            world.delivery.interpret_status,
        )

    assert runs == []
    assert isinstance(status, NotYet)
    assert status.is_missing


async def test_the_landing_zone_gives_its_credentials(tmp_path: Path) -> None:
    zone = {
        "containerName": "dlz-user-container",
        "SASToken": "sv=2020&se=2099-01-01T00:00:00Z&sig=hush",
        "storageAccountName": "account",
    }
    async with adobe(
        tmp_path, options(landing_zone=zone), storage={"kind": "landing_zone"}
    ) as world:
        delivery = world.delivery
        found = await world.asked(delivery.compose_landing_zone(), delivery.interpret_landing_zone)

        counts = world.counts()

    assert isinstance(found, LandingZone)
    assert found.credentials["account"] == "account"
    assert "landing_zone.refresh" not in counts


class TestAudiences:
    @BOTH
    async def test_what_can_change_is_changed_and_shown(
        self, tmp_path: Path, contract: Contract
    ) -> None:
        async with adobe(tmp_path, options(contract)) as world:
            audience = await world.made()
            update = AudienceUpdate(description="the best", ttl_days=60)

            changed = await world.asked(
                compose_update(GENERATIONS[contract], audience, update), interpret_update
            )

        assert not isinstance(changed, Declined)
        assert (changed.description, changed.ttl_days) == ("the best", 60)
        assert changed.source == folder_of(world.settings, world.target, NAME)

    async def test_an_extension_is_there_in_the_newer_generation_alone(
        self, tmp_path: Path
    ) -> None:
        async with adobe(tmp_path) as world:
            audience = await world.made()

            extended = await world.asked(
                compose_extend(GENERATIONS["current"], audience), interpret_extend
            )

        assert not isinstance(extended, Declined)
        assert extended.audience_id == audience
        with pytest.raises(InvalidRequest, match="contract: current"):
            compose_extend(GENERATIONS["draft"], audience)

    @BOTH
    async def test_a_plan_says_whether_it_is_there_or_gone(
        self, tmp_path: Path, contract: Contract
    ) -> None:
        async with adobe(tmp_path, options(contract)) as world:
            audience = await world.made()
            plan = world.control.plan

            there = await plan(world.api, world.target, audience, NAME)
            gone = await plan(world.api, world.target, "another", NAME)
            strike(world, Fault(status=404, form="text"), "runs.list")
            page = await plan(world.api, world.target, audience, NAME)

        assert there == (Step(what="keep", audience_id=audience),)
        assert gone == (Step(what="gone", audience_id="another"),)
        assert isinstance(page, Declined)

    async def test_one_that_is_there_is_adopted_if_it_reads_our_folder(
        self, tmp_path: Path
    ) -> None:
        async with adobe(tmp_path) as world:
            audience = await world.made()

            again = await world.control.apply(world.api, world.control.creation(world.target, NAME))

        assert again == Made(audience)

    async def test_one_that_is_adopted_gets_the_lifetime_that_the_configuration_has_now(
        self, tmp_path: Path
    ) -> None:
        async with adobe(tmp_path) as world:
            audience = await world.made()
            target = world.target.model_copy(update={"ttl_days": 60})

            again = await world.control.apply(world.api, world.control.creation(target, NAME))
            look = compose_look(GENERATIONS["current"], audience)
            shown = await asked(world.api, look, interpret_update)

        assert again == Made(audience)
        assert isinstance(shown, Audience)
        assert shown.ttl_days == 60

    async def test_one_that_reads_another_folder_is_somebody_elses(self, tmp_path: Path) -> None:
        """
        It has our name, and a run of ours would replace members that somebody else put there.
        """
        async with adobe(tmp_path) as world:
            await world.made()
            other = replace(
                world, settings=world.settings.model_copy(update={"source_prefix": "x"})
            )

            again = await other.control.apply(world.api, other.control.creation(world.target, NAME))

        assert isinstance(again, Declined)
        assert again.status == 409
        assert "external_audience_id" in again.remedy

    @BOTH
    async def test_a_creation_that_the_partner_gave_up_made_nothing(
        self, tmp_path: Path, contract: Contract
    ) -> None:
        async with adobe(tmp_path, options(contract)) as world:
            strike(world, Fault(run=RunFault(fails_in="DATASET_INGEST")), "audiences.create")
            step = world.control.creation(world.target, NAME)
            asked = await world.control.apply(world.api, step)
            operation = getattr(asked, "operation", "")

            ended = await world.control.apply(world.api, replace(step, operation=operation))

        assert isinstance(ended, Declined)
        assert ended.made_nothing

    @BOTH
    async def test_a_success_that_names_no_operation_is_in_doubt(
        self, tmp_path: Path, contract: Contract
    ) -> None:
        async with adobe(tmp_path, options(contract)) as world:
            strike(world, Fault(ending="garble"), "audiences.create")
            step = world.control.creation(world.target, NAME)

            asked = await world.control.apply(world.api, step)

        assert isinstance(asked, InDoubt)
