"""One access token for everybody, and nothing secret in anything that is said."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import pairwise
from urllib.parse import parse_qs

import pytest
from structlog.testing import capture_logs

from pipeline.destinations.amazon_ads.login import AmazonLogin
from pipeline.destinations.amazon_ads.settings import Credentials
from pipeline.destinations.login import Token, TokenAnswer, TokenRefused, TokenUnavailable
from pipeline.http.connections import connections
from pipeline.http.session import PartnerSession
from pipeline.http.tokens import (
    LARGEST_TOKEN_ANSWER_BYTES,
    REPLACEMENT_SECONDS,
    TokenKeeper,
)
from pipeline.settings.problems import Problem, SecretUnreadableError
from tests.fakes.partner import Caller, Scene, answers, partner

DEAD = b'{"error":"invalid_grant","error_description":"unknown Atzr|refresh-secret"}'


class Clock:
    """
    The loop's own time, which a test moves on; sockets do not notice.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr("pipeline.http.tokens._now", lambda: self.now)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def grants(value: str = "Atza|one", life: object = 3600) -> Scene:
    shown = f'"{life}"' if isinstance(life, str) else life
    return answers(200, f'{{"access_token":"{value}","expires_in":{shown}}}'.encode())


@dataclass(frozen=True, slots=True)
class ReadSecret:
    read: Callable[[], str]


@asynccontextmanager
async def keeper_at(
    url: str,
    secret: Callable[[], str] = lambda: "client-secret",
    refreshed: Callable[[TokenAnswer], None] = lambda _: None,
) -> AsyncIterator[TokenKeeper]:
    secrets = ReadSecret(secret), ReadSecret(lambda: "Atzr|refresh-secret")
    login = AmazonLogin(url + "/auth/o2/token", Credentials("client", *secrets))
    async with connections(10) as http:
        session = PartnerSession(
            http, login.url, 30, lambda *_: None, most_bytes=LARGEST_TOKEN_ANSWER_BYTES
        )
        yield TokenKeeper(session, login, refreshed)


async def by_many(ask: Callable[[], Awaitable[TokenAnswer]], count: int = 50) -> list[TokenAnswer]:
    got: list[TokenAnswer] = []

    async def one() -> None:
        got.append(await ask())

    async with asyncio.TaskGroup() as tasks:
        for number in range(count):
            tasks.create_task(one(), name=f"caller-{number}")
    return got


def value_of(token: TokenAnswer) -> str:
    assert isinstance(token, Token)
    return token.value


async def test_a_refresh_is_the_form_and_nothing_else() -> None:
    async with partner(grants()) as login, keeper_at(login.url) as keeper:
        await keeper.token()

    [caller] = login.callers
    assert caller.line == "POST /auth/o2/token HTTP/1.1"
    assert "authorization" not in caller.headers
    assert caller.headers["content-type"] == "application/x-www-form-urlencoded"
    assert parse_qs(caller.body.decode(), strict_parsing=True) == {
        "grant_type": ["refresh_token"],
        "refresh_token": ["Atzr|refresh-secret"],
        "client_id": ["client"],
        "client_secret": ["client-secret"],
    }


async def test_fifty_callers_make_one_refresh() -> None:
    async with partner(grants()) as login, keeper_at(login.url) as keeper:
        tokens = await by_many(keeper.token)

    assert {"Atza|one"} == {value_of(token) for token in tokens}
    assert len(login.callers) == 1


async def test_fifty_callers_share_one_failure() -> None:
    async with partner(answers(400, DEAD)) as login, keeper_at(login.url) as keeper:
        tokens = await by_many(keeper.token)

    assert all(isinstance(token, TokenRefused) for token in tokens)
    assert len(login.callers) == 1


@pytest.mark.parametrize(("life", "used_for"), [(3600, 3300), (1000, 800), (10, 8), ("60", 48)])
async def test_a_token_is_used_until_shortly_before_its_end(
    clock: Clock, life: object, used_for: float
) -> None:
    """
    Five minutes before, or a fifth of a life of less than 25 minutes.
    """
    async with partner(grants("a", life), grants("b")) as login, keeper_at(login.url) as keeper:
        await keeper.token()
        clock.now += used_for - 0.01
        assert value_of(await keeper.token()) == "a"

        clock.now += 0.02
        assert value_of(await keeper.token()) == "b"

    assert len(login.callers) == 2


async def test_secrets_are_read_at_every_refresh(clock: Clock) -> None:
    secrets = iter(["old", "new"])
    async with partner(grants()) as login, keeper_at(login.url, lambda: next(secrets)) as keeper:
        await keeper.token()
        clock.now += 3600
        await keeper.token()

    forms = [parse_qs(caller.body.decode()) for caller in login.callers]
    assert [form["client_secret"] for form in forms] == [["old"], ["new"]]


async def test_a_secret_that_cannot_be_read_is_a_refusal_that_names_the_place() -> None:
    def unreadable() -> str:
        problem = Problem(path=(), what="is empty")
        raise SecretUnreadableError([problem], "/run/secrets/amazon")

    async with partner(grants()) as login, keeper_at(login.url, unreadable) as keeper:
        assert TokenRefused("/run/secrets/amazon: is empty") == await keeper.token()
        assert keeper.trouble == "/run/secrets/amazon: is empty"

    assert not login.callers


async def test_a_server_in_trouble_is_asked_again() -> None:
    async with partner(answers(503)) as login, keeper_at(login.url) as keeper:
        assert isinstance(await keeper.token(), TokenUnavailable)


async def test_a_server_that_says_for_how_long_is_left_alone_for_so_long(clock: Clock) -> None:
    trouble = answers(503, b"{}", "Retry-After: 120")
    async with partner(trouble, grants()) as login, keeper_at(login.url) as keeper:
        await keeper.token()
        clock.now += 119
        assert isinstance(await keeper.token(), TokenUnavailable)
        assert len(login.callers) == 1

        clock.now += 2
        assert isinstance(await keeper.token(), Token)


async def test_an_answer_without_end_is_cut_off() -> None:
    """300 MB: a handful of kilobytes is read of it, and the connection is reset."""
    sent = 0

    async def floods(caller: Caller) -> None:
        nonlocal sent
        await caller.read()
        await caller.say(b"HTTP/1.1 200 OK\r\nContent-Length: 300000000\r\n\r\n")
        try:
            while sent < 300_000_000:
                await caller.say(b"x" * 65_536)
                sent += 65_536
        finally:
            caller.reset()

    async with partner(floods) as login, keeper_at(login.url) as keeper:
        answer = await keeper.token()

    assert answer == TokenUnavailable("200: the answer is larger than 65536 bytes")
    assert sent < 30_000_000


async def test_a_connection_that_breaks_is_trouble_and_no_refusal() -> None:
    async def resets(caller: Caller) -> None:
        await caller.read()
        caller.reset()

    async with partner(resets) as login, keeper_at(login.url) as keeper:
        assert isinstance(await keeper.token(), TokenUnavailable)


async def test_secrets_do_not_follow_a_redirect() -> None:
    async with (
        partner(answers(307, b"", "Location: /elsewhere")) as login,
        keeper_at(login.url) as keeper,
    ):
        assert isinstance(await keeper.token(), TokenRefused)

    assert len(login.callers) == 1


async def test_after_failures_the_endpoint_is_left_alone_for_longer_and_longer(
    clock: Clock,
) -> None:
    asked_at: list[float] = []

    async def refuses(caller: Caller) -> None:
        asked_at.append(clock.now)
        await answers(400, DEAD)(caller)

    async with partner(refuses) as login, keeper_at(login.url) as keeper:
        while clock.now < 1130:
            assert isinstance(await keeper.token(), TokenRefused)
            clock.now += 0.25

    pauses = [later - earlier for earlier, later in pairwise(asked_at)]
    assert pauses == [1, 2, 4, 8, 16, 30, 30, 30]


async def test_a_rotated_secret_mends_it_at_the_next_try(clock: Clock) -> None:
    async with partner(answers(401, b"{}"), grants()) as login, keeper_at(login.url) as keeper:
        assert isinstance(await keeper.token(), TokenRefused)
        clock.now += 1
        assert isinstance(await keeper.token(), Token)
        assert keeper.trouble is None

    assert len(login.callers) == 2


async def test_an_old_token_serves_while_no_new_one_is_to_be_had(clock: Clock) -> None:
    async with partner(grants("old", 3600), answers(503)) as login, keeper_at(login.url) as keeper:
        await keeper.token()
        clock.now += 3400
        assert value_of(await keeper.token()) == "old"
        assert keeper.trouble is not None

        clock.now += 200
        assert isinstance(await keeper.token(), TokenUnavailable)


class TestReplaced:
    async def test_fifty_refused_callers_get_one_new_token(self) -> None:
        async with partner(grants("a"), grants("b")) as login, keeper_at(login.url) as keeper:
            refused = await keeper.token()
            assert isinstance(refused, Token)
            tokens = await by_many(lambda: keeper.replaced(refused))

        assert {"b"} == {value_of(token) for token in tokens}
        assert len(login.callers) == 2

    async def test_so_they_do_when_the_new_token_equals_the_old_one(self) -> None:
        async with partner(grants("a")) as login, keeper_at(login.url) as keeper:
            refused = await keeper.token()
            assert isinstance(refused, Token)
            await by_many(lambda: keeper.replaced(refused))

        assert len(login.callers) == 2

    async def test_a_new_token_that_is_refused_too_is_not_replaced_at_once(
        self, clock: Clock
    ) -> None:
        async with (
            partner(grants("a"), grants("b"), grants("c")) as login,
            keeper_at(login.url) as keeper,
        ):
            second = await keeper.replaced(await _token(keeper))
            assert isinstance(second, Token)
            assert isinstance(await keeper.replaced(second), TokenUnavailable)
            assert len(login.callers) == 2

            clock.now += REPLACEMENT_SECONDS
            assert value_of(await keeper.replaced(second)) == "c"

    async def test_a_refused_token_does_not_serve_again_when_there_is_no_other(
        self, clock: Clock
    ) -> None:
        async with partner(grants("a"), answers(503)) as login, keeper_at(login.url) as keeper:
            refused = await _token(keeper)
            assert isinstance(await keeper.replaced(refused), TokenUnavailable)
            assert isinstance(await keeper.token(), TokenUnavailable)

        assert len(login.callers) == 2


async def _token(keeper: TokenKeeper) -> Token:
    token = await keeper.token()
    assert isinstance(token, Token)
    return token


@pytest.mark.parametrize(
    "scene",
    [
        answers(400, DEAD),
        answers(401, b'{"error":"invalid_client","error_description":"amzn1.oa2-cs.v1.abc"}'),
        answers(200, b'{"access_token":"Atza|secret","expires_in":"soon"}'),
        answers(200, b'{"access_token":"Atza|secret","expi'),
        answers(200, b'["Atza|secret"]'),
        answers(500, b"oops: refresh_token=Atzr%7Crefresh-secret&client_secret=client-secret"),
        grants("Atza|secret"),
    ],
)
async def test_neither_a_token_nor_a_secret_is_ever_said(scene: Scene) -> None:
    told: list[TokenAnswer] = []
    async with partner(scene) as login, keeper_at(login.url, refreshed=told.append) as keeper:
        with capture_logs() as lines:
            answer = await keeper.token()

    said = repr((answer, told, keeper, keeper.trouble, lines)).lower()
    assert len(told) == 1
    for secret in ("secret", "atz", "oa2-cs.v1"):
        assert secret not in said.replace("client_secret and refresh_token", "")


async def test_trouble_is_logged_once_and_not_at_every_try(clock: Clock) -> None:
    async with partner(answers(400, DEAD)) as login, keeper_at(login.url) as keeper:
        with capture_logs() as lines:
            for _ in range(5):
                await keeper.token()
                clock.now += 60

    assert len(login.callers) == 5
    assert [line["event"] for line in lines] == ["no access token"]
    assert "authorise the application again" in lines[0]["reason"]
