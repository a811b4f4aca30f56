from dataclasses import replace
from typing import Any

import pytest

from pipeline.sandbox.amazon_ads.directory import FIRST_ADVERTISER, US_MARKETPLACE, sample_directory
from pipeline.sandbox.amazon_ads.options import SimulatorOptions, strict
from tests.sandbox.amazon_client import (
    AUDIENCES,
    CONNECTIONS,
    Answer,
    Partner,
    members,
    partner,
)

METADATA = "/amc/audiences/metadata"
LINKS = "/amc/audiences/connections"
ACCOUNT = "ENTITY1000000000000"
DSP_ONLY = {"dspAdvertiserId": str(FIRST_ADVERTISER)}
WITH_AMC = {
    **DSP_ONLY,
    "amcAccountId": ACCOUNT,
    "amcAccountMarketplaceId": US_MARKETPLACE,
    "amcInstanceId": "amcsample001",
}
SCOPE = {"Amazon-Advertising-API-Scope": "3100000000000001"}
INSTANCE_HEADERS = {
    "Amazon-Advertising-API-AdvertiserId": ACCOUNT,
    "Amazon-Advertising-API-MarketplaceId": US_MARKETPLACE,
}
GOOD_AUDIENCE: dict[str, Any] = {
    "name": "vip customers",
    "description": "",
    "metadata": {"externalAudienceId": "vip", "ttl": 604800},
    "targetResource": {"connectionId": "connection-1"},
}


async def connect(running: Partner, body: object) -> Answer:
    return await running.call("POST", LINKS, body, media_type=CONNECTIONS)


async def create(running: Partner, body: object) -> Answer:
    return await running.call("POST", METADATA, body, media_type=AUDIENCES)


async def listed(running: Partner, query: str = "") -> list[Any]:
    reply: Any = await running.call("GET", LINKS + query)
    assert reply.status == 200
    return list(reply["connections"])


async def test_a_new_customer_walks_from_login_to_the_end_of_the_first_job() -> None:
    """
    With nothing accepted or created beforehand every step is needed, in this order.
    """
    async with partner(strict()) as running:
        refused = await running.upload(members(3), connection=None)
        terms = await running.call("GET", f"{LINKS}/terms")
        accepted = await running.call(
            "PATCH",
            f"{LINKS}/terms",
            {"agreementToken": terms["agreementToken"], "hasAccepted": True},
            media_type=CONNECTIONS,
        )
        connection: Any = (await connect(running, WITH_AMC))["connectionId"]
        target = {"connectionId": connection}
        audience = await create(running, GOOD_AUDIENCE | {"targetResource": target})
        audience_id = audience["audienceId"]
        upload = await running.upload(members(3), audience=audience_id, connection=connection)
        running.time.now += 10
        job = await running.status(upload["jobRequestId"])
        shown: Any = await running.call("GET", f"{METADATA}/{audience_id}")

    assert (refused.status, terms["hasAccepted"], accepted.status) == (403, False, 204)
    assert (audience.status, upload.status, job["jobState"]) == (201, 202, "SUCCEEDED")
    assert isinstance(audience_id, int)
    assert shown["metadata"]["audienceSize"]["receivedRecordSize"] == 3


async def test_terms_are_only_accepted_with_their_own_token() -> None:
    async with partner(strict()) as running:
        wrong = await running.call(
            "PATCH",
            f"{LINKS}/terms",
            {"agreementToken": "guessed", "hasAccepted": True},
            media_type=CONNECTIONS,
        )
        half = await running.call(
            "PATCH", f"{LINKS}/terms", {"hasAccepted": True}, media_type=CONNECTIONS
        )
        terms = await running.call("GET", f"{LINKS}/terms")

    assert (wrong.status, half.status, terms["hasAccepted"]) == (400, 400, False)
    assert wrong.fields() == {"message", "requestId"}


async def test_there_is_always_one_default_connection() -> None:
    async with partner() as running:
        first = (await connect(running, DSP_ONLY))["connectionId"]
        second = (await connect(running, WITH_AMC | {"isDefault": True}))["connectionId"]
        third = (await connect(running, DSP_ONLY | {"connectionId": "mine"}))["connectionId"]
        default_before = await listed(running, "?isDefault=true")
        gone = await running.call("DELETE", f"{LINKS}?connectionId={second}")
        default_after = await listed(running, "?isDefault=true")

    assert third == "mine"
    assert [one["connectionId"] for one in default_before] == [second]
    assert gone.status == 204
    assert [one["connectionId"] for one in default_after] == [first]


async def test_one_connection_can_be_shown_with_the_names_of_its_ends() -> None:
    async with partner() as running:
        connection = (await connect(running, WITH_AMC))["connectionId"]
        [shown] = await listed(running, f"?connectionId={connection}")
        unknown = await running.call("GET", f"{LINKS}?connectionId=unknown")

    assert shown["amcAccountName"] == "Sample Account 1"
    assert shown["dspAdvertiserName"] == "Sample Advertiser 1"
    assert shown["isDefault"] is True
    assert unknown.status == 404


@pytest.mark.parametrize("query", ["", "?connectionId="])
async def test_a_deletion_that_names_no_connection_removes_all_of_them(query: str) -> None:
    async with partner() as running:
        await connect(running, DSP_ONLY)
        await connect(running, DSP_ONLY)
        reply = await running.call("DELETE", LINKS + query)
        left = await listed(running)

    assert (reply.status, left) == (204, [])


async def test_a_deletion_of_an_unknown_connection_removes_none() -> None:
    async with partner() as running:
        await connect(running, DSP_ONLY)
        reply = await running.call("DELETE", f"{LINKS}?connectionId=unknown")
        left = await listed(running)

    assert (reply.status, len(left)) == (404, 1)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"isDefault": True},
        {"dspAdvertiserId": ""},
        {"dspAdvertiserId": FIRST_ADVERTISER},
        {"dspAdvertiserId": "1"},
        DSP_ONLY | {"dspProfileId": "1"},
        DSP_ONLY | {"isDefault": "true"},
        DSP_ONLY | {"name": "mine"},
        {"amcInstanceId": "amcsample001"},
        WITH_AMC | {"amcAccountId": "ENTITY1000000000001"},
        WITH_AMC | {"amcInstanceId": "unknown"},
        WITH_AMC | {"amcAccountMarketplaceId": "A2EUQ1WTGCTBG2"},
        [],
    ],
)
async def test_a_connection_of_what_the_login_cannot_see_is_refused(body: object) -> None:
    async with partner() as running:
        reply = await connect(running, body)

    assert reply.status == 400
    assert reply.fields() == {"message", "requestId"}


async def test_a_connection_id_cannot_be_taken_twice() -> None:
    async with partner() as running:
        await connect(running, DSP_ONLY | {"connectionId": "mine"})
        again = await connect(running, DSP_ONLY | {"connectionId": "mine"})

    assert again.status == 400


BAD_AUDIENCES: dict[str, dict[str, Any]] = {
    "a name of 9 characters": {"name": "n" * 9},
    "a name of 129 characters": {"name": "n" * 129},
    "a description of 1001 characters": {"description": "d" * 1001},
    "no description": {"description": None},
    "no external id": {"metadata": {}},
    "an external id that is a number": {"metadata": {"externalAudienceId": 1}},
    "a ttl over the longest": {"metadata": {"externalAudienceId": "e", "ttl": 34_300_801}},
    "a negative ttl": {"metadata": {"externalAudienceId": "e", "ttl": -1}},
    "a quoted ttl": {"metadata": {"externalAudienceId": "e", "ttl": "60"}},
    "no fee in the list": {"metadata": {"externalAudienceId": "e", "audienceFees": []}},
    "a fee in another currency": {
        "metadata": {
            "externalAudienceId": "e",
            "audienceFees": [{"cpmCents": 1, "currency": "CHF"}],
        }
    },
    "a fee without its amount": {
        "metadata": {"externalAudienceId": "e", "audienceFees": [{"currency": "USD"}]}
    },
    "no target": {"targetResource": {}},
    "two targets": {"targetResource": {"connectionId": "c", "advertiserId": 1}},
    "an empty connection": {"targetResource": {"connectionId": ""}},
    "a quoted advertiser": {"targetResource": {"advertiserId": "585806696618602999"}},
    "an unknown country": {"countryCode": "XX"},
    "a list of audiences": {"audiences": [GOOD_AUDIENCE]},
}


@pytest.mark.parametrize("change", BAD_AUDIENCES.values(), ids=BAD_AUDIENCES.keys())
async def test_an_audience_that_breaks_a_rule_is_refused(change: dict[str, Any]) -> None:
    async with partner() as running:
        reply = await create(running, GOOD_AUDIENCE | change)

    assert reply.status == 400


@pytest.mark.parametrize("field", GOOD_AUDIENCE.keys())
async def test_an_audience_needs_each_of_its_required_fields(field: str) -> None:
    async with partner() as running:
        reply = await create(
            running, {name: value for name, value in GOOD_AUDIENCE.items() if name != field}
        )

    assert reply.status == 400


async def test_a_quoted_advertiser_gets_the_words_that_the_partner_is_known_for() -> None:
    async with partner() as running:
        reply = await create(running, GOOD_AUDIENCE | BAD_AUDIENCES["a quoted advertiser"])

    assert reply.body == {"Message": "STRING_VALUE can not be converted to a Long"}


async def test_the_ids_of_advertiser_and_audience_come_back_exactly() -> None:
    advertiser = 585806696618602999
    async with partner() as running:
        created = await create(
            running,
            GOOD_AUDIENCE | {"targetResource": {"advertiserId": advertiser}, "countryCode": "GB"},
        )
        shown: Any = await running.call("GET", f"{METADATA}/{created['audienceId']}")

    assert created["externalAudienceId"] == "vip"
    assert shown["audienceId"] == created["audienceId"]
    assert shown["advertiserId"] == advertiser
    assert (shown["countryCode"], shown["metadata"]["ttl"]) == ("GB", 604800)


async def test_only_description_ttl_and_fees_of_an_audience_can_change() -> None:
    async with partner() as running:
        path = f"{METADATA}/{(await create(running, GOOD_AUDIENCE))['audienceId']}"
        changed: Any = await running.call(
            "PUT",
            path,
            {"description": "now", "metadata": {"ttl": 0}},
            media_type=AUDIENCES,
        )
        renamed = await running.call("PUT", path, {"name": "new name here"}, media_type=AUDIENCES)
        moved = await running.call(
            "PUT", path, {"metadata": {"externalAudienceId": "x"}}, media_type=AUDIENCES
        )
        shown: Any = await running.call("GET", path)

    assert (changed.status, renamed.status, moved.status) == (200, 400, 400)
    assert changed["metadata"] == {"externalAudienceId": "vip", "ttl": 0}
    assert (shown["name"], shown["description"]) == ("vip customers", "now")


async def test_an_unknown_audience_is_not_found_and_a_wrong_id_is_refused() -> None:
    async with partner() as running:
        unknown = await running.call("GET", f"{METADATA}/123")
        wrong = await running.call("GET", f"{METADATA}/abc")
        update = await running.call("PUT", f"{METADATA}/123", {}, media_type=AUDIENCES)

    assert (unknown.status, wrong.status, update.status) == (404, 400, 404)


async def test_accounts_come_in_pages_of_a_hundred() -> None:
    options = SimulatorOptions(directory=sample_directory(accounts=250))
    seen: list[Any] = []
    sizes = []
    async with partner(options) as running:
        query = ""
        while True:
            page: Any = await running.call("GET", f"/amc/accounts{query}")
            seen += page["amcAccounts"]
            sizes.append(len(page["amcAccounts"]))
            if "nextToken" not in page.body:
                break
            query = f"?nextToken={page['nextToken']}"

    assert sizes == [100, 100, 50]
    assert len({one["accountId"] for one in seen}) == 250


async def test_instances_come_ten_at_a_time_unless_asked_otherwise() -> None:
    options = SimulatorOptions(directory=sample_directory(instances=25))
    async with partner(options) as running:
        first: Any = await running.call("GET", "/amc/instances", headers=INSTANCE_HEADERS)
        rest: Any = await running.call(
            "GET",
            f"/amc/instances?limit=100&nextToken={first['nextToken']}",
            headers=INSTANCE_HEADERS,
        )
        too_many = await running.call("GET", "/amc/instances?limit=101", headers=INSTANCE_HEADERS)
        forged = await running.call("GET", "/amc/instances?nextToken=x", headers=INSTANCE_HEADERS)

    assert (len(first["instances"]), len(rest["instances"])) == (10, 15)
    assert "nextToken" not in rest.body
    assert (too_many.status, forged.status) == (422, 400)
    assert too_many.fields() == {"code", "details"}


@pytest.mark.parametrize("missing", INSTANCE_HEADERS)
async def test_instances_need_account_and_marketplace(missing: str) -> None:
    async with partner() as running:
        without = await running.call(
            "GET", "/amc/instances", headers=INSTANCE_HEADERS, without=(missing,)
        )
        unknown = await running.call(
            "GET", "/amc/instances", headers=INSTANCE_HEADERS | {missing: "unknown"}
        )

    assert (without.status, unknown.status) == (400, 403)


async def test_profiles_are_a_bare_list_that_can_be_filtered() -> None:
    async with partner() as running:
        every: Any = await running.call("GET", "/v2/profiles")
        agencies: Any = await running.call("GET", "/v2/profiles?profileTypeFilter=agency")
        wrong = await running.call("GET", "/v2/profiles?profileTypeFilter=person")

    assert {one["accountInfo"]["type"] for one in every.body} == {"agency", "vendor"}
    assert [one["profileId"] for one in agencies.body] == [3_100_000_000_000_001]
    assert wrong.status == 400


async def test_advertisers_are_seen_through_an_agency_profile_and_paged_by_index() -> None:
    options = SimulatorOptions(directory=sample_directory(advertisers=120))
    async with partner(options) as running:
        first: Any = await running.call("GET", "/dsp/advertisers", headers=SCOPE)
        rest: Any = await running.call("GET", "/dsp/advertisers?startIndex=100", headers=SCOPE)
        one: Any = await running.call(
            "GET", f"/dsp/advertisers?advertiserIdFilter={FIRST_ADVERTISER}", headers=SCOPE
        )
        unscoped = await running.call("GET", "/dsp/advertisers")
        foreign = await running.call(
            "GET", "/dsp/advertisers", headers={"Amazon-Advertising-API-Scope": "1"}
        )
        too_many = await running.call("GET", "/dsp/advertisers?count=101", headers=SCOPE)

    assert (first["totalResults"], len(first["response"]), len(rest["response"])) == (120, 100, 20)
    assert [found["advertiserId"] for found in one["response"]] == [str(FIRST_ADVERTISER)]
    assert (unscoped.status, foreign.status, too_many.status) == (401, 401, 422)
    assert too_many.fields() == {"message", "requestId", "errors"}


async def test_a_strict_partner_knows_only_connections_that_were_created() -> None:
    options = replace(strict(), terms_accepted=True)
    async with partner(options) as running:
        no_default = await running.upload(members(1), connection="")
        unknown = await running.upload(members(1), connection="unknown")
        await connect(running, DSP_ONLY | {"connectionId": "mine"})
        known = await running.upload(members(1), connection="mine")
        default = await running.upload(members(1), connection="")
        windows = running.simulator.windows()

    assert (no_default.status, unknown.status) == (400, 400)
    assert (known.status, default.status) == (202, 202)
    assert {target: window["total"] for target, window in windows.items()} == {"mine": 2}
