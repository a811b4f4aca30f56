import asyncio
from pathlib import Path
from random import Random
from typing import Any

import aiohttp
import orjson
import pytest

from pipeline.sandbox.adobe_audiences.faults import (
    PROFILES,
    Fault,
    FaultRates,
    FaultScript,
    ScriptedFault,
)
from pipeline.sandbox.adobe_audiences.options import SimulatorOptions
from pipeline.sandbox.adobe_audiences.simulator import AdobeSimulator
from pipeline.sandbox.adobe_audiences.vocabulary import EndpointName
from pipeline.sandbox.any_partner.loopback import serve_until
from tests.sandbox.adobe_client import FOLDER, START, Partner, csv, digest, partner

RUNS: EndpointName = "runs.start"


async def view(running: Partner, name: str, body: object = None) -> Any:
    url = f"{running.simulator.origin}/__simulator__/{name}"
    method = "GET" if body is None else "POST"
    return await running.call(method, url, body)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422, 429, 500, 502])
async def test_a_scripted_status_strikes_once_and_takes_nothing(
    tmp_path: Path, status: int
) -> None:
    """
    Unless it says that the request was taken.
    """
    async with partner(tmp_path) as running:
        audience = await running.created()
        modified = running.store(csv("ana"))
        running.simulator.script(ScriptedFault(fault=Fault(status=status, code="x", message="y")))
        struck = await running.start(audience, modified)
        before = await running.listed(audience)
        after = await running.start(audience, modified)

    assert (struck.status, struck.body) == (status, {"error_code": "x", "message": "y"})
    assert (before, after.status) == ([], 200)


@pytest.mark.parametrize(("is_taken", "count"), [(False, 0), (True, 1)])
async def test_a_connection_can_break_before_or_after_a_run_was_taken(
    tmp_path: Path, is_taken: bool, count: int
) -> None:
    """
    The client cannot tell the two apart.
    """
    async with partner(tmp_path) as running:
        audience = await running.created()
        modified = running.store(csv("ana"))
        running.simulator.script(ScriptedFault(fault=Fault(ending="drop", is_taken=is_taken)))
        with pytest.raises(aiohttp.ClientConnectionError):
            await running.start(audience, modified)
        runs = await running.listed(audience)

    assert count == len(runs)


async def test_a_reset_connection_brings_nothing(tmp_path: Path) -> None:
    """
    It strikes before the request is read.
    """
    async with partner(tmp_path) as running:
        audience = await running.created()
        running.simulator.script(ScriptedFault(fault=Fault(ending="reset")))
        with pytest.raises(aiohttp.ClientConnectionError):
            await running.start(audience, running.store(csv("ana")))
        runs = await running.listed(audience)
        outcomes = [one.outcome for one in running.simulator.requests() if one.endpoint == RUNS]

    assert (runs, outcomes) == ([], ["reset"])


async def test_a_fault_can_be_the_trouble_of_one_audience(tmp_path: Path) -> None:
    """
    Others go on.
    """
    async with partner(tmp_path) as running:
        first, second = [await running.created(name=name) for name in ("a", "b")]
        modified = running.store(csv("ana"))
        running.simulator.script(ScriptedFault(fault=Fault(status=500), times=None, audience=first))
        answers = [(await running.start(one, modified)).status for one in (first, first, second)]

    assert answers == [500, 500, 200]


async def test_a_fault_can_last_for_a_time(tmp_path: Path) -> None:
    """
    With what it tells a client to wait.
    """
    async with partner(tmp_path) as running:
        audience = await running.created()
        outage = Fault(status=429, retry_after=7, latency=(2.0, 2.0))
        running.simulator.script(
            ScriptedFault(endpoint="runs.list", fault=outage, times=None, seconds=10)
        )
        path = f"/external-audience/{audience}/runs"
        struck = await running.call("GET", path)
        running.time.now += 10
        after = await running.call("GET", path)

    assert (struck.status, struck.headers["Retry-After"], after.status) == (429, "7", 200)
    assert running.time.slept == [2.0]


def test_seeded_faults_come_as_often_as_their_rates_say() -> None:
    """
    Each of them, and the same ones for the same seed.
    """
    rates = FaultRates(
        throttled=0.05,
        start_unavailable=0.05,
        taken_then_unavailable=0.05,
        dropped_after_taking=0.05,
        garbled_after_taking=0.05,
        late=0.05,
        dataset_fails=0.05,
        profiles_fail=0.05,
        unlisted=0.05,
    )

    def drawn(seed: int) -> FaultScript:
        script = FaultScript(rates, Random(seed))
        for _ in range(4_000):
            script.draw(RUNS, None, START)
        return script

    struck = drawn(1).struck

    assert len(struck) == 9
    assert all(100 < count < 300 for count in struck.values())
    assert struck == drawn(1).struck != drawn(2).struck


@pytest.mark.parametrize("endpoint", ["token", "runs.list", "audiences.create"])
def test_only_starts_of_runs_are_taken_and_then_fail(endpoint: EndpointName) -> None:
    """
    A second audience of the same name would be refused; a second run would be run.
    """
    script = FaultScript(PROFILES["rough"], Random(1))
    faults = [script.draw(endpoint, None, START) for _ in range(2_000)]

    assert not any(fault.is_taken or fault.late_seconds for fault in faults)


async def test_the_view_tells_the_state_and_takes_faults(tmp_path: Path) -> None:
    """
    For whoever runs the simulator as a command of its own.
    """
    async with partner(tmp_path) as running:
        audience = await running.created()
        await running.ingested(audience, csv("ana"))
        state = await view(running, "state")
        members = await view(running, "membership")
        said = await view(running, "faults", {"script": [{"fault": {"status": 503}}]})
        wrong = await view(running, "faults", {"surprise": 1})
        struck = await running.start(audience, running.time.now)
        requests = await view(running, "requests")

    assert state["audiences"][audience]["members"] == 1
    assert state["audiences"][audience]["files"] == [f"{FOLDER}/1.csv"]
    assert state["totals"]["runs"] == {"SUCCESS": 1, "FAILED": 0, "in_progress": 0}
    assert orjson.loads(members.body) == {
        "audience": audience,
        "identity": digest("ana"),
        "cells": [digest("ana"), "gold", "41"],
    }
    assert (said.status, wrong.status, struck.status) == (204, 400, 503)
    assert requests.body[-1]["outcome"] == "503"


async def test_an_unknown_path_is_answered_in_json(tmp_path: Path) -> None:
    """
    The plural of the guide's prose is one.
    """
    async with partner(tmp_path) as running:
        answer = await running.call("GET", "/external-audiences/operations/1")

    assert (answer.status, answer["error_code"]) == (404, "404000")


async def test_it_can_be_served_until_told_to_stop(tmp_path: Path) -> None:
    """
    On a port of its own, in real time.
    """
    stop = asyncio.Event()
    seen: list[str] = []

    def started(running: AdobeSimulator) -> None:
        seen.append(running.url)
        stop.set()

    await serve_until(stop, AdobeSimulator(files=tmp_path, random=Random(1)), started=started)

    assert seen[0].endswith("/data/core/ais")


def test_an_unknown_profile_is_refused() -> None:
    """
    At once, and by name.
    """
    with pytest.raises(ValueError, match="wild"):
        SimulatorOptions(profile="wild")  # type: ignore[arg-type]


@pytest.mark.parametrize("rates", PROFILES.values(), ids=PROFILES)
def test_no_profile_leaves_a_client_in_doubt_of_a_start_that_was_not_taken(
    rates: FaultRates,
) -> None:
    """
    It would wait for minutes, and a demonstration with it.
    """
    script = FaultScript(rates, Random(1))
    faults = [script.draw(RUNS, None, START) for _ in range(5_000)]

    assert not any(script.resets(RUNS, None, START) for _ in range(5_000))
    assert all(one.takes_effect or one.status == 429 for one in faults)
