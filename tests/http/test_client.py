"""Requests to Amazon Ads: authorised, asked again once with a new token, and understood."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from pydantic import SecretStr

from pipeline.destinations.amazon_ads.lane import lane
from pipeline.destinations.amazon_ads.login import AmazonLogin
from pipeline.destinations.amazon_ads.settings import AmazonAdsSettings, Credentials
from pipeline.destinations.amazon_ads.targets import AmazonTarget
from pipeline.destinations.exchange import Request, Response
from pipeline.destinations.login import Token, TokenRefused
from pipeline.domain.job import JobReport, NotYet
from pipeline.domain.send_result import (
    Accepted,
    Answer,
    Blocked,
    InDoubt,
    NotSent,
    NotThePartner,
    Refused,
    Throttled,
)
from pipeline.http.client import PartnerClient
from pipeline.http.connections import connections
from pipeline.http.lanes import PartnerStatus, PartnerUpload
from pipeline.http.session import PartnerSession
from pipeline.http.tokens import TokenKeeper
from pipeline.settings.secrets import InlineSecret
from tests.fakes.partner import Caller, Scene, ScriptedPartner, answers, answers_early, partner

SETTINGS = AmazonAdsSettings(
    kind="amazon_ads",
    region="NA",
    client_id="client",
    client_secret=SecretStr("s"),
    refresh_token=SecretStr("r"),
)
TARGET = AmazonTarget(
    destination="amazon-na", audience_id=7, connection_id="connection", target_types=("DSP",)
)
ACCEPTED = answers(202, b'{"jobRequestId":"job-1"}')
UNAUTHORISED = answers(401, b'{"message":"Unauthorized"}')
GRANTED = [
    answers(200, f'{{"access_token":"token-{number}","expires_in":3600}}'.encode())
    for number in range(1, 9)
]
DEAD = answers(400, b'{"error":"invalid_grant","error_description":"gone"}')
RECORDS = [b'{"action":"CREATE","externalUserId":"a"}', b'{"action":"DELETE","externalUserId":"b"}']


@dataclass(frozen=True, slots=True)
class Owned:
    is_held: bool = True


class OpenLimiter:
    def __init__(self) -> None:
        self.turns = 0

    async def turn(self) -> None:
        self.turns += 1


@dataclass(slots=True)
class World:
    api: ScriptedPartner
    login: ScriptedPartner
    client: PartnerClient
    limiter: OpenLimiter = field(default_factory=OpenLimiter)

    async def send(self, *, is_held: bool = True) -> Answer:
        changes = lane(SETTINGS, [TARGET])
        upload = PartnerUpload(self.client, changes, self.limiter)
        return await upload.send("7", b"", RECORDS, Owned(is_held))


@asynccontextmanager
async def world(*api: Scene, login: list[Scene] | None = None) -> AsyncIterator[World]:
    async with (
        partner(*api) as amazon,
        partner(*(login or GRANTED)) as lwa,
        connections(10) as http,
    ):
        secret = InlineSecret(SecretStr("s"))
        login_with_amazon = AmazonLogin(lwa.url, Credentials("client", secret, secret))
        session = PartnerSession(http, amazon.url, 10, lambda *_: None)
        tokens = PartnerSession(http, lwa.url, 10, lambda *_: None)
        keeper = TokenKeeper(tokens, login_with_amazon, lambda _: None)
        yield World(amazon, lwa, PartnerClient(session, login_with_amazon, keeper))


async def test_records_arrive_authorised_at_their_address() -> None:
    async with world(ACCEPTED) as there:
        assert Accepted("job-1") == await there.send()

    [caller] = there.api.callers
    assert caller.line == "POST /amc/audiences/records HTTP/1.1"
    assert caller.headers["authorization"] == "Bearer token-1"
    assert caller.headers["amazon-advertising-api-clientid"] == "client"
    assert caller.headers["content-type"] == "application/vnd.amcaudiences.v1+json"
    assert (
        b'{"audienceId":7,"targetResource":{"connectionId":"connection","targetTypes":["DSP"]},'
        b'"records":[' + b",".join(RECORDS) + b"]}"
    ) == caller.body


async def test_an_expired_token_is_replaced_and_the_same_body_sent_again() -> None:
    async with world(UNAUTHORISED, ACCEPTED) as there:
        assert Accepted("job-1") == await there.send()

    first, second = there.api.callers
    assert first.body == second.body
    assert [caller.headers["authorization"] for caller in there.api.callers] == [
        "Bearer token-1",
        "Bearer token-2",
    ]


async def test_a_refusal_of_the_new_token_as_well_stops_the_lane() -> None:
    async with world(UNAUTHORISED) as there:
        assert Blocked("unauthorised", "401 Unauthorized") == await there.send()

    assert len(there.api.callers) == 2
    assert len(there.login.callers) == 2


async def test_a_request_with_a_new_token_waits_for_its_turn_like_every_other() -> None:
    """
    The first had its turn before; a thousand lanes that are refused would be twice as fast.
    """
    async with world(ACCEPTED) as there:
        await there.send()
    accepted = there.limiter.turns
    async with world(UNAUTHORISED) as there:
        await there.send()

    assert (accepted, there.limiter.turns) == (0, 1)


async def test_a_401_before_the_body_was_read_is_answered_with_a_new_token_too() -> None:
    async with world(answers_early(401), ACCEPTED) as there:
        assert Accepted("job-1") == await there.send()


async def test_every_further_request_does_not_ask_for_a_token_of_its_own() -> None:
    async with world(UNAUTHORISED) as there:
        for _ in range(20):
            await there.send()

    assert len(there.login.callers) == 2


async def test_dead_credentials_stop_the_lane_and_send_nothing() -> None:
    async with world(ACCEPTED, login=[DEAD]) as there:
        answer = await there.send()
        assert there.client.trouble is not None

    assert isinstance(answer, Blocked)
    assert answer.cause == "unauthorised"
    assert "authorise the application again" in answer.detail
    assert not there.api.callers


async def test_a_token_endpoint_in_trouble_means_that_nothing_was_sent() -> None:
    async with world(ACCEPTED, login=[answers(500)]) as there:
        assert isinstance(await there.send(), NotSent)

    assert not there.api.callers


async def test_a_lost_lane_sends_nothing_whole() -> None:
    async with world(ACCEPTED) as there:
        assert isinstance(await there.send(is_held=False), NotSent)

    assert not any(caller.is_whole for caller in there.api.callers)


async def _resets(caller: Caller) -> None:
    await caller.read()
    caller.reset()


@pytest.mark.parametrize(
    ("scene", "expected"),
    [
        (_resets, InDoubt("connection reset by peer")),
        (answers(400, b'{"message":"no"}'), Refused("400 no")),
        (answers(429, b"{}", "retry-after: 7"), Throttled(7.0)),
        (answers(503, b"{}"), InDoubt("503", status=503)),
        (answers(503, b"{}", "Retry-After: 7"), InDoubt("503", wait=7.0, status=503)),
        (answers(308, b"", "Location: /x"), Blocked("wrong_address", "308 to /x; check api_url")),
        (
            answers(200, b"<html>", "Content-Type: text/html"),
            NotThePartner("200 text/html: <html>"),
        ),
        (answers(202, b"{}"), Accepted(None)),
    ],
)
async def test_what_the_partner_does_comes_out_as_an_answer(scene: Scene, expected: Answer) -> None:
    async with world(scene) as there:
        assert expected == await there.send()


class TestStatus:
    async def ask(self, *api: Scene, login: list[Scene] | None = None) -> JobReport | NotYet:
        self.polled: list[str] = []
        async with world(*api, login=login) as there:
            self.seen = there.api
            return await PartnerStatus(
                there.client, lane(SETTINGS, []).jobs, self.polled.append, there.limiter
            ).ask("job/1")

    async def test_a_job_is_asked_for_by_its_name_whatever_is_in_it(self) -> None:
        report = await self.ask(answers(200, b'{"jobState":"SUCCEEDED"}'))

        assert JobReport(state="SUCCEEDED", end="applied") == report
        assert self.seen.callers[0].line == "GET /amc/audiences/records/job%2F1 HTTP/1.1"
        assert self.polled == ["200"]

    async def test_a_job_that_is_not_there_is_missing(self) -> None:
        assert NotYet("404", is_missing=True) == await self.ask(answers(404))
        assert self.polled == ["404"]

    async def test_a_throttled_question_waits_as_it_is_told(self) -> None:
        throttled = NotYet("429", 9.0, is_throttled=True)
        assert throttled == await self.ask(answers(429, b"", "Retry-After: 9"))

    async def test_no_token_is_no_answer(self) -> None:
        assert isinstance(await self.ask(answers(200), login=[DEAD]), NotYet)
        assert self.polled == ["no_token"]

    async def test_what_is_no_status_is_no_answer(self) -> None:
        assert isinstance(await self.ask(answers(200, b"<html>")), NotYet)


class ToyLogin:
    """
    Of another partner: a key that is asked for by GET, in a header of its own, and refused by 403.
    """

    def __init__(self, url: str) -> None:
        self.url = url

    def compose(self) -> Request | TokenRefused:
        return Request(endpoint="token", method="GET", path="/key", query={"app": "7"})

    def interpret(self, response: Response) -> Token:
        return Token(response.body.decode(), usable_for=60, valid_for=60)

    def headers(self, token: Token) -> Mapping[str, str]:
        return {"X-Key": token.value}

    def needs_new_token(self, response: Response) -> bool:
        return response.status == 403


async def test_another_partner_logs_in_in_its_own_way() -> None:
    """The client knows of a login what the contract says, and nothing of any partner."""
    async with (
        partner(answers(403), answers(200, b"yes")) as api,
        partner(answers(200, b"first"), answers(200, b"second")) as login_server,
        connections(10) as http,
    ):
        login = ToyLogin(login_server.url)
        session = PartnerSession(http, api.url, 10, lambda *_: None)
        tokens = PartnerSession(http, login.url, 10, lambda *_: None)
        client = PartnerClient(session, login, TokenKeeper(tokens, login, lambda _: None))
        answer = await client.call(Request(endpoint="list", method="GET", path="/list"))

    assert isinstance(answer, Response)
    assert answer.body == b"yes"
    assert [caller.headers["x-key"] for caller in api.callers] == ["first", "second"]
    assert not any("authorization" in caller.headers for caller in api.callers)
    assert login_server.callers[0].line == "GET /key?app=7 HTTP/1.1"
