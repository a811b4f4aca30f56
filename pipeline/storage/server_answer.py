"""Reads the headers of a storage's answer; even a refusal has them."""

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
    """Any answer of the server."""

    status: int
    headers: Mapping[str, str]
    text: str


async def server_time(address: str) -> float:
    """Return the storage's clock, rounded down to whole seconds since the epoch.

    Raises:
        StorageUnavailable: no server answers, or its answer has no time.
    """
    date = (await answer("HEAD", address)).headers.get("Date", "")
    try:
        return parsedate_to_datetime(date).timestamp()
    except ValueError:
        raise StorageUnavailable(f"{_host(address)} answers without a time") from None


async def answer(method: str, address: str, headers: Mapping[str, str] | None = None) -> Answer:
    """Send one request; without a login in `headers` the answer is most likely a refusal.

    Raises:
        StorageUnavailable: no server answers.
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
    """Return the proxy from the environment, as the storage library chooses it."""
    parts = urlsplit(address)
    if proxy_bypass(parts.netloc.rpartition("@")[2]):
        return None
    return getproxies().get(parts.scheme)


def _host(address: str) -> str:
    return urlsplit(address).netloc
