"""The watchdog: a process that has work and gets nowhere ends itself, and no other does."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiokafka import TopicPartition
from aiokafka.errors import TopicAuthorizationFailedError

from pipeline.app import status, supervisor
from pipeline.app.admin import HealthReport
from pipeline.app.assembly import Pipeline
from pipeline.app.exit_code import ExitCode
from pipeline.app.ingest_gate import IngestGate
from pipeline.configuration.load import load
from pipeline.kafka.chunk_trouble import ChunkTrouble
from pipeline.stages.contract import Progress
from pipeline.stages.poll.pending import PendingJobs
from pipeline.stages.snapshot.members_trouble import MembersTrouble
from pipeline.telemetry.prometheus import prometheus_telemetry
from tests.fakes.telemetry import RecordingTelemetry
from tests.fakes.virtual_loop import run_virtual

ROOT = Path(__file__).parents[2]


class JoinedGroup:
    """A stage that is in its group and works until it is told to stop."""

    is_joined = True

    def __init__(self) -> None:
        self.leases: dict[object, object] = {}
        self.workers: dict[object, object] = {}

    async def run(self, stop: asyncio.Event) -> bool:
        await stop.wait()
        return True


class LeaseWithLag:
    """A lease that knows how far it is behind."""

    def __init__(self, records: int) -> None:
        self._records = records

    def lag(self) -> int:
        return self._records


class Reports:
    """A reporter with nothing to report, until a test says what it found."""

    def __init__(self) -> None:
        self.latest: dict[object, object] = {}
        self.trouble: str | None = None

    async def report_always(self) -> None:
        await asyncio.Event().wait()


async def no_troubles() -> Sequence[MembersTrouble]:
    return []


def pipeline(tmp_path: Path, progress: Progress, watchdog_seconds: float) -> Pipeline:
    document = yaml.safe_load((ROOT / "config" / "local.yaml").read_text())
    document["run"] = {"watchdog_seconds": watchdog_seconds}
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(document))
    made: dict[str, Any] = {
        "groups": {"upload": JoinedGroup()},
        "telemetry": prometheus_telemetry(),
        "clients": None,
        "progresses": {progress.name: progress},
        "pending_jobs": PendingJobs(RecordingTelemetry()),
        "registries": {},
        "lag_reports": Reports(),
        "ingest_gate": IngestGate([], no_troubles),
        "chunk_trouble": ChunkTrouble(lambda: 0),
        "controls": None,
    }
    return Pipeline(settings=load(path, {}), **made)


async def _until_it_ends(whole: Pipeline, seconds: float) -> ExitCode | str:
    """How it ended, or that it was told to stop after so many seconds."""
    stop = asyncio.Event()
    asyncio.get_running_loop().call_later(seconds, stop.set)
    ended: ExitCode | str = "still running"
    try:
        ended = await supervisor._run_groups(whole, stop)
    except* supervisor.Stuck:
        ended = "stuck"
    return ended


@pytest.mark.parametrize(("busy", "ends"), [(True, "stuck"), (False, ExitCode.DRAINED)])
def test_who_has_work_and_makes_no_progress_ends_and_who_only_waits_does_not(
    tmp_path: Path, *, busy: bool, ends: object
) -> None:
    async def story() -> object:
        progress = Progress("upload lane", asyncio.get_running_loop().time)
        progress.busy(busy)
        return await _until_it_ends(pipeline(tmp_path, progress, 30.0), 100.0)

    assert ends == run_virtual(story())


def test_progress_now_and_then_is_enough(tmp_path: Path) -> None:
    async def story() -> object:
        progress = Progress("upload lane", asyncio.get_running_loop().time)
        progress.busy(True)
        for second in range(0, 200, 25):
            asyncio.get_running_loop().call_later(second, progress.advance)
        return await _until_it_ends(pipeline(tmp_path, progress, 30.0), 180.0)

    assert run_virtual(story()) == ExitCode.DRAINED


def test_what_hangs_is_named_by_health(tmp_path: Path) -> None:
    now = [0.0]
    progress = Progress("upload amazon-na.connection-0", lambda: now[0])
    whole = pipeline(tmp_path, progress, 30.0)

    progress.busy(True)
    well = status.health(whole)
    now[0] = 31.0
    stuck = status.health(whole)

    assert well.ok
    assert not stuck.ok
    assert stuck.reasons == ["upload amazon-na.connection-0 made no progress for 31 s"]


@dataclass(frozen=True, slots=True)
class Client:
    """Of one destination; without a token where it has trouble."""

    trouble: str | None = None


@dataclass(frozen=True, slots=True)
class ClientsOf:
    clients: Mapping[str, Client]


def readiness(whole: Pipeline, **clients: Client) -> HealthReport:
    made: Any = ClientsOf(clients)
    return status.readiness(replace(whole, clients=made))


DEAD = Client("invalid_grant")
NO_TOKEN = "adobe: no access token: invalid_grant"


@pytest.fixture
def whole(tmp_path: Path) -> Pipeline:
    return pipeline(tmp_path, Progress("upload", lambda: 0.0), 30.0)


def test_the_dead_token_of_one_destination_leaves_the_process_ready_and_is_named(
    whole: Pipeline,
) -> None:
    """Others are served; a rollout must not stop for it."""
    assert readiness(whole, amazon=Client(), adobe=DEAD) == HealthReport(True, [NO_TOKEN])


def test_a_process_that_can_serve_nobody_is_not_ready(whole: Pipeline) -> None:
    assert not readiness(whole, adobe=DEAD).ok
    assert not readiness(whole, adobe=DEAD, amazon=Client("no answer yet")).ok


def test_a_process_whose_stage_is_in_no_group_is_not_ready(whole: Pipeline) -> None:
    whole.groups["upload"].is_joined = False

    assert not readiness(whole, amazon=Client()).ok


def test_brokers_that_do_not_answer_are_named_beside_the_stages_that_wait_for_them(
    whole: Pipeline,
) -> None:
    whole.groups["upload"].is_joined = False
    whole.lag_reports.trouble = "the brokers at kafka-1:9092 do not answer (TimeoutError)"

    assert readiness(whole, amazon=Client()) == HealthReport(
        False,
        [
            "upload is not in its group",
            "the brokers at kafka-1:9092 do not answer (TimeoutError)",
        ],
    )


def test_a_process_without_destinations_to_ask_needs_no_token(whole: Pipeline) -> None:
    ingest: Any = {"ingest": JoinedGroup()}

    assert readiness(replace(whole, groups=ingest), adobe=DEAD) == HealthReport(True, [])


def unfit(*, stops_ingest: bool) -> MembersTrouble:
    return MembersTrouble(
        destination="adobe",
        topic="audience.members.adobe",
        cause="partitions",
        why="topic audience.members.adobe has 6 partitions instead of 64",
        stops_ingest=stops_ingest,
    )


def test_ingest_waits_for_a_topic_that_it_would_write_wrongly_and_other_stages_run(
    whole: Pipeline,
) -> None:
    """Until it is mended; and a process that is told to stop meanwhile ends as one that drained."""
    troubles = [unfit(stops_ingest=True)]
    groups: Any = {name: CountingGroup() for name in ("ingest", "upload")}
    began: dict[str, list[float]] = {}

    async def look() -> Sequence[MembersTrouble]:
        return troubles

    async def story(mended_after: float) -> ExitCode | str:
        for group in groups.values():
            group.began = []
        gate = IngestGate(troubles, look)
        waiting = replace(whole, groups=groups, ingest_gate=gate)
        assert not readiness(waiting, amazon=Client()).ok
        assert status.status(waiting)["ingest_waits_for"] == gate.reasons
        asyncio.get_running_loop().call_later(mended_after, troubles.clear)
        ended = await _until_it_ends(waiting, 1000.0)
        began.update({name: group.began for name, group in groups.items()})
        return ended

    assert run_virtual(story(2000.0)) == ExitCode.DRAINED
    assert began == {"ingest": [], "upload": [0.0]}
    assert run_virtual(story(100.0)) == ExitCode.DRAINED
    assert began == {"ingest": [120.0], "upload": [0.0]}


def test_what_is_forbidden_to_a_running_ingest_is_shown_with_what_grants_it(
    whole: Pipeline,
) -> None:
    """
    Beside what keeps one from starting: the status of a snapshot knows only its own topics.
    """
    error = TopicAuthorizationFailedError("audience.records.amazon-na.one")
    trouble = ChunkTrouble(lambda: 1_766_300_000_000)

    run_virtual(trouble.not_durable(error, object()))

    shown: Any = status.status(replace(whole, chunk_trouble=trouble))
    [line] = shown["ingest_waits_for"]
    assert line == (
        "ingest waits: topic audience.records.amazon-na.one is forbidden to us since "
        "2025-12-21T06:53:20Z; grant it with: kafka-acls.sh --add "
        "--topic audience.records.amazon-na.one --allow-principal User:NAME "
        "--operation Write --operation Describe, and remove any rule that denies it"
    )


def test_ingest_does_not_wait_for_a_topic_that_only_snapshots_must_not_read() -> None:
    gate = IngestGate([unfit(stops_ingest=False)], no_troubles)

    assert gate.reasons == []


class CountingGroup(JoinedGroup):
    """Remembers when it began to work."""

    began: list[float]

    async def run(self, stop: asyncio.Event) -> bool:
        self.began.append(round(asyncio.get_running_loop().time()))
        return await super().run(stop)


def test_the_status_page_shows_the_lag_of_lanes_that_others_own_too(tmp_path: Path) -> None:
    owned = TopicPartition("audience.records.amazon-na.one", 0)
    elsewhere = TopicPartition("audience.records.amazon-na.two", 0)
    whole = pipeline(tmp_path, Progress("upload", lambda: 0.0), 30.0)
    whole.groups["upload"].leases[owned] = LeaseWithLag(3)  # type: ignore[index]
    whole.lag_reports.latest[elsewhere] = 1_204  # type: ignore[index]

    shown = status.status(whole)["lag"]

    assert shown == {f"{owned.topic}[0]": 3, f"{elsewhere.topic}[0]": 1_204}
