"""A partner that answers at random, in front of the simulator: everything that HTTP lets it say.

An acceptance is only ever invented for what the simulator took: a partner that says yes and takes
nothing would lose records, and nobody could know.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Final, Literal

from tests.explore.random_values import bent, some_bytes, some_json
from tests.fakes.partner import Caller, Scene, reply
from tests.http.gateway import passed_on

Endpoint = Literal["upload", "status", "token"]

_JSON: Final = "Content-Type: application/json"
_HTML: Final = "Content-Type: text/html"
_PAGE: Final = b"<!DOCTYPE html><title>Blocked</title>" + b"<p>no</p>" * 50
_DEEP: Final = b'{"a":' + b"[" * 5_000 + b"]" * 5_000 + b"}"
_BODIES: Final[Sequence[bytes]] = (
    b"",
    b"{}",
    b"[]",
    b"null",
    b"OK",
    b'{"message":"Internal failure"}',
    b'{"errors":[{"code":"X","details":"record 1"}]}',
    b"\xff\xfe\x00",
    b"\xef\xbb\xbf{}",
    _PAGE,
    _DEEP,
    b"[" * 1_015 + b"]" * 1_015,
    b'{"a":"' + b"x" * 300_000 + b'"}',
    b'{"jobRequestId":""}',
    b'{"jobRequestId":7}',
    b'{"jobRequestId":',
)
_WAITS: Final = ("0", "1", "-5", "soon", "1.5", "", "Thu, 01 Jan 1970 00:00:00 GMT", "\u0661")
_ODD_HEADERS: Final = (
    "X-Trace: " + "x" * 9_000,
    "X-Trace: " + "x" * 200_000,
    "Set-Cookie: a=b",
    "Content-Encoding: gzip",
    "Content-Encoding: no-such",
    "Content-Type: application/json; charset=utf-7",
    "Connection: close",
    "Content-Length: 3",
    "Transfer-Encoding: chunked",
    "no colon here",
    "X-\x01: \x02",
)
_NO_HTTP: Final = (
    b"",
    b"\x00\x01\x02\r\n\r\n",
    b"SSH-2.0-OpenSSH_9.6\r\n",
    b"HTTP/9.9 200 OK\r\n\r\n",
    b"HTTP/1.1 abc OK\r\n\r\n",
    b"HTTP/1.1 -1 OK\r\n\r\n",
    b"HTTP/1.1 99999 OK\r\n\r\n",
    b"HTTP/1.1 500 \xff\xfe\r\nContent-Length: -1\r\n\r\n",
    b"HTTP/1.1 503 Busy\r\nContent-Length: 10\r\nContent-Length: 20\r\n\r\n0123456789",
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
    b"HTTP/1.1 500 Cut\r\nContent-Le",
)
_TOKENS: Final[Sequence[object]] = (
    {},
    {"access_token": ""},
    {"access_token": 7},
    {"access_token": "a\r\nb", "expires_in": 3600},
    {"access_token": "é\ud800", "expires_in": 3600},
    {"access_token": "x" * 200_000, "expires_in": 3600},
    {"access_token": "stranger", "expires_in": "soon"},
    {"access_token": "stranger", "expires_in": -1},
    {"access_token": "stranger", "expires_in": 1e300},
    {"access_token": "stranger", "expires_in": 10**400},
    {"error": "invalid_grant", "error_description": 7},
    {"error": ["invalid_client"]},
)


@dataclass(slots=True)
class RandomPartner:
    """Plays one scene for every request, right or wrong as the weather is."""

    random: Random
    url: str
    """Of the simulator."""
    goodness: float = 1.0
    """The share of requests that are passed on: all at first, because a start with nothing but
    refused logins ends, as it should."""
    given: Counter[str] = field(default_factory=Counter)
    """How often each endpoint got what kind of answer."""

    async def scene(self, caller: Caller) -> None:
        """One request and its answer."""
        endpoint = _endpoint(caller.line)
        if self.random.random() < self.goodness:
            await self._good(caller, endpoint)
            return
        acts: Mapping[Endpoint, Sequence[Scene]] = {
            "upload": (self._accepts_oddly, self._refuses, self._refuses, self._is_no_http),
            "status": (self._reports_oddly, self._refuses, self._is_no_http),
            "token": (self._logs_in_oddly, self._refuses, self._is_no_http),
        }
        act = self.random.choice((*acts[endpoint], self._goes_away, self._hangs))
        self.given[f"{endpoint} {act.__name__.strip('_')}"] += 1
        await act(caller)

    # What each endpoint says

    async def _good(self, caller: Caller, endpoint: Endpoint) -> None:
        answer = await self._passed_on(caller)
        if answer is None:
            return
        self.given[f"{endpoint} passed on"] += 1
        if endpoint == "status" and _status(answer) == 404:
            answer = reply(200, _ended_well(), _JSON)
        await caller.say(answer)
        caller.leave()

    async def _accepts_oddly(self, caller: Caller) -> None:
        """The simulator took it, and what it said arrives as something else."""
        answer = await self._passed_on(caller)
        if answer is None:
            return
        if not 200 <= _status(answer) < 300:
            await caller.say(answer)
            caller.leave()
            return
        body = answer.partition(b"\r\n\r\n")[2]
        said = self.random.choice((body, b"\xef\xbb\xbf" + body, body[:9], *_BODIES))
        status = self.random.choice((200, 202, 202, 202, 204, 205, 207, 299))
        await self._say(caller, status, said)

    async def _reports_oddly(self, caller: Caller) -> None:
        answer = await self._passed_on(caller)
        if answer is None:
            return
        try:
            said = json.loads(answer.partition(b"\r\n\r\n")[2])
        except ValueError:
            said = {}
        body = json.dumps(bent(self.random, said)).encode()
        await self._say(caller, self.random.choice((200, 200, 404)), body)

    async def _logs_in_oddly(self, caller: Caller) -> None:
        await caller.read()
        body = json.dumps(self.random.choice((*_TOKENS, some_json(self.random)))).encode()
        await self._say(caller, self.random.choice((200, 200, 400, 401)), body)

    # What any of them may say

    async def _refuses(self, caller: Caller) -> None:
        """The simulator may have taken it, where the status leaves that open."""
        await caller.read()
        if not caller.is_whole:
            return
        random = self.random
        known = (400, 401, 403, 404, 408, 413, 422, 429, 500, 502, 503, 504)
        redirects = (300, 301, 302, 304, 307, 308)
        status = random.choice((*known, *redirects, random.randrange(400, 600)))
        if status >= 500 and random.random() < 0.3:
            await passed_on(caller, self.url)
        await self._say(caller, status, random.choice(_BODIES))

    async def _is_no_http(self, caller: Caller) -> None:
        await caller.read()
        await caller.say(self.random.choice((*_NO_HTTP, some_bytes(self.random))))
        caller.leave()

    async def _goes_away(self, caller: Caller) -> None:
        """Before, in the middle of, or after the request; with it taken or not."""
        random = self.random
        if random.random() < 0.5:
            await caller.read(random.choice((0, 10, 1_000)))
        elif await self._passed_on(caller) is None:
            return
        if random.random() < 0.5:
            caller.reset()
        else:
            caller.leave()

    async def _hangs(self, caller: Caller) -> None:
        """Takes the request, says nothing or a drop at a time, and waits for the caller to go."""
        await self._passed_on(caller)
        if self.random.random() < 0.5:
            await caller.until_gone()
            return
        await caller.say(b"HTTP/1.1 500 Slow\r\nContent-Length: 1000\r\n\r\n")
        while True:
            await asyncio.sleep(0.2)
            await caller.say(b".")

    async def _say(self, caller: Caller, status: int, body: bytes) -> None:
        random, headers = self.random, [_some_type(self.random)]
        if random.random() < 0.3:
            headers.append(f"Retry-After: {random.choice(_WAITS)}")
        if random.random() < 0.3:
            headers.append(random.choice(_ODD_HEADERS))
        said = reply(status, body, *headers)
        if random.random() < 0.1:
            said = said[: random.randrange(len(said))]
        await caller.say(said)
        caller.leave()

    async def _passed_on(self, caller: Caller) -> bytes | None:
        """What the simulator answers; None for a request that did not come whole."""
        await caller.read()
        return await passed_on(caller, self.url) if caller.is_whole else None


def _some_type(random: Random) -> str:
    return random.choice((_JSON, _JSON, _HTML, "Content-Type: ", "Content-Type: text/plain"))


def _endpoint(line: str) -> Endpoint:
    if "/auth/" in line:
        return "token"
    return "status" if line.startswith("GET") else "upload"


def _status(answer: bytes) -> int:
    code = answer[9:12]
    return int(code) if code.isdigit() else 0


def _ended_well() -> bytes:
    return b'{"jobRequestId":"any","jobState":"SUCCEEDED"}'
