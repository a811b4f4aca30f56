"""Calls a destination's API for commands: retries, and explains missing answers."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from pipeline.configuration.model import Settings
from pipeline.destinations.contract import Partners
from pipeline.destinations.control import ControlPlane, Declined, Unanswered
from pipeline.destinations.exchange import Request, Response
from pipeline.destinations.registry import PARTNERS
from pipeline.domain.send_result import Blocked, InDoubt, NotSent
from pipeline.http.client import PartnerClient
from pipeline.operations.clients import Clients, opened
from pipeline.operations.trouble import UsageRefused
from pipeline.telemetry.prometheus import prometheus_telemetry

MOST_REPEATS = 3
LONGEST_WAIT_SECONDS = 30.0
WITHOUT_LOGIN = "no access token"


class PartnerApi:
    """The API of one destination; its errors name the key of the configuration to check."""

    def __init__(
        self,
        name: str,
        client: PartnerClient,
        *,
        url: str,
        token_url: str,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.destination = name
        self._client = client
        self._url = url
        self._token_url = token_url
        self._sleep = sleep

    async def call(self, request: Request) -> Response | NotSent | InDoubt | Blocked:
        """Send a request and return the answer; after a 429, wait as long as the partner says."""
        answer = await self._once(request)
        for _ in range(MOST_REPEATS):
            if not isinstance(answer, Response) or answer.status != 429 or request.method != "GET":
                break
            if answer.wait is None or answer.wait > LONGEST_WAIT_SECONDS:
                break
            await self._sleep(answer.wait)
            answer = await self._once(request)
        return answer

    async def _once(self, request: Request) -> Response | NotSent | InDoubt | Blocked:
        answer = await self._client.call(request)
        if isinstance(answer, InDoubt):
            return InDoubt(f"no answer from {self._url} ({answer.detail}); {_after(request)}")
        if isinstance(answer, NotSent):
            return NotSent(self._nobody_answers(answer.detail))
        return answer

    def _nobody_answers(self, detail: str) -> str:
        if detail.startswith(WITHOUT_LOGIN):
            why = detail.removeprefix(WITHOUT_LOGIN).removeprefix(": ")
            return f"{WITHOUT_LOGIN} from {self._token_url}: {why}; try again, or check token_url"
        return f"nothing answers at {self._url} ({detail}); check api_url"


@asynccontextmanager
async def partner_apis(
    settings: Settings, partners: Partners = PARTNERS
) -> AsyncIterator[Mapping[str, PartnerApi]]:
    """The APIs of all destinations, by the destination's name."""
    async with opened(settings, prometheus_telemetry().partner, partners=partners) as clients:
        yield {name: partner_api(settings, clients, name, partners) for name in clients.clients}


def partner_api(settings: Settings, clients: Clients, name: str, partners: Partners) -> PartnerApi:
    """The API of one destination, which uses its open client."""
    destination = settings.destinations[name]
    partner = partners[destination.kind]
    return PartnerApi(
        name,
        clients.clients[name],
        url=partner.base_url(destination),
        token_url=partner.login(destination).url,
    )


def control_of(settings: Settings, name: str) -> ControlPlane[Any] | None:
    """The control plane of a destination; None if its partner has none."""
    destination = settings.destinations[name]
    control = PARTNERS[destination.kind].control
    return None if control is None else control(destination)


def refusal(destination: str, said: Unanswered) -> str:
    """The reason why a request got no usable answer, on one line."""
    why = f"{said.said}; {said.remedy}" if isinstance(said, Declined) else said.detail
    return f"destinations.{destination}: {why}"


def chosen_destination(settings: Settings, name: str | None) -> str:
    """The destination to use; the name may be None if there is only one.

    Raises:
        UsageRefused: there are several, or none of this name.
    """
    names = sorted(settings.destinations)
    if name is None and len(names) == 1:
        return names[0]
    if name is None:
        raise UsageRefused(f"--destination: which one? There are {', '.join(names)}")
    refuse_unknown(settings, name)
    return name


def refuse_unknown(settings: Settings, destination: str | None) -> None:
    """Refuse the name of a destination that does not exist; None stands for all.

    Raises:
        UsageRefused: there is no destination of this name.
    """
    if destination is not None and destination not in settings.destinations:
        there = ", ".join(sorted(settings.destinations))
        raise UsageRefused(f"--destination: no destination {destination!r}; there are {there}")


def _after(request: Request) -> str:
    if request.method == "GET":
        return "try again"
    return "the partner may have done it nevertheless: check before you repeat it"
