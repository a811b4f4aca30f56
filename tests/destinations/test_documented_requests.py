"""Every request that the client can compose, held against the partner's OpenAPI files."""

import inspect
import pkgutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from typing import Any

import orjson
import pytest

from pipeline.destinations import amazon_ads
from pipeline.destinations.amazon_ads import audiences, changes, connections, directory, terms
from pipeline.destinations.amazon_ads.audiences import (
    LONGEST_TTL_SECONDS,
    AudienceUpdate,
    Fee,
    NewAudience,
)
from pipeline.destinations.amazon_ads.changes import LaneTarget
from pipeline.destinations.amazon_ads.connections import NewConnection
from pipeline.destinations.amazon_ads.directory import Page
from pipeline.destinations.amazon_ads.rendering import RecordRenderer
from pipeline.destinations.exchange import Request, Response
from pipeline.domain.change import MembershipChange
from pipeline.domain.reasons import Rendered
from tests.fakes.consents import GRANTING_TCF as TCF
from tests.specification import Operation, needs_specification, operation

LONG = 2**63 - 1
LARGE = 413642381039213537
"""A float would make ...536 of it."""
VIP = NewAudience(name="vip customers", external_audience_id="vip", connection_id="connection-1")
FULL = replace(
    VIP, description="d", ttl=604_800, country_code="GB", fees=(Fee("USD", 150.5), Fee("EUR", 100))
)
BOTH = NewConnection(
    amc_account_id="ENTITY1",
    amc_account_marketplace_id="ATVPDKIKX0DER",
    amc_instance_id="amc1",
    dsp_advertiser_id="585806696618602999",
    dsp_profile_id="3100000000000001",
    is_default=True,
)
BY_THE_CLIENT = {"Amazon-Advertising-API-ClientId"}
"""Headers that every request is given on its way out."""


def records() -> list[bytes]:
    """One record of every kind that ingest renders."""
    person = {"email": "ana@example.com", "phone": "+1 206 555 0100", "last_name": "Diaz"}
    changes = [
        MembershipChange("vip", "add", "u-1", "US", (person, {"city": "Seattle"}), None, 1),
        MembershipChange("vip", "remove", "u-2", None, (person,), None, 1),
        MembershipChange("vip", "add", "u-3", "DE", (person,), {"tcf": TCF}, 1),
        MembershipChange("vip", "add", "u-4", "GB", (person,), {"gpp": f"DBABMA~{TCF}"}, 1),
        MembershipChange(
            "vip",
            "add",
            "u-5",
            "FR",
            (person,),
            {"amazon": {"ad_storage": "granted", "user_data": "granted"}},
            1,
        ),
    ]
    prepared = [RecordRenderer().render(change, None) for change in changes]
    return [one.value for one in prepared if isinstance(one, Rendered)]


def following(
    interpret: Callable[[Request, Response], Any], request: Request, body: object
) -> Request:
    """The request for the page after one that said this."""
    page = interpret(request, Response(status=200, headers={}, body=orjson.dumps(body)))
    assert isinstance(page, Page)
    assert page.following is not None
    return page.following


def uploads() -> Iterator[Request]:
    for target in (
        LaneTarget("connection-1", {str(LARGE): ("DSP",)}),
        LaneTarget("connection-1", {str(LARGE): ()}),
        LaneTarget(None, {}),
    ):
        yield changes.compose_records(target, str(LARGE), b"", records())
    yield changes.compose_records(LaneTarget("connection-1", {}), str(LARGE), b"DSP", records()[:1])


ACCOUNTS = directory.compose_accounts()
INSTANCES = directory.compose_instances("ENTITY1", "ATVPDKIKX0DER")
ADVERTISERS = directory.compose_advertisers(LONG)
REQUESTS: Mapping[Callable[..., Request], Sequence[Request]] = {
    connections.compose_create: [
        connections.compose_create(BOTH),
        connections.compose_create(NewConnection(dsp_advertiser_id="1", connection_id="mine")),
    ],
    connections.compose_list: [connections.compose_list(), connections.compose_list("mine")],
    connections.compose_delete: [connections.compose_delete("mine")],
    connections.compose_delete_all: [connections.compose_delete_all()],
    terms.compose_terms: [terms.compose_terms()],
    terms.compose_acceptance: [terms.compose_acceptance("token")],
    directory.compose_accounts: [
        ACCOUNTS,
        following(directory.interpret_accounts, ACCOUNTS, {"nextToken": "next"}),
    ],
    directory.compose_instances: [
        INSTANCES,
        following(directory.interpret_instances, INSTANCES, {"nextToken": "next"}),
    ],
    directory.compose_profiles: [directory.compose_profiles()],
    directory.compose_advertisers: [
        ADVERTISERS,
        following(
            directory.interpret_advertisers,
            ADVERTISERS,
            {"totalResults": 101, "response": [{"advertiserId": "7"}] * 100},
        ),
    ],
    audiences.compose_create: [
        audiences.compose_create(audience)
        for audience in (
            VIP,
            FULL,
            replace(VIP, connection_id=None, advertiser_id=LARGE),
            replace(VIP, connection_id=None, advertiser_id=LONG),
            replace(VIP, name="n" * 10),
            replace(VIP, name="n" * 128),
            replace(VIP, description="d" * 1000),
            replace(VIP, ttl=0),
            replace(VIP, ttl=LONGEST_TTL_SECONDS),
        )
    ],
    audiences.compose_show: [audiences.compose_show(LARGE)],
    audiences.compose_update: [
        audiences.compose_update(LARGE, AudienceUpdate(description="")),
        audiences.compose_update(LARGE, AudienceUpdate(ttl=0, fees=(Fee("JPY", 1),))),
    ],
    changes.compose_records: list(uploads()),
    changes.compose_status: [changes.compose_status("5a523424-7d0e-4ed0-a2bd-3e6bd3a4d4a4")],
}


def assert_documented(request: Request) -> None:
    """
    Path, query, headers, media type and body are as the partner documents them.
    """
    found = operation(request.method, request.path)
    assert_parameters(found, "query", request.query)
    assert_parameters(found, "header", request.headers)
    answers = {
        media_type
        for code, reply in found.described["responses"].items()
        if code.startswith("2")
        for media_type in reply.get("content", {})
    }
    assert not answers or request.headers["Accept"] in answers
    if "requestBody" not in found.described:
        assert not request.body
        return
    [(media_type, content)] = found.described["requestBody"]["content"].items()
    assert media_type == request.headers["Content-Type"]
    body = orjson.loads(b"".join(request.body))
    found.validator(content["schema"]).validate(body)
    assert body.keys() <= found.resolved(content["schema"])["properties"].keys()


def assert_parameters(found: Operation, place: str, given: Mapping[str, str]) -> None:
    parameters = found.parameters(place)
    required = {one["name"] for one in parameters if one.get("required")}
    assert required - BY_THE_CLIENT <= given.keys()
    if place == "query":
        assert given.keys() <= {one["name"] for one in parameters}
    for one in parameters:
        if one["name"] in given:
            value = given[one["name"]]
            is_number = found.resolved(one["schema"]).get("type") in ("integer", "number")
            found.validator(one["schema"]).validate(int(value) if is_number else value)


@needs_specification
@pytest.mark.parametrize(
    "request_",
    [request for requests in REQUESTS.values() for request in requests],
    ids=lambda request: f"{request.endpoint} {len(b''.join(request.body))}",
)
def test_every_request_is_as_the_partner_documents_it(request_: Request) -> None:
    assert_documented(request_)


@needs_specification
@pytest.mark.parametrize(
    "wrong",
    [
        replace(INSTANCES, headers={}),
        replace(INSTANCES, query={"pageSize": "7"}),
        replace(ADVERTISERS, query={"count": "101"}),
        replace(REQUESTS[changes.compose_records][0], body=[b'{"audienceId":"7","records":[{}]}']),
    ],
    ids=["a header is missing", "an unknown query", "a page too long", "a quoted id"],
)
def test_a_request_that_is_not_as_documented_is_found_out(wrong: Request) -> None:
    with pytest.raises(Exception):  # noqa: B017, PT011 -- of the validator or an assertion
        assert_documented(wrong)


def test_no_request_is_left_out() -> None:
    """
    Whatever in the partner's package makes a request stands in the table above.
    """
    modules = [
        import_module(f"{amazon_ads.__name__}.{module.name}")
        for module in pkgutil.iter_modules(amazon_ads.__path__)
    ]
    composers = {
        made
        for module in modules
        for name, made in inspect.getmembers(module, inspect.isfunction)
        if name.startswith("compose_") and inspect.signature(made).return_annotation is Request
    }

    assert composers == REQUESTS.keys()
