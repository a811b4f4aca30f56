"""Answers are read within bounds, and a status stands whatever happens to the body after it."""

import gzip
import zlib
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from random import Random

import pytest

from pipeline.destinations.amazon_ads.answers import interpret_records, interpret_status
from pipeline.destinations.exchange import Response
from pipeline.http.session import Exchange
from tests.conftest import SEED
from tests.fakes.partner import Caller, Scene, answers, answers_early, partner, reply
from tests.http.sessions import Lane, exchanged, post, session_of

JOB = b'{"jobRequestId":"job-1"}'
LARGEST = 1_000


async def answer_to(scene: Scene, *, timeout: float = 20) -> Exchange:
    async with partner(scene) as playing:
        return await exchanged(playing, timeout=timeout)


def says(head: bytes, body: bytes = b"", *, then: str = "close") -> Scene:
    """
    Exactly these bytes for a request that was read; then it closes, resets, or says nothing more.
    """

    async def scene(caller: Caller) -> None:
        await caller.read()
        await caller.say(b"HTTP/1.1 " + head + b"\r\n\r\n" + body)
        if then == "close":
            caller.leave()
        elif then == "reset":
            caller.reset()
        else:
            await caller.until_gone()

    return scene


def unreadable(answer: Exchange, status: int, trouble: str) -> None:
    assert isinstance(answer, Response)
    assert (status, b"") == (answer.status, answer.body)
    assert answer.body_trouble is not None
    assert trouble in answer.body_trouble


@pytest.mark.parametrize("status", [200, 202, 400, 503])
@pytest.mark.parametrize("then", ["close", "reset"])
@pytest.mark.parametrize(
    "length", [b"Content-Length: 100", b"Transfer-Encoding: chunked"], ids=["length", "chunks"]
)
async def test_a_body_cut_short_leaves_its_status(status: int, then: str, length: bytes) -> None:
    answer = await answer_to(says(b"%d X\r\n" % status + length, b"5\r\n{", then=then))

    unreadable(answer, status, "")


async def test_a_body_that_does_not_come_leaves_its_status() -> None:
    answer = await answer_to(
        says(b"202 X\r\nContent-Length: 100", b"{", then="nothing"), timeout=0.5
    )

    unreadable(answer, 202, "no answer in time")


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", "gzip, br", "no-such"])
async def test_a_false_encoding_leaves_its_status(encoding: str) -> None:
    answer = await answer_to(answers(202, JOB, f"Content-Encoding: {encoding}"))

    unreadable(answer, 202, "encoding" if encoding not in ("gzip", "deflate") else encoding)


@pytest.mark.parametrize(
    ("encoding", "body"),
    [("gzip", gzip.compress(JOB, mtime=0)), ("deflate", zlib.compress(JOB)), ("identity", JOB)],
)
async def test_a_true_encoding_is_undone_though_nobody_asked_for_it(
    encoding: str, body: bytes
) -> None:
    async with partner(answers(202, body, f"Content-Encoding: {encoding}")) as playing:
        answer = await exchanged(playing)

    assert isinstance(answer, Response)
    assert (answer.body, answer.body_trouble) == (JOB, None)
    assert playing.callers[0].headers["accept-encoding"] == "identity"


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("", b"x" * 100_000),
        ("gzip", gzip.compress(b"x" * 100_000, mtime=0)),
        ("gzip", gzip.compress(JOB, mtime=0)[:-9]),
    ],
    ids=["large", "a bomb", "half of it"],
)
async def test_an_answer_over_its_bounds_leaves_its_status(encoding: str, body: bytes) -> None:
    async with (
        partner(answers(202, body, f"Content-Encoding: {encoding}")) as playing,
        session_of(playing.url, most_bytes=LARGEST) as session,
    ):
        answer = await session.exchange(post(b"x"), {})

    unreadable(answer, 202, "the answer")


async def test_a_false_encoding_does_no_harm_to_the_connection() -> None:
    """It was read to its end, so another request may be on its way on the same connection."""
    async with (
        partner(answers(202, JOB, "Content-Encoding: gzip"), answers(202, JOB)) as playing,
        session_of(playing.url) as session,
    ):
        await session.exchange(post(b"x"), {}, Lane())
        answer = await session.exchange(post(b"x"), {}, Lane())

    assert isinstance(answer, Response)
    assert answer.body == JOB
    assert playing.connections == 1


async def test_the_next_request_gets_no_rest_of_an_answer_that_was_cut_off() -> None:
    async with (
        partner(answers(202, b"x" * 100_000), answers(202, JOB)) as playing,
        session_of(playing.url, most_bytes=LARGEST) as session,
    ):
        await session.exchange(post(b"x"), {})
        answer = await session.exchange(post(b"x"), {})

    assert isinstance(answer, Response)
    assert answer.body == JOB


@pytest.mark.parametrize("size", [8_000, 9_000, 60_000, 120_000])
async def test_a_large_header_is_read(size: int) -> None:
    answer = await answer_to(answers(202, JOB, "X-Gateway: " + "x" * size))

    assert isinstance(answer, Response)
    assert (answer.status, answer.body) == (202, JOB)


async def test_so_is_a_header_of_many_lines() -> None:
    answer = await answer_to(answers(202, JOB, *(f"X-{n}: {n}" for n in range(100))))

    assert isinstance(answer, Response)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_before_the_body_was_read_is_an_answer_too(status: int) -> None:
    answer = await answer_to(answers_early(status, b"", "Location: /elsewhere"))

    assert isinstance(answer, Response)
    assert answer.status == status


@pytest.mark.parametrize("status", [202, 408, 429, 500, 503])
async def test_what_it_asks_us_to_wait_is_read_on_every_status(status: int) -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True)
    seconds = await answer_to(answers(status, b"{}", "retry-after: 7"))
    date = await answer_to(answers(status, b"{}", f"Retry-After: {later}"))
    nothing = await answer_to(answers(status, b"{}"))

    assert isinstance(seconds, Response)
    assert isinstance(date, Response)
    assert isinstance(nothing, Response)
    assert seconds.wait == 7.0
    assert date.wait is not None
    assert 90 < date.wait <= 100
    assert nothing.wait is None


def disturbed(chance: Random) -> bytes:
    """
    An answer with a few bytes of it replaced, cut out, doubled, or followed by others.
    """
    body = chance.choice([JOB, b"{}", b"<html>", b"", b'{"message":"no"}', b"[" * 2_000, b"\xff"])
    headers = chance.sample(
        [
            "Content-Type: application/json",
            "Content-Type: text/h\u00fcml",
            "Content-Encoding: gzip",
            "Transfer-Encoding: chunked",
            "Retry-After: 99999999999999999999",
            "Retry-After: Fri, 99 Foo 0000",
            "Location: http://[::",
            "Set-Cookie: \x01",
            "Connection: close",
        ],
        k=chance.randrange(4),
    )
    raw = bytearray(
        reply(chance.choice([100, 200, 202, 204, 304, 400, 401, 503, 999]), body, *headers)
    )
    for _ in range(chance.randrange(4)):
        at = chance.randrange(len(raw) + 1)
        piece = chance.choice(
            [b"", b"\r\n", b"\0", b"\xff\xfe", b":", raw[:at], chance.randbytes(5)]
        )
        raw[at : at + chance.randrange(3)] = piece
    return bytes(raw)


async def test_no_bytes_that_anything_answers_are_too_much() -> None:
    """Each becomes an answer or the lack of one, with words that can be written down."""
    chance = Random(SEED)
    scenes = [_ends_after(disturbed(chance)) for _ in range(300)]
    async with partner(*scenes) as playing:
        for _ in scenes:
            async with session_of(playing.url, timeout=2) as session:
                exchange = await session.exchange(post(b"x"), {}, Lane())
            if isinstance(exchange, Response):
                said = repr((interpret_records(exchange), interpret_status(exchange)))
            else:
                said = exchange.detail
            said.encode()


def _ends_after(raw: bytes) -> Scene:
    async def scene(caller: Caller) -> None:
        await caller.read()
        await caller.say(raw)
        caller.leave()

    return scene
