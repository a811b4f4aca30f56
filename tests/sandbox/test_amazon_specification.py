"""Every reply of the simulator against the partner's OpenAPI files."""

import asyncio
from typing import Any

import pytest
from schemathesis import GenerationMode

from pipeline.sandbox.amazon_ads.directory import FIRST_ADVERTISER, US_MARKETPLACE, sample_directory
from pipeline.sandbox.amazon_ads.faults import Fault, JobFault, ScriptedFault
from pipeline.sandbox.amazon_ads.options import SimulatorOptions
from pipeline.sandbox.amazon_ads.world import ROUTES, Route
from tests.sandbox.amazon_client import CLIENT_ID, Answer, Partner, members, partner
from tests.sandbox.generated_requests import (
    ONLY_FROM_THE_PARTNER,
    WORDED,
    generated,
    narrowed,
    without_headers,
)
from tests.specification import Operation, needs_specification, operation

pytestmark = needs_specification
BY_THE_GATEWAY = {401, 403, 406, 413, 415}
"""Answers that stand in front of every service, and in the specification of only some."""
HEADERS = {
    "Amazon-Advertising-API-AdvertiserId": "ENTITY1000000000000",
    "Amazon-Advertising-API-MarketplaceId": US_MARKETPLACE,
    "Amazon-Advertising-API-Scope": "3100000000000001",
}
CREDENTIALS = {"Authorization": "Bearer static", "Amazon-Advertising-API-ClientId": CLIENT_ID}
API_ROUTES = [route for route in ROUTES if route.name != "token"]
TAKES_NOTHING = {"terms.show", "records.status"}
"""Besides headers nothing, or any text at all."""
CAN_BE_WRONG = [route for route in API_ROUTES if route.name not in TAKES_NOTHING]


def documented(route: Route) -> Operation:
    return operation(route.method, route.path)


def conforms(route: Route, reply: Answer) -> None:
    """Status, media type and body of the reply are as documented, with no field of our own."""
    found = documented(route)
    described = found.described["responses"].get(str(reply.status))
    if described is None:
        # The specification of profiles describes no error at all.
        assert reply.status in BY_THE_GATEWAY or route.name == "profiles.list", reply
        return
    content = described.get("content")
    if content is None:
        assert reply.body is None
        return
    media_type = reply.headers["Content-Type"]
    if reply.body == {"message": "Unauthorized"}:
        return
    schema = content[media_type]["schema"]
    found.validator(schema).validate(reply.body)
    if isinstance(reply.body, dict) and "Message" not in reply.body:
        assert reply.body.keys() <= found.resolved(schema)["properties"].keys()


AUDIENCE_METADATA = {
    "name": "vip customers",
    "description": "",
    "metadata": {
        "externalAudienceId": "vip",
        "audienceFees": [{"cpmCents": 1.5, "currency": "USD"}],
    },
    "targetResource": {"connectionId": "connection-1"},
    "countryCode": "US",
}


async def ask(running: Partner, route: Route, path: str, body: object = None) -> Answer:
    return await running.call(
        route.method,
        path,
        body,
        media_type=route.dialect.media_type if route.has_body else None,
        headers=HEADERS,
    )


def named(name: str) -> Route:
    return next(route for route in ROUTES if route.name == name)


async def walk(running: Partner) -> list[tuple[Route, Answer]]:
    """Call everything the way it is meant to be called."""
    seen: list[tuple[Route, Answer]] = []

    async def step(name: str, path: str | None = None, body: object = None) -> Any:
        route = named(name)
        reply = await ask(running, route, path or route.path, body)
        assert reply.status < 300, reply
        seen.append((route, reply))
        return reply.body

    for name in ("accounts.list", "instances.list", "profiles.list", "advertisers.list"):
        await step(name)
    terms = await step("terms.show")
    token = terms["agreementToken"]
    await step("terms.accept", None, {"agreementToken": token, "hasAccepted": True})
    ends = {
        "dspAdvertiserId": str(FIRST_ADVERTISER),
        "amcAccountId": "ENTITY1000000000000",
        "amcInstanceId": "amcsample001",
    }
    connection = (await step("connections.create", None, ends))["connectionId"]
    await step("connections.list")
    audience = AUDIENCE_METADATA | {"targetResource": {"connectionId": connection}}
    audience_id = (await step("audiences.create", None, audience))["audienceId"]
    await step("audiences.show", f"/amc/audiences/metadata/{audience_id}")
    await step("audiences.update", f"/amc/audiences/metadata/{audience_id}", {"description": "d"})
    running.simulator.faults.invalidate(["member-1"])
    upload = {"audienceId": audience_id, "records": members(3)}
    job = (await step("records.upload", None, upload))["jobRequestId"]
    await step("records.status", f"/amc/audiences/records/{job}")
    running.time.now += 100
    await step("records.status", f"/amc/audiences/records/{job}")
    await step("connections.delete", f"/amc/audiences/connections?connectionId={connection}")
    return seen


async def test_every_good_reply_is_as_documented() -> None:
    options = SimulatorOptions(directory=sample_directory(accounts=150, instances=20))
    async with partner(options) as running:
        replies = await walk(running)

    for route, reply in replies:
        conforms(route, reply)
    assert {route.name for route, _ in replies} == {route.name for route in API_ROUTES}


@pytest.mark.parametrize("state", ["COMPLETED", "FAILED", "PARTIALLYSUCCEEDED", "SUCCEEDED"])
async def test_every_end_of_a_job_is_as_documented(state: Any) -> None:
    route = named("records.upload")
    async with partner() as running:
        running.simulator.script(ScriptedFault(fault=Fault(job=JobFault(end_state=state))))
        upload = await ask(running, route, route.path, {"audienceId": 7, "records": members(2)})
        running.time.now += 100
        reply = await running.status(upload["jobRequestId"])

    assert state == reply["jobState"]
    conforms(named("records.status"), reply)


@pytest.mark.parametrize("route", API_ROUTES, ids=lambda route: route.name)
async def test_every_documented_error_is_worded_as_documented(route: Route) -> None:
    codes = [int(code) for code in documented(route).described["responses"]]
    path = route.path.format(audienceId=1, jobRequestId="job")
    body = {"audienceId": 1, "records": members(1)} if route.has_body else None
    async with partner() as running:
        for status in (code for code in codes if code >= 400):
            running.simulator.script(ScriptedFault(endpoint=route.name, fault=Fault(status=status)))
            reply = await ask(running, route, path, body)

            assert status == reply.status
            conforms(route, reply)


async def existing(running: Partner) -> dict[str, dict[str, Any]]:
    """Schemas that allow only what exists at the partner, by the field that names it."""
    show, create = named("terms.show"), named("audiences.create")
    terms = await ask(running, show, show.path)
    audience = await ask(running, create, create.path, AUDIENCE_METADATA)
    job = await running.upload(members(1))
    there = {
        "agreementToken": terms["agreementToken"],
        "amcAccountId": "ENTITY1000000000000",
        "amcAccountMarketplaceId": US_MARKETPLACE,
        "amcInstanceId": "amcsample001",
        "advertiserId": FIRST_ADVERTISER,
        "audienceId": audience["audienceId"],
        "connectionId": "connection-1",
        "dspAdvertiserId": str(FIRST_ADVERTISER),
        "dspProfileId": "3100000000000001",
        "jobRequestId": job["jobRequestId"],
    }
    return {name: {"enum": [value]} for name, value in there.items()}


@pytest.mark.parametrize("route", API_ROUTES, ids=lambda route: route.name)
async def test_what_obeys_the_documents_is_accepted(route: Route) -> None:
    """
    As far as it also heeds what the partner only words, and asks for what exists.
    """
    found = documented(route)
    async with partner() as running:
        document = narrowed(
            without_headers(found), WORDED | await existing(running), ONLY_FROM_THE_PARTNER
        )
        replies = await asyncio.to_thread(
            generated,
            found,
            document,
            GenerationMode.POSITIVE,
            running.simulator.url,
            HEADERS | CREDENTIALS,
        )

    for reply in replies:
        conforms(route, reply)
    assert any(reply.status < 300 for reply in replies)


@pytest.mark.parametrize("route", CAN_BE_WRONG, ids=lambda route: route.name)
async def test_what_breaks_the_documents_is_refused_in_documented_words(route: Route) -> None:
    """
    Bodies, queries and paths; headers are for the gate, which has tests of its own.
    """
    found = documented(route)
    async with partner() as running:
        replies = await asyncio.to_thread(
            generated,
            found,
            narrowed(without_headers(found), WORDED),
            GenerationMode.NEGATIVE,
            running.simulator.url,
            HEADERS | CREDENTIALS,
        )

    assert replies
    for reply in replies:
        conforms(route, reply)
