"""Every reply against the partner's OpenAPI files, where AUDIENCE_SPEC_DIR says where they are."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from pipeline.sandbox.amazon.directory import FIRST_ADVERTISER, US_MARKETPLACE, sample_directory
from pipeline.sandbox.amazon.faults import Fault, JobFault, ScriptedFault
from pipeline.sandbox.amazon.options import SimulatorOptions
from pipeline.sandbox.amazon.world import ROUTES, Route
from tests.sandbox.amazon_client import Answer, Partner, members, partner

SPECIFICATION = os.environ.get("AUDIENCE_SPEC_DIR")
pytestmark = pytest.mark.skipif(
    SPECIFICATION is None,
    reason="AUDIENCE_SPEC_DIR does not name a directory with the partner's OpenAPI files",
)
FILES = (
    "advertiser-audiences.json",
    "amc-administration.json",
    "dsp-advertisers.json",
    "profiles.json",
)
BY_THE_GATEWAY = {401, 403, 406, 413, 415}
"""Answers that stand in front of every service, and in the specification of only some."""
HEADERS = {
    "Amazon-Advertising-API-AdvertiserId": "ENTITY1000000000000",
    "Amazon-Advertising-API-MarketplaceId": US_MARKETPLACE,
    "Amazon-Advertising-API-Scope": "3100000000000001",
}
API_ROUTES = [route for route in ROUTES if route.name != "token"]


@dataclass(frozen=True)
class Operation:
    """One documented operation and the document that its references point into."""

    described: dict[str, Any]
    document: dict[str, Any]

    def validator(self, schema: object) -> Draft202012Validator:
        return Draft202012Validator({"allOf": [schema], "components": self.document["components"]})

    def request_schema(self) -> dict[str, Any]:
        [content] = self.described["requestBody"]["content"].values()
        schema: dict[str, Any] = content["schema"]
        return self.resolved(schema)

    def resolved(self, schema: dict[str, Any]) -> dict[str, Any]:
        while "$ref" in schema:
            schema = self.document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        return schema


def operation(route: Route) -> Operation:
    for file in FILES:
        document = orjson.loads((Path(SPECIFICATION or "") / file).read_bytes())
        described = document["paths"].get(route.path, {}).get(route.method.lower())
        if described is not None:
            return Operation(described, document)
    raise AssertionError(f"{route.method} {route.path} is in no specification")


def conforms(route: Route, reply: Answer) -> None:
    """Status, media type and body of the reply are as documented, with no field of our own."""
    found = operation(route)
    documented = found.described["responses"].get(str(reply.status))
    if documented is None:
        # The specification of profiles describes no error at all.
        assert reply.status in BY_THE_GATEWAY or route.name == "profiles.list", reply
        return
    content = documented.get("content")
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
    documented = [int(code) for code in operation(route).described["responses"]]
    path = route.path.format(audienceId=1, jobRequestId="job")
    body = {"audienceId": 1, "records": members(1)} if route.has_body else None
    async with partner() as running:
        for status in (code for code in documented if code >= 400):
            running.simulator.script(ScriptedFault(endpoint=route.name, fault=Fault(status=status)))
            reply = await ask(running, route, path, body)

            assert status == reply.status
            conforms(route, reply)


def like(found: Operation, schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Values that mostly obey a schema, and sometimes just miss it."""
    schema = found.resolved(schema)
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if "oneOf" in schema:
        return st.one_of([like(found, option) for option in schema["oneOf"]])
    match schema.get("type"):
        case "object":
            return _objects(found, schema)
        case "array":
            lowest, highest = schema.get("minItems", 0), schema.get("maxItems", 3)
            items = like(found, schema.get("items", {}))
            return st.lists(items, min_size=lowest, max_size=min(highest, 3))
        case "boolean":
            return st.booleans()
        case "number" | "integer":
            lowest, highest = schema.get("minimum", 1), schema.get("maximum", 2**63 - 1)
            return st.integers(lowest, highest)
        case _ if "pattern" in schema:
            return st.from_regex(schema["pattern"], fullmatch=True)
        case _:
            return st.one_of(
                st.text(min_size=schema.get("minLength", 0), max_size=20),
                st.sampled_from(["a" * 64, "US", str(FIRST_ADVERTISER)]),
            )


def _objects(found: Operation, schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    required = set(schema.get("required", ()))
    values = {
        name: st.one_of(like(found, described), like(found, described), like(found, described), odd)
        for name, described in schema.get("properties", {}).items()
    }
    return st.fixed_dictionaries(
        {name: value for name, value in values.items() if name in required},
        optional={name: value for name, value in values.items() if name not in required},
    )


odd: st.SearchStrategy[Any] = st.sampled_from(
    [None, True, "", "x", 0, -1, 1.5, 2**64, [], {}, [{}], {"x": 1}]
)
BODIES = [route for route in API_ROUTES if route.has_body]


@pytest.mark.parametrize("route", BODIES, ids=lambda route: route.name)
async def test_nothing_that_the_specification_refuses_is_accepted(route: Route) -> None:
    """
    Whatever body comes, the answer is a documented one, and it is not a success when the body
    breaks the documented schema.
    """
    found = operation(route)
    schema = found.request_schema()
    validator = found.validator(schema)
    bodies: list[object] = []

    @settings(
        max_examples=150,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.one_of(like(found, schema), odd))
    def collect(body: object) -> None:
        bodies.append(body)

    collect()
    accepted = 0
    async with partner() as running:
        create = named("audiences.create")
        audience = await ask(running, create, create.path, AUDIENCE_METADATA)
        path = route.path.format(audienceId=audience["audienceId"])
        for body in filter(_is_writable, bodies):
            reply = await ask(running, route, path, body)

            conforms(route, reply)
            assert reply.status < 500
            assert reply.status >= 400 or validator.is_valid(body), body
            accepted += reply.status < 300

    # Terms need a token that nobody guesses; all others must have been accepted sometimes.
    assert accepted or route.name == "terms.accept"


def _is_writable(body: object) -> bool:
    try:
        orjson.dumps(body)
    except TypeError:
        return False
    return True
