"""A partner's runs over real HTTP: asked for by who owns them, and by nobody else."""

from dataclasses import dataclass
from pathlib import Path

from pipeline.destinations.adobe_audiences.delivery import snapshots
from pipeline.destinations.adobe_audiences.file_shape import folder_of, snapshot_audience
from pipeline.destinations.snapshots import RunStarted
from pipeline.domain.job import JobReport, NotYet
from pipeline.domain.send_result import NotSent
from pipeline.http.runs import PartnerRuns
from pipeline.stages.upload.request_limiter import RequestsPerSecond
from tests.http.adobe_world import NAME, Adobe, adobe, options


@dataclass(frozen=True, slots=True)
class Owned:
    is_held: bool


def runs_of(world: Adobe) -> PartnerRuns:
    return PartnerRuns(world.client, world.delivery, RequestsPerSecond(500))


async def test_a_run_is_asked_for_listed_and_followed(tmp_path: Path) -> None:
    """The three questions that an owner has."""
    async with adobe(tmp_path) as world:
        audience = await world.made()
        shape = snapshot_audience(world.settings, world.target, NAME)
        folder = folder_of(world.settings, world.target, NAME)
        window = world.stored(folder, "snapshot-1.csv", shape.header + shape.empty_row)
        runs = runs_of(world)

        started = await runs.start(audience, window, Owned(is_held=True))

        assert isinstance(started, RunStarted)
        listed = await runs.list(audience)
        assert not isinstance(listed, NotYet)
        assert [(one.run_id, one.window) for one in listed] == [(started.run_id, window)]
        assert isinstance(await runs.ask(audience, started.run_id, None), JobReport)


async def test_a_run_is_found_by_the_contract_that_began_it_whatever_is_spoken_now(
    tmp_path: Path,
) -> None:
    """The other one has another path for it, which the partner does not know."""
    async with adobe(tmp_path, options(contract="draft")) as world:
        audience = await world.made()
        shape = snapshot_audience(world.settings, world.target, NAME)
        folder = folder_of(world.settings, world.target, NAME)
        window = world.stored(folder, "snapshot-1.csv", shape.header + shape.empty_row)
        before = runs_of(world)
        started = await before.start(audience, window, Owned(is_held=True))
        assert isinstance(started, RunStarted)
        now = snapshots(world.settings.model_copy(update={"contract": "current"}))
        after = PartnerRuns(world.client, now, RequestsPerSecond(500))

        assert not isinstance(await after.list(audience), NotYet)
        assert isinstance(await after.ask(audience, started.run_id, None), NotYet)
        assert isinstance(await after.ask(audience, started.run_id, before.contract), JobReport)


async def test_who_lost_the_destination_asks_for_no_run(tmp_path: Path) -> None:
    """The last byte of the request stays here, so the partner has never heard of it."""
    async with adobe(tmp_path) as world:
        audience = await world.made()
        window = world.stored("folder", "snapshot-1.csv", b"")

        answer = await runs_of(world).start(audience, window, Owned(is_held=False))

        assert isinstance(answer, NotSent)
        assert world.counts().get("runs.start", 0) == 0


async def test_a_login_that_is_refused_is_for_a_person_to_mend(tmp_path: Path) -> None:
    """Asked for again and again the list would come no sooner."""
    async with adobe(tmp_path, client_secret="another one") as world:
        found = await runs_of(world).list("a-1")

        assert isinstance(found, NotYet)
        assert found.cause == "unauthorised"
