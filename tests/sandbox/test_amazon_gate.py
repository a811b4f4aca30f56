from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import pytest

from pipeline.sandbox.amazon_ads.options import SimulatorOptions
from tests.sandbox.amazon_client import (
    AUDIENCES,
    CLIENT_ID,
    CONNECTIONS,
    INSTANCES,
    RECORDS,
    Answer,
    Partner,
    members,
    partner,
)

LOGIN = {
    "grant_type": "refresh_token",
    "refresh_token": "Atzr|good",
    "client_id": CLIENT_ID,
    "client_secret": "secret",
}
CONFIGURED = SimulatorOptions(
    client_id=CLIENT_ID, client_secret="secret", refresh_token="Atzr|good", token_seconds=60
)
UPLOAD = {"audienceId": 1, "records": members(1)}


async def log_in(
    running: Partner, form: Mapping[str, str], headers: Mapping[str, str] | None = None
) -> Answer:
    return await running.call(
        "POST",
        "/auth/o2/token",
        urlencode(form).encode(),
        media_type="application/x-www-form-urlencoded",
        headers=headers,
        without=() if headers else ("Authorization",),
    )


async def test_a_refresh_token_is_exchanged_for_an_access_token_that_works_until_it_expires() -> (
    None
):
    async with partner(CONFIGURED) as running:
        reply = await log_in(running, LOGIN)
        bearer = {"Authorization": f"Bearer {reply['access_token']}"}
        at_first = await running.call("GET", "/amc/accounts", headers=bearer)
        running.time.now += 59.9
        near_the_end = await running.call("GET", "/amc/accounts", headers=bearer)
        running.time.now += 0.1
        afterwards = await running.call("GET", "/amc/accounts", headers=bearer)

    assert reply.status == 200
    assert reply["token_type"] == "bearer"
    assert reply["expires_in"] == 60
    assert reply["refresh_token"] == "Atzr|good"
    assert str(reply["access_token"]).startswith("Atza|")
    assert (at_first.status, near_the_end.status) == (200, 200)
    assert (afterwards.status, afterwards.body) == (401, {"message": "Unauthorized"})


@pytest.mark.parametrize(
    ("change", "status", "error"),
    [
        ({"grant_type": "authorization_code"}, 400, "unsupported_grant_type"),
        ({"grant_type": ""}, 400, "invalid_request"),
        ({"client_secret": ""}, 400, "invalid_request"),
        ({"client_id": "another"}, 401, "invalid_client"),
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"refresh_token": "Atzr|revoked"}, 400, "invalid_grant"),
    ],
)
async def test_a_wrong_login_says_what_is_wrong(
    change: dict[str, str], status: int, error: str
) -> None:
    async with partner(CONFIGURED) as running:
        reply = await log_in(running, LOGIN | change)

    assert (status, error) == (reply.status, reply["error"])
    assert isinstance(reply["error_description"], str)


async def test_the_login_fails_when_it_is_shown_a_bearer_token() -> None:
    async with partner(CONFIGURED) as running:
        reply = await log_in(running, LOGIN, headers={"Authorization": "Bearer static"})

    assert (reply.status, reply["error"]) == (400, "invalid_request")


async def test_the_login_takes_forms_only() -> None:
    async with partner(CONFIGURED) as running:
        reply = await running.call(
            "POST",
            "/auth/o2/token",
            LOGIN,
            media_type="application/json",
            without=("Authorization",),
        )

    assert (reply.status, reply["error"]) == (400, "invalid_request")


async def test_all_tokens_can_be_made_useless_at_once() -> None:
    async with partner(CONFIGURED) as running:
        token = (await log_in(running, LOGIN))["access_token"]
        running.simulator.expire_tokens()
        reply = await running.call(
            "GET", "/amc/accounts", headers={"Authorization": f"Bearer {token}"}
        )

    assert reply.status == 401


async def test_a_token_of_one_client_is_not_good_for_another() -> None:
    async with partner(CONFIGURED) as running:
        token = (await log_in(running, LOGIN))["access_token"]
        reply = await running.call(
            "GET",
            "/amc/accounts",
            headers={
                "Authorization": f"Bearer {token}",
                "Amazon-Advertising-API-ClientId": "another",
            },
        )

    assert reply.status == 401


@pytest.mark.parametrize("missing", ["Authorization", "Amazon-Advertising-API-ClientId"])
@pytest.mark.parametrize(
    ("method", "path", "media_type"),
    [
        ("POST", RECORDS, AUDIENCES),
        ("GET", f"{RECORDS}/job", None),
        ("POST", "/amc/audiences/metadata", AUDIENCES),
        ("POST", "/amc/audiences/connections", CONNECTIONS),
        ("DELETE", "/amc/audiences/connections", None),
        ("GET", "/amc/audiences/connections/terms", None),
        ("GET", "/amc/accounts", None),
        ("GET", "/v2/profiles", None),
        ("GET", "/dsp/advertisers", None),
    ],
)
async def test_without_token_or_client_id_every_endpoint_says_unauthorized(
    missing: str, method: str, path: str, media_type: str | None
) -> None:
    async with partner() as running:
        reply = await running.call(
            method, path, UPLOAD if media_type else None, media_type=media_type, without=(missing,)
        )

    assert reply.status == 401
    assert reply["message"] == "Unauthorized"


async def test_only_listing_connections_does_without_a_client_id() -> None:
    async with partner() as running:
        reply = await running.call(
            "GET", "/amc/audiences/connections", without=("Amazon-Advertising-API-ClientId",)
        )

    assert reply.status == 200


@pytest.mark.parametrize(
    ("path", "media_type"),
    [
        (RECORDS, "application/json"),
        (RECORDS, CONNECTIONS),
        (RECORDS, None),
        ("/amc/audiences/metadata", CONNECTIONS),
        ("/amc/audiences/connections", AUDIENCES),
    ],
)
async def test_a_body_of_another_media_type_is_a_415(path: str, media_type: str | None) -> None:
    async with partner() as running:
        reply = await running.call("POST", path, UPLOAD, media_type=media_type)

    assert reply.status == 415


async def test_a_vendor_type_is_not_for_profiles() -> None:
    async with partner() as running:
        wrong = await running.call("GET", "/v2/profiles", media_type=AUDIENCES)
        right = await running.call("GET", "/v2/profiles", media_type="application/json")

    assert (wrong.status, right.status) == (415, 200)


async def test_parameters_of_a_media_type_do_not_matter() -> None:
    async with partner() as running:
        reply = await running.call(
            "POST", RECORDS, UPLOAD, media_type=f"{AUDIENCES}; charset=utf-8"
        )

    assert reply.status == 202


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        (AUDIENCES, 202),
        ("*/*", 202),
        (f"{AUDIENCES};q=0.9, text/html", 202),
        ("application/json", 406),
        (CONNECTIONS, 406),
        ("application/vnd.amcaudiences.v2+json", 406),
    ],
)
async def test_an_answer_in_another_media_type_cannot_be_had(accept: str, status: int) -> None:
    async with partner() as running:
        reply = await running.call(
            "POST", RECORDS, UPLOAD, media_type=AUDIENCES, headers={"Accept": accept}
        )

    assert status == reply.status


@pytest.mark.parametrize(
    ("path", "headers", "expected"),
    [
        (f"{RECORDS}/unknown", {}, AUDIENCES),
        ("/amc/audiences/connections", {}, CONNECTIONS),
        ("/amc/accounts", {}, CONNECTIONS),
        ("/amc/instances", {}, INSTANCES),
        ("/v2/profiles", {}, "application/json"),
    ],
)
async def test_every_answer_is_in_the_media_type_of_its_service(
    path: str, headers: Mapping[str, str], expected: str
) -> None:
    async with partner() as running:
        reply = await running.call("GET", path, headers=headers)

    assert expected == reply.headers["Content-Type"]
    assert "x-amzn-RequestId" in reply.headers


async def test_unknown_paths_and_methods_are_answered_in_json() -> None:
    async with partner() as running:
        lost: Any = await running.call("GET", "/amc/nothing")
        wrong = await running.call("PUT", RECORDS)

    assert (lost.status, lost.body) == (404, {"message": "Not Found"})
    assert (wrong.status, wrong.headers["Allow"]) == (405, "POST")
