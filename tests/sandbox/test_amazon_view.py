import asyncio
from random import Random
from typing import Any

import aiohttp
import orjson
import pytest

from pipeline.sandbox.amazon_ads.options import SimulatorOptions
from pipeline.sandbox.amazon_ads.record_rules import record_digest
from pipeline.sandbox.amazon_ads.simulator import AmazonAdsSimulator
from pipeline.sandbox.any_partner.loopback import serve_until
from tests.sandbox.amazon_client import AUDIENCE, Partner, digest, members, partner, record

VIEW = "/__simulator__"


async def lines(running: Partner, name: str) -> list[Any]:
    async with running.session.get(f"{running.simulator.url}{VIEW}/{name}") as reply:
        assert reply.status == 200
        return [orjson.loads(line) for line in (await reply.read()).splitlines()]


async def test_the_state_shows_what_the_methods_say() -> None:
    async with partner(SimulatorOptions(cap=5)) as running:
        await running.upload(members(3))
        await running.upload([record("not allowed")])
        await running.upload(members(3))
        state = await running.call("GET", f"{VIEW}/state")
        windows, totals = running.simulator.windows(), running.simulator.totals()

    assert state["windows"] == windows
    assert state["totals"] == totals
    assert windows["connection-1"] == {
        "current": 6,
        "largest": 6,
        "cap": 5,
        "total": 6,
        "refused": 0,
        "over_cap": 1,
    }
    assert totals["requests"] == {"records.upload": {"202": 2, "400": 1}}
    assert totals["jobs"] == {"PENDING": 2}


async def test_membership_is_streamed_member_by_member() -> None:
    async with partner() as running:
        await running.upload([record("a"), record("b", "DELETE")])
        shown = await lines(running, "membership")

    assert shown == [
        {
            "audience": AUDIENCE,
            "member": "a",
            "action": "add",
            "sequence": 1,
            "digest": record_digest(record("a")),
        },
        {
            "audience": AUDIENCE,
            "member": "b",
            "action": "remove",
            "sequence": 2,
            "digest": record_digest(record("b", "DELETE")),
        },
    ]


async def test_a_large_membership_is_streamed_whole() -> None:
    async with partner() as running:
        await running.upload(members(10_000))
        await running.upload(members(2_345, prefix="other"))
        shown = await lines(running, "membership")

    assert len(shown) == 12_345


async def test_what_was_not_applied_is_streamed_with_its_reason() -> None:
    async with partner() as running:
        await running.call("POST", f"{VIEW}/faults", {"poison": ["a"], "invalid": ["b"]})
        await running.upload([record("a")])
        await running.upload([record("b", "DELETE")])
        shown = await lines(running, "unapplied")

    assert [(one["member"], one["action"], one["reason"]) for one in shown] == [
        ("a", "add", "refused"),
        ("b", "remove", "invalid"),
    ]


async def test_the_request_log_holds_no_member_no_hash_and_no_token() -> None:
    async with partner() as running:
        await running.upload([record("ana-diaz")])
        await running.upload([record("ana.diaz")])
        log = await running.call("GET", f"{VIEW}/requests")

    assert isinstance(log.body, list)
    assert [
        (one["endpoint"], one["outcome"], one["records"], one["target"]) for one in log.body
    ] == [
        ("records.upload", "202", 1, "connection-1"),
        ("records.upload", "400", 0, None),
    ]
    for secret in ("ana", digest("ana-diaz"), "static"):
        assert secret not in str(log.body)


async def test_faults_can_be_scripted_from_outside() -> None:
    script = [
        {"fault": {"status": 429, "retry_after": 3}, "times": 2, "connection_id": "connection-1"},
        {"fault": {"job": {"never_ends": True}}},
    ]
    async with partner() as running:
        posted = await running.call("POST", f"{VIEW}/faults", {"script": script})
        replies = [await running.upload(members(1)) for _ in range(3)]
        running.time.now += 1000
        job = await running.status(replies[2]["jobRequestId"])

    assert posted.status == 204
    assert [reply.status for reply in replies] == [429, 429, 202]
    assert job["jobState"] == "PENDING"


async def test_a_profile_can_be_changed_and_everything_scripted_cleared_from_outside() -> None:
    async with partner() as running:
        await running.call(
            "POST",
            f"{VIEW}/faults",
            {"rates": {"throttled": 1.0}, "script": [{"fault": {"status": 500}, "times": None}]},
        )
        both = (await running.upload(members(1))).status
        await running.call("POST", f"{VIEW}/faults", {"clear": True})
        rates = (await running.upload(members(1))).status
        await running.call("POST", f"{VIEW}/faults", {"profile": "none"})
        neither = (await running.upload(members(1))).status

    assert (both, rates, neither) == (500, 429, 202)


@pytest.mark.parametrize(
    "wish",
    [
        b"{",
        [],
        {"scripts": []},
        {"script": [{"fault": {"stats": 500}}]},
        {"script": [{"fault": {"status": 500}, "endpoint": "records"}]},
        {"script": [{"fault": {}, "time": 1}]},
        {"profile": "wild"},
    ],
)
async def test_a_fault_that_nobody_can_inject_is_refused(wish: object) -> None:
    async with partner() as running:
        reply = await running.call("POST", f"{VIEW}/faults", wish)

    assert reply.status == 400


async def test_tokens_can_be_expired_from_outside() -> None:
    form = b"grant_type=refresh_token&refresh_token=r&client_id=c&client_secret=s"
    async with partner() as running:
        login = await running.call(
            "POST",
            "/auth/o2/token",
            form,
            media_type="application/x-www-form-urlencoded",
            without=("Authorization",),
        )
        bearer = {
            "Authorization": f"Bearer {login['access_token']}",
            "Amazon-Advertising-API-ClientId": "c",
        }
        before = await running.call("GET", "/amc/accounts", headers=bearer)
        await running.call("POST", f"{VIEW}/faults", {"expire_tokens": True})
        after = await running.call("GET", "/amc/accounts", headers=bearer)

    assert (before.status, after.status) == (200, 401)
    assert running.simulator.totals()["tokens_issued"] == 1


async def test_a_simulator_that_stands_alone_serves_until_it_is_told_to_stop() -> None:
    stop, up = asyncio.Event(), asyncio.Event()
    running: list[AmazonAdsSimulator] = []

    def started(simulator: AmazonAdsSimulator) -> None:
        running.append(simulator)
        up.set()

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(serve_until(stop, AmazonAdsSimulator(random=Random(1)), started=started))
        await up.wait()
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{running[0].url}{VIEW}/state") as reply,
        ):
            status = reply.status
        stop.set()

    assert status == 200
