"""A destination's API for operators: patient, and clear about what is no answer."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import aiohttp
from prometheus_client import CollectorRegistry

from pipeline.configuration.model import Settings
from pipeline.destinations.amazon_ads.tokens import TokenRefused, TokenUnavailable
from pipeline.destinations.exchange import Request, Response, header, retry_after
from pipeline.domain.send_result import Blocked, InDoubt, NotSent
from pipeline.http.session import Silent, Unreached
from pipeline.operations.clients import Partners
from pipeline.operations.trouble import UsageRefused
from pipeline.telemetry.metrics import PrometheusTelemetry

MOST_REPEATS = 3
LONGEST_WAIT_SECONDS = 30.0


class PartnerApi:
    """One destination. What is no answer says which key of the configuration to look at."""

    def __init__(
        self,
        name: str,
        partners: Partners,
        *,
        url: str,
        token_url: str,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.destination = name
        self._client = partners.clients[name]
        self._url = url
        self._token_url = token_url
        self._sleep = sleep

    async def call(self, request: Request) -> Response | NotSent | InDoubt | Blocked:
        """The answer; a question that came too soon is asked again when the partner says so."""
        answer = await self._once(request)
        for _ in range(MOST_REPEATS):
            if not isinstance(answer, Response) or answer.status != 429 or request.method != "GET":
                break
            wait = retry_after(header(answer.headers, "Retry-After"), datetime.now(UTC))
            if wait is None or wait > LONGEST_WAIT_SECONDS:
                break
            await self._sleep(wait)
            answer = await self._once(request)
        return answer

    async def _once(self, request: Request) -> Response | NotSent | InDoubt | Blocked:
        answer = await self._client.call(request)
        if isinstance(answer, Response):
            return answer
        if isinstance(answer, Unreached):
            return NotSent(f"nothing answers at {self._url} ({answer.detail}); check api_url")
        if isinstance(answer, Silent):
            return InDoubt(f"no answer from {self._url} ({answer.detail}); {_after(request)}")
        return self._no_token(answer)

    def _no_token(self, answer: TokenRefused | TokenUnavailable) -> NotSent | Blocked:
        if isinstance(answer, TokenRefused):
            return Blocked("unauthorised", f"no access token: {answer.detail}")
        return NotSent(
            f"no access token from {self._token_url}: {answer.detail}; try again, or check "
            "token_url"
        )


@asynccontextmanager
async def partner_apis(settings: Settings) -> AsyncIterator[Mapping[str, PartnerApi]]:
    """The API of every destination, by the destination's name."""
    async with aiohttp.ClientSession() as http:
        partners = Partners(settings, http, PrometheusTelemetry(CollectorRegistry()))
        yield {
            name: PartnerApi(
                name,
                partners,
                url=destination.api_base(),
                token_url=destination.token_endpoint(),
            )
            for name, destination in settings.destinations.items()
        }


def chosen_destination(settings: Settings, name: str | None) -> str:
    """The destination that is meant.

    Raises:
        UsageRefused: it is not clear which one is, or there is none of this name.
    """
    names = sorted(settings.destinations)
    if name is None and len(names) == 1:
        return names[0]
    if name is None:
        raise UsageRefused(f"--destination: which one? There are {', '.join(names)}")
    if name not in settings.destinations:
        raise UsageRefused(f"--destination: no destination {name!r}; there are {', '.join(names)}")
    return name


def _after(request: Request) -> str:
    if request.method == "GET":
        return "try again"
    return "it may have been done all the same: look before you repeat it"
