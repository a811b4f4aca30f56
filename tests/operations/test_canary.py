"""The canary: two files, each the only one in its window, and its run followed to the end."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pipeline.configuration.load import load
from pipeline.configuration.model import Settings
from pipeline.destinations.adobe_audiences.canary import canary
from pipeline.destinations.adobe_audiences.delivery import snapshots
from pipeline.destinations.adobe_audiences.file_shape import snapshot_audience
from pipeline.destinations.adobe_audiences.settings import AdobeSettings
from pipeline.destinations.adobe_audiences.targets import AdobeTarget
from pipeline.destinations.control import CommandFailed
from pipeline.destinations.exchange import Request, Response
from pipeline.destinations.snapshots import SnapshotAudience
from pipeline.domain.send_result import InDoubt, NotSent
from pipeline.operations.snapshots.canary import NAME, CanaryRun
from pipeline.storage.folder import FolderStorage
from tests.cli.snapshot_operator import VIP, adobe, audience
from tests.configuration.test_example_files import Example

STAGES = ("DATASET_INGEST", "PROFILE_STORE_INGEST")
ANSWERED = {"content-type": "application/json"}


@dataclass(slots=True)
class Partner:
    """Takes the file of a window as everybody who is in the audience, after two questions."""

    folder: Path
    clock: list[float]
    end: str = "SUCCESS"
    refusal: Response | NotSent | InDoubt | None = None
    asked: int = 0
    members: list[str] = field(default_factory=list)

    @property
    def destination(self) -> str:
        return "adobe-prod"

    async def call(self, request: Request) -> Response | NotSent | InDoubt:
        if request.method == "POST":
            return self.refusal or self._start(json.loads(b"".join(request.body)))
        self.asked += 1
        state = "PROCESSING" if self.asked < 3 else self.end
        stages = [{"stage": one, "status": state} for one in STAGES]
        return _answer({"runId": "run-1", "status": state, "details": stages})

    def _start(self, window: dict[str, float]) -> Response:
        assert self.clock[0] > window["dataFilterEndTime"]
        [file] = [
            path
            for path in self.folder.rglob("*.csv")
            if window["dataFilterStartTime"] < path.stat().st_mtime < window["dataFilterEndTime"]
        ]
        header, *rows = file.read_text(encoding="utf-8").splitlines()
        assert header == "identity"
        self.members = [row.strip('"') for row in rows]
        return _answer({"audienceId": "a-1", "runId": "run-1"})


def _answer(said: object) -> Response:
    return Response(status=200, headers=ANSWERED, body=json.dumps(said).encode())


@dataclass(frozen=True, slots=True)
class World:
    partner: Partner
    told: list[str]
    run: CanaryRun
    audience: SnapshotAudience
    people: Sequence[str]


@pytest.fixture
def world(tmp_path: Path) -> World:
    settings = _settings(tmp_path)
    said = settings.destinations["adobe-prod"]
    assert isinstance(said, AdobeSettings)
    target, people = canary(_target(settings))
    shape = snapshot_audience(said, target.with_audience("a-1"), NAME)
    clock = [0.0]
    told: list[str] = []
    files = tmp_path / "files"
    partner = Partner(files, clock)

    async def sleep(seconds: float) -> None:
        clock[0] = max(clock[0], _newest(files)) + seconds

    storage = FolderStorage(files, clock=lambda: clock[0])
    run = CanaryRun(partner, snapshots(said), storage, sleep, told.append)
    return World(partner, told, run, shape, people)


def _target(settings: Settings) -> AdobeTarget:
    target = settings.audiences[1].destinations[0]
    assert isinstance(target, AdobeTarget)
    return target


def _newest(folder: Path) -> float:
    return max((path.stat().st_mtime for path in folder.rglob("*.csv")), default=0.0)


def _settings(folder: Path) -> Settings:
    example = Example().put("destinations.adobe-prod", adobe())
    example.put("audiences.1", audience("gold-customers", VIP))
    return load(example.write(folder), {})


async def test_two_people_are_ingested_and_then_one_and_no_file_is_in_the_others_way(
    world: World,
) -> None:
    run_id = await world.run.ingest(world.audience, world.people)
    first = list(world.partner.members)
    await world.run.ingest(world.audience, world.people[:1])

    assert run_id == "run-1"
    assert first == list(world.people)
    assert world.partner.members == [world.people[0]]
    assert any("PROCESSING" in line for line in world.told)


async def test_a_run_that_ends_badly_is_said_with_its_state(world: World) -> None:
    world.partner.end = "FAILED"

    with pytest.raises(CommandFailed, match="run run-1 of audience a-1 ended FAILED"):
        await world.run.ingest(world.audience, world.people)


@pytest.mark.parametrize(
    ("refusal", "said"),
    [
        (InDoubt("timeout"), "it is not known: timeout"),
        (NotSent("nothing answers"), "nothing answers"),
        (
            Response(status=409, headers=ANSWERED, body=b'{"message": "a run goes on"}'),
            "a run goes on",
        ),
    ],
)
async def test_a_run_that_may_not_have_begun_is_not_asked_for_again(
    world: World, refusal: Response | NotSent | InDoubt, said: str
) -> None:
    world.partner.refusal = refusal

    with pytest.raises(CommandFailed, match=said):
        await world.run.ingest(world.audience, world.people)

    assert world.partner.asked == 0


@pytest.mark.parametrize("namespace", ["email_lc_sha256", "phone_sha256_e.164", "ECID", "crm"])
def test_the_invented_people_are_two_and_the_same_at_each_call(
    tmp_path: Path, namespace: str
) -> None:
    target = _target(_settings(tmp_path))
    identity = target.identity.model_copy(update={"namespace": namespace})
    target = target.model_copy(update={"identity": identity})

    made, people = canary(target)
    _, again = canary(target)

    assert people == again
    assert len(set(people)) == 2
    assert made.audience() is None
    assert all(len(one) == 38 and one.isdecimal() for one in people) is (namespace == "ECID")
