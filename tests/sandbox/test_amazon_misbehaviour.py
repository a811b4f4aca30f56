import asyncio
from collections import Counter
from dataclasses import replace
from random import Random
from typing import Any, get_args

import aiohttp
import pytest

from pipeline.sandbox.amazon_ads.faults import (
    PROFILES,
    Fault,
    FaultRates,
    FaultScript,
    ScriptedFault,
)
from pipeline.sandbox.amazon_ads.options import SimulatorOptions
from pipeline.sandbox.amazon_ads.vocabulary import EndpointName
from pipeline.sandbox.amazon_ads.world import ROUTES
from pipeline.sandbox.any_partner.faults import ProfileName
from tests.sandbox.amazon_client import AUDIENCE, Partner, members, partner, record


async def statuses(running: Partner, count: int, **upload: Any) -> list[int]:
    return [(await running.upload(members(1), **upload)).status for _ in range(count)]


@pytest.mark.parametrize("status", [400, 403, 404, 413, 422, 429, 500, 501, 502, 503, 504])
async def test_a_scripted_status_strikes_once_and_takes_nothing(status: int) -> None:
    async with partner() as running:
        running.simulator.script(ScriptedFault(fault=Fault(status=status)))
        struck = await running.upload([record("a")])
        after = await running.upload([record("b")])

    assert (struck.status, after.status) == (status, 202)
    assert isinstance(struck["message"], str)
    assert running.simulator.membership() == {AUDIENCE: {"b": "add"}}


@pytest.mark.parametrize(
    ("fault", "header"),
    [
        (Fault(status=429, retry_after=7), "7"),
        (
            Fault(status=429, retry_after=60, retry_after_form="date"),
            "Sun, 15 Jun 2025 15:07:40 GMT",
        ),
        (Fault(status=503, retry_after=2), "2"),
        (Fault(status=429), None),
    ],
)
async def test_retry_after_comes_in_seconds_as_a_date_or_not_at_all(
    fault: Fault, header: str | None
) -> None:
    async with partner() as running:
        running.simulator.script(ScriptedFault(fault=fault))
        reply = await running.upload(members(1))

    assert header == reply.headers.get("Retry-After")


async def test_faults_strike_in_the_order_in_which_they_were_scripted() -> None:
    async with partner() as running:
        running.simulator.script(
            ScriptedFault(fault=Fault(status=500), times=2), ScriptedFault(fault=Fault(status=429))
        )
        seen = await statuses(running, 4)

    assert seen == [500, 500, 429, 202]


async def test_a_fault_can_last_for_a_time_and_be_taken_back() -> None:
    async with partner() as running:
        outage = ScriptedFault(endpoint="*", fault=Fault(status=503), times=None, seconds=30.0)
        running.simulator.script(outage)
        first = await statuses(running, 3)
        running.time.now += 30
        after = await statuses(running, 1)
        running.simulator.script(outage)
        second = await statuses(running, 1)
        running.simulator.faults.clear()
        cleared = await statuses(running, 1)

    assert (first, after, second, cleared) == ([503] * 3, [202], [503], [202])


async def test_a_fault_can_be_the_trouble_of_one_connection_or_audience() -> None:
    async with partner() as running:
        running.simulator.script(
            ScriptedFault(fault=Fault(status=403), times=None, connection_id="broken"),
            ScriptedFault(fault=Fault(status=500), times=None, audience_id=7),
        )
        broken = await statuses(running, 2, connection="broken")
        seven = await statuses(running, 2, audience=7)
        others = await statuses(running, 2)

    assert (broken, seven, others) == ([403, 403], [500, 500], [202, 202])


@pytest.mark.parametrize(
    ("fault", "is_applied", "arrived"),
    [
        (Fault(ending="reset"), False, 0),
        (Fault(ending="drop"), False, 1),
        (Fault(ending="drop", is_taken=True), True, 1),
    ],
)
async def test_a_connection_can_break_before_reading_or_after_taking(
    fault: Fault, is_applied: bool, arrived: int
) -> None:
    async with partner() as running:
        running.simulator.script(ScriptedFault(fault=fault))
        with pytest.raises(aiohttp.ClientConnectionError):
            await running.upload([record("a")])
        membership = running.simulator.membership()
        records = running.simulator.totals()["records"]

    assert (membership == {AUDIENCE: {"a": "add"}}) is is_applied
    assert arrived == records["arrived"]


async def test_an_error_can_hide_that_the_records_were_taken() -> None:
    async with partner() as running:
        running.simulator.script(ScriptedFault(fault=Fault(status=500, is_taken=True)))
        reply = await running.upload([record("a")])

    assert reply.status == 500
    assert running.simulator.membership() == {AUDIENCE: {"a": "add"}}


async def test_records_taken_late_overtake_newer_ones() -> None:
    """
    An in_doubt addition that is applied after a newer removal brings the member back: the
    very thing that a sender must prevent by waiting.
    """
    async with partner() as running:
        late = Fault(ending="drop", is_taken=True, late_seconds=5.0)
        running.simulator.script(ScriptedFault(fault=late))
        with pytest.raises(aiohttp.ClientConnectionError):
            await running.upload([record("a")])
        await running.upload([record("a", "DELETE")])
        running.time.now += 4.9
        before = running.simulator.membership()
        waiting = running.simulator.totals()["records"]["late"]
        running.time.now += 0.1
        after = running.simulator.membership()

    assert (before, waiting) == ({AUDIENCE: {"a": "remove"}}, 1)
    assert after == {AUDIENCE: {"a": "add"}}


async def test_late_records_that_were_sent_again_in_time_change_nothing() -> None:
    async with partner() as running:
        late = Fault(ending="drop", late_seconds=5.0)
        running.simulator.script(ScriptedFault(fault=late))
        with pytest.raises(aiohttp.ClientConnectionError):
            await running.upload([record("a")])
        await running.upload([record("a")])
        running.time.now += 10
        await running.upload([record("a", "DELETE")])
        actions = [change.action for change in running.simulator.members().history(AUDIENCE, "a")]

    assert actions == ["add", "add", "remove"]


async def test_an_acceptance_can_name_no_job() -> None:
    async with partner() as running:
        running.simulator.script(ScriptedFault(fault=Fault(omits_job_id=True)))
        reply = await running.upload([record("a")])

    assert (reply.status, reply.body) == (202, {})
    assert running.simulator.membership() == {AUDIENCE: {"a": "add"}}


async def test_latency_comes_between_taking_and_answering() -> None:
    async with partner() as running:
        running.time.held = asyncio.Event()
        running.simulator.script(ScriptedFault(fault=Fault(latency=(2.0, 2.0))))
        async with asyncio.TaskGroup() as tasks:
            upload = tasks.create_task(running.upload([record("a")]))
            await running.eventually(lambda: bool(running.simulator.membership()))
            was_answered = upload.done()
            running.time.held.set()

    assert (was_answered, upload.result().status) == (False, 202)
    assert running.time.slept == [2.0]


async def test_the_login_can_fail_in_its_own_words() -> None:
    async with partner() as running:
        fault = Fault(status=400, message="invalid_grant")
        running.simulator.script(ScriptedFault(endpoint="token", fault=fault))
        reply = await running.call(
            "POST",
            "/auth/o2/token",
            b"grant_type=refresh_token",
            media_type="application/x-www-form-urlencoded",
            without=("Authorization",),
        )

    assert (reply.status, reply["error"]) == (400, "invalid_grant")


async def test_a_status_can_be_unknown_or_failing_for_a_while() -> None:
    async with partner() as running:
        job = (await running.upload(members(1)))["jobRequestId"]
        running.time.now += 10
        running.simulator.script(
            *(
                ScriptedFault(endpoint="records.status", fault=Fault(status=status))
                for status in (404, 500, 429)
            )
        )
        seen = [(await running.status(job)).status for _ in range(4)]

    assert seen == [404, 500, 429, 200]
    assert running.simulator.totals()["polls_after_end"] == 0


async def test_every_endpoint_can_be_struck() -> None:
    headers = {
        "Amazon-Advertising-API-AdvertiserId": "a",
        "Amazon-Advertising-API-MarketplaceId": "m",
    }
    async with partner() as running:
        running.simulator.script(
            ScriptedFault(endpoint="*", fault=Fault(status=502), times=len(ROUTES))
        )
        seen = [
            await running.call(
                route.method,
                route.path.format(audienceId=1, jobRequestId="job"),
                {"audienceId": 1, "records": members(1)} if route.has_body else None,
                media_type=route.dialect.media_type if route.has_body else None,
                headers=headers,
            )
            for route in ROUTES
        ]

    assert {route.name for route in ROUTES} == set(get_args(EndpointName))
    assert [502] * len(ROUTES) == [reply.status for reply in seen]


@pytest.mark.parametrize("profile", ["mild", "rough"])
async def test_the_same_seed_misbehaves_the_same(profile: ProfileName) -> None:
    runs = []
    for seed in (5, 5, 6):
        async with partner(SimulatorOptions(profile=profile), seed=seed) as running:
            outcomes: list[str] = []
            for _ in range(150):
                try:
                    outcomes.append(str((await running.upload(members(1))).status))
                except aiohttp.ClientConnectionError:
                    outcomes.append("broken")
            runs.append(outcomes)

    assert runs[0] == runs[1] != runs[2]


@pytest.mark.parametrize(
    ("profile", "most_in_a_thousand"), [("none", 0), ("mild", 60), ("rough", 300)]
)
def test_a_profile_leaves_most_requests_alone(
    profile: ProfileName, most_in_a_thousand: int
) -> None:
    faults = FaultScript(PROFILES[profile], Random(3))
    drawn = Counter(
        faults.resets("records.upload", 0.0)
        or replace(faults.draw("records.upload", 0.0), latency=(0.0, 0.0)) != Fault()
        for _ in range(1000)
    )

    assert drawn[True] <= most_in_a_thousand
    assert (drawn[True] > 0) is (profile != "none")


def test_no_profile_refuses_records_for_good() -> None:
    """
    A poisoned record never gets through, so it strikes only where somebody asked for it.
    """
    for rates in PROFILES.values():
        faults = FaultScript(rates, Random(3))
        drawn = {faults.draw("records.upload", 0.0).status for _ in range(2000)}

        assert drawn <= {None, 429, 500, 502, 503, 504}
        assert faults.poisoned(["a"]) == {}


def test_rates_of_one_always_strike() -> None:
    faults = FaultScript(FaultRates(untracked=1.0), Random(3))

    assert faults.draw("records.upload", 0.0) == Fault(omits_job_id=True)
    assert faults.draw("records.status", 0.0) == Fault()
