"""What may stand between us and a partner: passes requests on, or gives an answer of its own."""

import asyncio
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from tests.fakes.partner import Caller, Scene


@dataclass(frozen=True, slots=True, kw_only=True)
class Misanswer:
    """One answer that the partner did not give, byte for byte.

    `is_taken`: the request reaches the partner all the same, and its own answer is lost here.
    """

    raw: bytes
    is_taken: bool = False
    then: Literal["go on", "close", "reset"] = "go on"

    def scene(self, url: str) -> Scene:
        async def scene(caller: Caller) -> None:
            await caller.read()
            if not caller.is_whole:
                return
            if self.is_taken:
                await passed_on(caller, url)
            await caller.say(self.raw)
            if self.then == "reset":
                caller.reset()
            elif self.then == "close":
                caller.leave()

        return scene


def passes(url: str) -> Scene:
    """
    The partner's own answer, as it gave it.
    """

    async def scene(caller: Caller) -> None:
        await caller.read()
        if caller.is_whole:
            await caller.say(await passed_on(caller, url))
            caller.leave()

    return scene


async def passed_on(caller: Caller, url: str) -> bytes:
    address = urlsplit(url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    headers = [f"{name}: {value}" for name, value in caller.headers.items() if name != "connection"]
    writer.write("\r\n".join([caller.line, *headers, "Connection: close", "", ""]).encode())
    writer.write(caller.body)
    answer = await reader.read()
    writer.close()
    return answer
