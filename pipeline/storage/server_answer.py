"""What a storage says in the headers of any answer, even to who may not ask."""

from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp

from pipeline.stages.snapshot.ports import StorageUnavailable

_TIMEOUT = aiohttp.ClientTimeout(total=20)


@dataclass(frozen=True, slots=True)
class Answer:
    """Whatever the server said."""

    status: int
    headers: Mapping[str, str]
    text: str


async def server_time(address: str) -> float:
    """The storage's clock, in whole seconds since the epoch: never ahead of it.

    Raises:
        StorageUnavailable: nobody answers, or without a time.
    """
    date = (await answer("HEAD", address)).headers.get("Date", "")
    try:
        return parsedate_to_datetime(date).timestamp()
    except ValueError:
        raise StorageUnavailable(f"{_host(address)} answers without its time") from None


async def answer(method: str, address: str, headers: Mapping[str, str] | None = None) -> Answer:
    """Without `headers` of ours nobody is logged in, and the answer is most likely a refusal.

    Raises:
        StorageUnavailable: nobody answers.
    """
    try:
        async with (
            aiohttp.ClientSession(timeout=_TIMEOUT) as session,
            session.request(
                method, address, headers=headers, allow_redirects=False, proxy=_proxy(address)
            ) as reply,
        ):
            return Answer(reply.status, reply.headers, await reply.text(errors="replace"))
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        why = "no answer in time" if isinstance(error, TimeoutError) else "cannot be reached"
        raise StorageUnavailable(f"{_host(address)}: {why}") from None


def _proxy(address: str) -> str | None:
    """As the library that stores the files chooses it: by the environment."""
    parts = urlsplit(address)
    if proxy_bypass(parts.netloc.rpartition("@")[2]):
        return None
    return getproxies().get(parts.scheme)


def _host(address: str) -> str:
    return urlsplit(address).netloc
