import asyncio
from dataclasses import replace
from typing import Any

import pytest

from pipeline.sandbox.amazon_ads.faults import Fault, FaultRates, JobFault, ScriptedFault
from pipeline.sandbox.amazon_ads.members import Change
from pipeline.sandbox.amazon_ads.options import SimulatorOptions
from pipeline.sandbox.amazon_ads.record_rules import record_digest
from tests.sandbox.amazon_client import (
    AUDIENCE,
    AUDIENCES,
    RECORDS,
    digest,
    members,
    partner,
    record,
)

SLOW_JOBS = SimulatorOptions(job_seconds=(10.0, 10.0))


async def test_an_upload_is_accepted_with_a_job_id_and_nothing_else() -> None:
    async with partner() as running:
        reply = await running.upload(members(3))

    assert reply.status == 202
    assert isinstance(reply.body, dict)
    assert list(reply.body) == ["jobRequestId"]


async def test_records_become_membership_in_the_order_of_acceptance() -> None:
    async with partner() as running:
        await running.upload([record("a"), record("b"), record("c")])
        await running.upload([record("b", "DELETE"), record("d"), record("d", "DELETE")])
        await running.upload([record("a")], audience=7)
        membership = running.simulator.membership()
        history = running.simulator.members().history(AUDIENCE, "b")

    assert membership == {
        AUDIENCE: {"a": "add", "b": "remove", "c": "add", "d": "remove"},
        7: {"a": "add"},
    }
    assert history == [
        Change("add", 2, record_digest(record("b"))),
        Change("remove", 4, record_digest(record("b", "DELETE"))),
    ]


async def test_a_refused_request_changes_nothing_and_counts_for_nothing() -> None:
    async with partner() as running:
        reply = await running.upload([record("a"), record("not allowed")])
        totals = running.simulator.totals()

    assert reply.status == 400
    assert isinstance(reply["message"], str)
    assert running.simulator.membership() == {}
    assert running.simulator.windows() == {}
    assert totals["unreadable_requests"] == 1


async def test_a_quoted_audience_id_is_answered_in_the_partners_words() -> None:
    async with partner() as running:
        reply = await running.upload(members(1), audience=str(AUDIENCE))

    assert (reply.status, reply.body) == (
        400,
        {"Message": "STRING_VALUE can not be converted to a Long"},
    )


@pytest.mark.parametrize(("limit_less", "status"), [(0, 202), (1, 413)])
async def test_a_body_over_the_byte_limit_is_too_large(limit_less: int, status: int) -> None:
    body = b'{"audienceId":1,"records":[{"externalUserId":"a","action":"CREATE","hashedPII":[{}]}]}'
    async with partner(SimulatorOptions(byte_limit=len(body) - limit_less)) as running:
        reply = await running.call("POST", RECORDS, body, media_type=AUDIENCES)

    assert status == reply.status


async def test_a_body_far_over_the_limit_is_answered_and_not_cut_off() -> None:
    async with partner() as running:
        reply = await running.call("POST", RECORDS, b" " * 40_000_000, media_type=AUDIENCES)

    assert reply.status == 413


async def test_a_job_is_pending_until_its_time_and_then_tells_its_end() -> None:
    async with partner(SLOW_JOBS) as running:
        job = (await running.upload(members(4)))["jobRequestId"]
        running.time.now += 9.9
        before = await running.status(job)
        running.time.now += 0.1
        after = await running.status(job)

    assert before.body == {"jobRequestId": job, "jobState": "PENDING"}
    assert after.body == {
        "jobRequestId": job,
        "jobState": "SUCCEEDED",
        "successful": {"recordsProcessedRate": 100.0},
        "invalidRecords": [],
        "audienceSize": {
            "dspAudienceSize": -1,
            "idResolutionCount": 4,
            "receivedRecordSize": 4,
        },
    }


async def test_asking_a_job_again_after_its_end_is_counted() -> None:
    async with partner() as running:
        job = (await running.upload(members(1)))["jobRequestId"]
        running.time.now += 10
        await running.status(job)
        in_good_time = running.simulator.totals()["polls_after_end"]
        await running.status(job)
        needless = running.simulator.totals()["polls_after_end"]

    assert (in_good_time, needless) == (0, 1)


async def test_a_job_is_unknown_at_first_when_so_configured_and_forgotten_in_the_end() -> None:
    options = SimulatorOptions(job_unknown_seconds=3.0, job_retention_seconds=100.0)
    async with partner(options) as running:
        job = (await running.upload(members(1)))["jobRequestId"]
        statuses = []
        for moment in (0.0, 3.0, 96.0, 1.0):
            running.time.now += moment
            statuses.append((await running.status(job)).status)

    assert statuses == [404, 200, 200, 404]


async def test_invalid_records_are_named_by_their_job_and_not_applied() -> None:
    async with partner() as running:
        running.simulator.faults.invalidate(["b"], "NO_MATCH")
        reply = await running.upload([record("a"), record("b"), record("c"), record("d")])
        running.time.now += 10
        job: Any = await running.status(reply["jobRequestId"])
        unapplied = running.simulator.members().unapplied()

    assert job["jobState"] == "SUCCEEDED"
    assert job["successful"] == {"recordsProcessedRate": 75.0}
    assert job["invalidRecords"] == [
        {"audienceId": str(AUDIENCE), "externalId": "b", "error": "NO_MATCH"}
    ]
    assert running.simulator.membership() == {AUDIENCE: {"a": "add", "c": "add", "d": "add"}}
    assert [(one.member, one.reason) for one in unapplied] == [("b", "invalid")]


async def test_the_seed_decides_which_records_are_invalid_and_repeats_do_not_change_it() -> None:
    options = SimulatorOptions(rates=FaultRates(invalid=0.1))
    named = []
    for seed in (1, 1, 2):
        async with partner(options, seed=seed) as running:
            for _ in range(2):
                await running.upload(members(500))
            named.append({one.member for one in running.simulator.members().unapplied()})
            applied = running.simulator.totals()["records"]["applied"]
            assert applied == 2 * (500 - len(named[-1]))

    assert named[0] == named[1] != named[2]
    assert 20 < len(named[0]) < 90


async def test_an_addition_whose_consent_says_no_is_named_by_its_job() -> None:
    denied = {"consent": {"amzn": {"amznUserData": "DENIED"}}}
    async with partner() as running:
        reply = await running.upload([record("a", userConsent=denied), record("b")])
        running.time.now += 10
        job: Any = await running.status(reply["jobRequestId"])

    assert [one["externalId"] for one in job["invalidRecords"]] == ["a"]


async def test_an_audience_that_was_not_created_fails_in_its_job() -> None:
    async with partner(SimulatorOptions(accept_any_audience=False)) as running:
        reply = await running.upload(members(2))
        running.time.now += 10
        job: Any = await running.status(reply["jobRequestId"])

    assert reply.status == 202
    assert job["jobState"] == "FAILED"
    assert [one["error"] for one in job["invalidRecords"]] == ["AUDIENCE_NOT_FOUND"] * 2
    assert running.simulator.membership().get(AUDIENCE, {}) == {}


async def test_a_poisoned_record_refuses_its_request_and_is_told_apart_afterwards() -> None:
    async with partner() as running:
        running.simulator.faults.poison(["bad"])
        whole = await running.upload([record("a"), record("bad"), record("c")])
        halves = [
            (await running.upload(half)).status
            for half in ([record("a")], [record("bad")], [record("c")])
        ]
        unapplied = running.simulator.members().unapplied()
        totals = running.simulator.totals()["records"]

    assert (whole.status, halves) == (400, [202, 400, 202])
    assert "bad" not in str(whole.body)
    assert [(one.member, one.reason) for one in unapplied] == [("bad", "refused")]
    assert (totals["arrived"], totals["refused"], totals["applied"]) == (2, 4, 2)


async def test_a_poisoned_record_may_make_the_partner_stumble_instead() -> None:
    """
    An error of the server, unlike a refusal, counts against the cap.
    """
    async with partner() as running:
        running.simulator.faults.poison(["bad"], status=503)
        whole = await running.upload([record("a"), record("bad"), record("c")])
        good = await running.upload([record("a"), record("c")])
        totals = running.simulator.totals()["records"]

    assert (whole.status, good.status) == (503, 202)
    assert (totals["arrived"], totals["refused"], totals["applied"]) == (5, 0, 2)


async def test_each_target_has_a_window_of_its_own() -> None:
    async with partner(SimulatorOptions(window_seconds=10.0, cap=9)) as running:
        await running.upload(members(5))
        await running.upload(members(2), connection="connection-2")
        await running.upload(members(3), connection=None)
        running.time.now += 9.9
        await running.upload(members(4))
        running.time.now += 0.1
        windows = running.simulator.windows()

    assert {target: window["current"] for target, window in windows.items()} == {
        "connection-1": 4,
        "connection-2": 0,
        f"advertiser:{AUDIENCE}": 0,
    }
    assert windows["connection-1"]["largest"] == 9
    assert windows["connection-1"]["over_cap"] == 1
    assert windows["connection-2"]["over_cap"] == 0
    assert running.simulator.largest_window("connection-1") == 9
    assert running.simulator.largest_window("unknown") == 0


async def test_the_cap_can_be_enforced_and_what_it_refuses_is_not_counted() -> None:
    options = SimulatorOptions(window_seconds=60.0, cap=10, over_cap="reject_429")
    async with partner(options) as running:
        first = await running.upload(members(9))
        second = await running.upload(members(1))
        running.time.now += 60
        third = await running.upload(members(9))
        [window] = running.simulator.windows().values()

    assert (first.status, second.status, third.status) == (202, 429, 202)
    assert second.headers["Retry-After"] == "1"
    assert (window["largest"], window["refused"], window["over_cap"]) == (9, 1, 0)


@pytest.mark.parametrize(
    ("fault", "arrived"),
    [
        (Fault(status=400), 0),
        (Fault(status=401), 0),
        (Fault(status=413), 0),
        (Fault(status=422), 0),
        (Fault(status=429), 0),
        (Fault(status=403), 3),
        (Fault(status=404), 3),
        (Fault(status=500), 3),
        (Fault(status=501), 3),
        (Fault(status=503), 3),
        (Fault(status=503, is_taken=True), 3),
        (Fault(omits_job_id=True), 3),
    ],
)
async def test_what_arrives_whole_counts_unless_it_is_definitely_refused(
    fault: Fault, arrived: int
) -> None:
    async with partner() as running:
        running.simulator.script(ScriptedFault(fault=fault))
        await running.upload(members(3))
        records = running.simulator.totals()["records"]

    assert arrived == records["arrived"]
    assert 3 - arrived == records["refused"]
    assert arrived == running.simulator.largest_window("connection-1")


async def test_a_body_that_never_arrives_whole_counts_for_nothing() -> None:
    body = b'{"audienceId":1,"records":[{"externalUserId":"a","action":"CREATE","hashedPII":[{}]}]}'
    async with partner() as running:
        port = int(running.simulator.url.rpartition(":")[2])
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(
            b"POST /amc/audiences/records HTTP/1.1\r\nHost: simulator\r\n"
            b"Authorization: Bearer static\r\nAmazon-Advertising-API-ClientId: c\r\n"
            b"Content-Type: %s\r\nContent-Length: %d\r\n\r\n%s"
            % (AUDIENCES.encode(), len(body), body[:-1])
        )
        await writer.drain()
        writer.close()
        await writer.wait_closed()
        await running.eventually(lambda: bool(running.simulator.requests()))
        [logged] = running.simulator.requests()

    assert logged.outcome == "incomplete"
    assert running.simulator.totals()["records"]["arrived"] == 0


async def test_two_requests_in_flight_with_the_same_member_are_noticed() -> None:
    async with partner(SimulatorOptions(rates=FaultRates(latency=(1.0, 1.0)))) as running:
        running.time.held = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            for records in ([record("a"), record("b")], [record("c")], [record("b")]):
                tasks.create_task(running.upload(records))
            await running.eventually(lambda: running.simulator.largest_window("connection-1") == 4)
            running.time.held.set()
        totals = running.simulator.totals()

    assert totals["overlapping_requests"] == 1


async def test_a_request_of_another_audience_or_after_the_answer_overlaps_nothing() -> None:
    async with partner() as running:
        await running.upload([record("a")])
        await running.upload([record("a")])
        await running.upload([record("a"), record("a")], audience=7)
        totals = running.simulator.totals()

    assert totals["overlapping_requests"] == 0
    assert totals["repeated_in_request"] == 1


async def test_a_job_can_be_scripted_in_every_way() -> None:
    async with partner(SLOW_JOBS) as running:
        for job in (
            JobFault(never_ends=True),
            JobFault(pending_seconds=1.0, end_state="PARTIALLYSUCCEEDED"),
            JobFault(pending_seconds=0.0, shown_states=("PENDING", "RUNNING", "PENDING")),
            JobFault(unknown_seconds=1000.0),
        ):
            running.simulator.script(ScriptedFault(fault=Fault(job=job)))
        jobs = [(await running.upload(members(1)))["jobRequestId"] for _ in range(4)]
        running.time.now += 100
        endless, partial, stuttering, unknown = [await running.status(job) for job in jobs]
        stutter = [stuttering] + [await running.status(jobs[2]) for _ in range(3)]

    assert endless["jobState"] == "PENDING"
    assert partial["jobState"] == "PARTIALLYSUCCEEDED"
    assert unknown.status == 404
    assert [one["jobState"] for one in stutter] == ["PENDING", "RUNNING", "PENDING", "SUCCEEDED"]


async def test_a_failed_job_applies_nothing_and_says_what_it_left_out() -> None:
    async with partner() as running:
        running.simulator.script(ScriptedFault(fault=Fault(job=JobFault(end_state="FAILED"))))
        reply = await running.upload(members(2))
        running.time.now += 10
        job = await running.status(reply["jobRequestId"])
        unapplied = running.simulator.members().unapplied()

    assert (job["jobState"], job["successful"]) == ("FAILED", {"recordsProcessedRate": 0.0})
    assert running.simulator.membership() == {}
    assert [one.reason for one in unapplied] == ["job_failed"] * 2


async def test_two_hundred_thousand_records_are_all_there() -> None:
    """
    A large audience, and one of its members removed at the end.
    """
    hashed = [{"email": digest("one for all")}]
    async with partner(replace(SLOW_JOBS, history=1)) as running:
        for batch in range(25):
            records = [
                {"externalUserId": f"{batch}-{place}", "action": "CREATE", "hashedPII": hashed}
                for place in range(8_000)
            ]
            assert (await running.upload(records)).status == 202
        await running.upload([record("24-7999", "DELETE")])
        membership = running.simulator.membership()[AUDIENCE]

    assert len(membership) == 200_000
    assert [member for member, action in membership.items() if action == "remove"] == ["24-7999"]
    assert running.simulator.largest_window("connection-1") == 200_001
