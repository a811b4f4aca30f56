"""What becomes of a request, through real HTTP on loopback."""

import asyncio
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from pipeline.destinations.exchange import Request, Response
from pipeline.http.session import Exchange, NotDelivered, Silent
from tests.fakes.partner import (
    SMALL_BUFFER,
    Caller,
    Scene,
    ScriptedPartner,
    answers,
    answers_early,
    partner,
    reply,
)
from tests.http.sessions import Lane, exchanged, made_certificate, pieces_of, post, session_of


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    return made_certificate(tmp_path_factory.mktemp("tls"), "localhost")


LARGE = 6_000_000
"""More than every buffer between two sockets together."""
CUT_SHORT = 60_000
"""More than two small socket buffers hold, and less than the mark at which the client waits."""


class NobodyKnows(AbstractResolver):
    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        raise OSError("no such name")

    async def close(self) -> None: ...


def small_socket(address: Sequence[object]) -> socket.socket:
    """
    A socket that takes little at once, so that most of a body waits in the process.
    """
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL_BUFFER)
    made.setblocking(False)
    return made


async def turns(count: int) -> None:
    """
    Let the loop look at its sockets so often.
    """
    for _ in range(count):
        await asyncio.sleep(0)


class TestWhole:
    @pytest.mark.parametrize("size", [1, 2, 700, 65536, 65537, 1_000_000, LARGE])
    async def test_a_body_arrives_byte_for_byte_with_its_length(self, size: int) -> None:
        async with partner(answers(202)) as playing:
            answer = await exchanged(playing, size)

        [caller] = playing.callers
        assert isinstance(answer, Response)
        assert b"".join(pieces_of(size)) == caller.body
        assert str(size) == caller.headers["content-length"]
        assert "transfer-encoding" not in caller.headers

    async def test_empty_pieces_do_not_cut_a_body_short(self) -> None:
        async with partner(answers(202)) as playing, session_of(playing.url) as session:
            await session.exchange(post(b"a" * 100_000, b"", b"b"), {}, Lane())

        assert playing.callers[0].body == b"a" * 100_000 + b"b"

    async def test_a_partner_that_speaks_tls_gets_it_all(self, certificate: ssl.SSLContext) -> None:
        async with (
            partner(answers(202), tls=certificate) as playing,
            session_of(playing.url, tls=False) as session,
        ):
            answer = await session.exchange(post(*pieces_of(1_000_000)), {}, Lane())

        assert isinstance(answer, Response)
        assert b"".join(pieces_of(1_000_000)) == playing.callers[0].body

    async def test_headers_of_the_request_and_of_the_client_are_both_sent(self) -> None:
        request = Request(
            endpoint="status", method="GET", path="/a", headers={"Accept": "x/y"}, query={"b": "c"}
        )
        async with partner(answers(200)) as playing, session_of(playing.url + "/") as session:
            await session.exchange(request, {"Authorization": "Bearer t"})

        assert playing.callers[0].line == "GET /a?b=c HTTP/1.1"
        assert playing.callers[0].headers["accept"] == "x/y"
        assert playing.callers[0].headers["authorization"] == "Bearer t"


class TestOwnership:
    async def test_whenever_ownership_ends_before_the_last_look_nothing_becomes_whole(self) -> None:
        held = Lane()
        async with partner(answers(202)) as playing:
            await exchanged(playing, 300_000, held)
        assert held.looks > 4

        for looks in range(held.looks):
            async with partner(answers(202)) as playing:
                answer = await exchanged(playing, 300_000, Lane(looks_left=looks))

            assert NotDelivered("the lane was lost", "withdrawn") == answer
            assert not any(caller.is_whole for caller in playing.callers)

    @pytest.mark.parametrize("read", [0, 500_000, 1_500_000])
    async def test_a_slow_reader_does_not_get_what_was_lost_meanwhile(self, read: int) -> None:
        lane, reads_on = Lane(), asyncio.Event()

        async def slowly(caller: Caller) -> None:
            await caller.read(read)
            lane.is_lost = True
            reads_on.set()
            await caller.until_gone()

        async with partner(slowly) as playing:
            answer = await exchanged(playing, LARGE, lane)

        assert NotDelivered("the lane was lost", "withdrawn") == answer
        assert not playing.callers[0].is_whole

    async def test_a_frozen_process_does_not_complete_its_request(self) -> None:
        async with partner(_after_a_freeze(lane := Lane())) as playing:
            answer = await _sent_through_a_small_socket(playing, lane)

        assert NotDelivered("the lane was lost", "withdrawn") == answer
        assert not playing.callers[0].is_whole

    async def test_nor_does_it_when_the_rest_is_already_encrypted(
        self, certificate: ssl.SSLContext
    ) -> None:
        """
        A TLS transport says that it holds nothing while the one below it holds 64 KiB. On a busy
        machine the body may have left before the freeze, while the lane was held: such a try shows
        nothing, and there is another.
        """
        answer, caller, is_shown = await _frozen_under_tls(certificate)
        for _ in range(20):
            if not is_shown:
                answer, caller, is_shown = await _frozen_under_tls(certificate)

        assert NotDelivered("the lane was lost", "withdrawn") == answer
        assert not caller.is_whole


async def _frozen_under_tls(certificate: ssl.SSLContext) -> tuple[Exchange, Caller, bool]:
    """
    What became of the request, and whether it waited in the process during the freeze.
    """
    async with partner(_after_a_freeze(lane := Lane()), tls=certificate) as playing:
        answer = await _sent_through_a_small_socket(playing, lane, timeout=1.0)
    return answer, playing.callers[0], lane.is_seen_lost


def _after_a_freeze(lane: Lane) -> Scene:
    """
    The process stands still while the body waits in it, and its lane goes to somebody else.
    """

    async def scene(caller: Caller) -> None:
        await turns(50)
        time.sleep(0.02)  # noqa: ASYNC251 - the loop is blocked on purpose
        lane.is_lost = True
        await caller.until_gone()

    return scene


async def _sent_through_a_small_socket(
    playing: ScriptedPartner, lane: Lane, timeout: float = 20
) -> Exchange:
    connector = aiohttp.TCPConnector(socket_factory=small_socket, ssl=False)
    async with session_of(playing.url, timeout=timeout, connector=connector) as session:
        return await session.exchange(post(*pieces_of(CUT_SHORT)), {}, lane)


class TestSentOnce:
    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    async def test_a_redirect_is_an_answer_and_not_followed(self, status: int) -> None:
        async with partner(answers(status, b"", "Location: /elsewhere")) as playing:
            answer = await exchanged(playing)

        assert isinstance(answer, Response)
        assert status == answer.status
        assert len(playing.callers) == 1

    async def test_a_connection_that_dies_under_the_next_request_is_not_tried_again(self) -> None:
        async def dies(caller: Caller) -> None:
            await caller.read()
            caller.reset()

        async with (
            partner(answers(202), dies, answers(202)) as playing,
            session_of(playing.url) as session,
        ):
            await session.exchange(post(b"one"), {}, Lane())
            answer = await session.exchange(post(b"two"), {}, Lane())

        assert isinstance(answer, Silent)
        assert playing.connections == 1
        assert [bytes(caller.body) for caller in playing.callers] == [b"one", b"two"]

    async def test_nor_one_that_ends_in_peace_under_it(self) -> None:
        async def leaves(caller: Caller) -> None:
            await caller.read()
            caller.leave()

        async with (
            partner(answers(202), leaves, answers(202)) as playing,
            session_of(playing.url) as session,
        ):
            await session.exchange(post(b"one"), {}, Lane())
            answer = await session.exchange(post(b"two"), {}, Lane())

        assert isinstance(answer, Silent)
        assert len(playing.callers) == 2


class TestEarlyAnswers:
    @pytest.mark.parametrize("status", [400, 401, 413, 429, 503])
    @pytest.mark.parametrize("size", [1000, LARGE])
    async def test_an_answer_before_the_body_is_the_answer(self, status: int, size: int) -> None:
        async with partner(answers_early(status, b'{"message":"no"}')) as playing:
            answer = await exchanged(playing, size)

        assert isinstance(answer, Response)
        assert (status, b'{"message":"no"}') == (answer.status, answer.body)

    async def test_a_partner_that_refused_and_reads_no_more_holds_nobody_up(self) -> None:
        """
        The client library would wait, without any timeout, until the whole body has left.
        """
        done = asyncio.Event()

        async def refuses_and_waits(caller: Caller) -> None:
            await caller.say(reply(413))
            await done.wait()
            await caller.until_gone()

        async with partner(refuses_and_waits) as playing, asyncio.timeout(10):
            answer = await exchanged(playing, LARGE, timeout=1000)
            done.set()

        assert isinstance(answer, Response)
        assert answer.status == 413
        assert not playing.callers[0].is_whole

    @pytest.mark.parametrize("size", [300_000, LARGE])
    async def test_a_partner_that_refuses_and_hangs_up_is_heard(self, size: int) -> None:
        """
        Its reset follows on the heels of its answer: who writes on before he reads loses it.
        """
        with refusing_partner() as url:
            answers = []
            for _ in range(10):
                async with session_of(url) as session:
                    answers.append(await session.exchange(post(*pieces_of(size)), {}, Lane()))

        assert not any(isinstance(answer, Silent) for answer in answers)
        assert sum(isinstance(answer, Response) for answer in answers) >= 8

    async def test_success_before_the_body_was_whole_is_no_success(self) -> None:
        async with partner(answers_early(202, b'{"jobRequestId":"j"}')) as playing:
            answer = await exchanged(playing, LARGE)

        assert isinstance(answer, NotDelivered)

    async def test_the_next_request_does_not_follow_on_a_half_sent_one(self) -> None:
        async with (
            partner(answers_early(429), answers(202)) as playing,
            session_of(playing.url) as session,
        ):
            await session.exchange(post(*pieces_of(LARGE)), {}, Lane())
            answer = await session.exchange(post(b"next"), {}, Lane())

        assert isinstance(answer, Response)
        assert answer.status == 202
        assert playing.connections == 2


@contextmanager
def refusing_partner() -> Iterator[str]:
    """
    Answers 413 to the head of a request and hangs up; a thread, so that no turn is shared.
    """
    listener = socket.create_server(("127.0.0.1", 0))
    serving = threading.Thread(target=_refuse_everybody, args=(listener,))
    serving.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        serving.join()
        listener.close()


def _refuse_everybody(listener: socket.socket) -> None:
    while True:
        try:
            caller, _ = listener.accept()
        except OSError:
            return
        with caller:
            caller.recv(1000)
            caller.sendall(reply(413, b"{}", "Connection: close"))


async def _silent(caller: Caller) -> None:
    await caller.read()
    await caller.until_gone()


async def _resets_at_once(caller: Caller) -> None:
    caller.reset()


async def _resets_in_the_middle(caller: Caller) -> None:
    await caller.read(500_000)
    caller.reset()


async def _resets_at_the_end(caller: Caller) -> None:
    await caller.read()
    caller.reset()


async def _babbles(caller: Caller) -> None:
    await caller.read()
    await caller.say(b"this is no HTTP\r\n\r\n")


class TestSilence:
    """
    Silent exactly when the whole body may have arrived.
    """

    @pytest.mark.parametrize("scene", [_resets_at_the_end, _babbles])
    async def test_trouble_after_the_whole_body_is_silence(self, scene: Scene) -> None:
        async with partner(scene) as playing:
            answer = await exchanged(playing, 100_000)

        assert isinstance(answer, Silent)
        assert answer.code == "reset"

    @pytest.mark.parametrize("scene", [_resets_at_once, _resets_in_the_middle])
    async def test_trouble_before_it_means_that_nothing_arrived(self, scene: Scene) -> None:
        async with partner(scene) as playing:
            answer = await exchanged(playing, LARGE)

        assert isinstance(answer, NotDelivered)
        assert answer.code == "reset"

    async def test_what_the_connection_took_along_from_our_own_buffer_did_not_arrive(self) -> None:
        async def resets_later(caller: Caller) -> None:
            await turns(50)
            caller.reset()

        async with partner(resets_later) as playing:
            answer = await _sent_through_a_small_socket(playing, Lane())

        assert isinstance(answer, NotDelivered)

    async def test_no_answer_in_time_is_silence(self) -> None:
        async with partner(_silent) as playing:
            answer = await exchanged(playing, timeout=0.2)

        assert isinstance(answer, Silent)
        assert answer.code == "timeout"

    async def test_a_body_that_does_not_leave_in_time_did_not_arrive(self) -> None:
        read_on = asyncio.Event()

        async def waits(caller: Caller) -> None:
            await read_on.wait()
            await caller.until_gone()

        async with partner(waits) as playing:
            answer = await exchanged(playing, LARGE, timeout=0.2)
            read_on.set()

        assert isinstance(answer, NotDelivered)
        assert answer.code == "timeout"
        assert not playing.callers[0].is_whole

    async def test_nobody_listening_means_that_nothing_arrived(self) -> None:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{unused.getsockname()[1]}"
            async with session_of(url) as session:
                answer = await session.exchange(post(b"x"), {}, Lane())

        assert isinstance(answer, NotDelivered)
        assert answer.code == "unreachable"

    async def test_a_name_that_nobody_knows_means_that_nothing_arrived(self) -> None:
        async with session_of("http://partner.invalid", resolver=NobodyKnows()) as session:
            answer = await session.exchange(post(b"x"), {}, Lane())

        assert isinstance(answer, NotDelivered)
        assert answer.code == "unreachable"


class TestTold:
    async def test_every_exchange_is_told_by_its_status_or_its_trouble(self) -> None:
        told: list[tuple[str, str]] = []
        async with (
            partner(answers(202), answers(429), _resets_at_the_end) as playing,
            session_of(
                playing.url, told=lambda endpoint, code, _: told.append((endpoint, code))
            ) as session,
        ):
            for _ in range(3):
                await session.exchange(post(b"x"), {}, Lane())
            await session.exchange(post(b"x"), {}, Lane(is_lost=True))

        assert [code for _, code in told] == ["202", "429", "reset", "withdrawn"]
        assert {"records"} == {endpoint for endpoint, _ in told}

    async def test_nothing_of_a_body_shows_in_what_is_told(self) -> None:
        request = post(b"secret")
        async with partner(_resets_at_the_end) as playing, session_of(playing.url) as session:
            answer = await session.exchange(request, {"Authorization": "secret"}, Lane())

        assert "secret" not in repr(
            (request, answer, Response(status=1, headers={}, body=b"secret"))
        )
