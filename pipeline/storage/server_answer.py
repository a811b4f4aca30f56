"""What a storage says in the headers of any answer, even to who may not ask."""

from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp

from pipeline.stages.snapshot.ports import StorageUnavailable

_TIMEOUT = aiohttp.ClientTimeout(total=20)


async def server_time(address: str) -> float:
    """The storage's clock, in whole seconds since the epoch: never ahead of it."""
    date = (await answer_headers(address)).get("Date", "")
    try:
        return parsedate_to_datetime(date).timestamp()
    except ValueError:
        raise StorageUnavailable(f"{_host(address)} answers without its time") from None


async def answer_headers(address: str) -> Mapping[str, str]:
    """Headers of the answer to HEAD without credentials, most likely a refusal.

    Raises:
        StorageUnavailable: nobody answers.
    """
    try:
        async with (
            aiohttp.ClientSession(timeout=_TIMEOUT) as session,
            session.head(address, allow_redirects=False, proxy=_proxy(address)) as answer,
        ):
            return answer.headers
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
