"""One destination's partner, as commands speak to it: an answer, or trouble in one line."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from prometheus_client import CollectorRegistry

from pipeline.cli.ending import CommandTrouble, ended
from pipeline.cli.options import chosen, configured
from pipeline.configuration.model import Settings
from pipeline.destinations.amazon_ads.directory import Page
from pipeline.destinations.amazon_ads.replies import Declined
from pipeline.destinations.exchange import Request, Response
from pipeline.destinations.registry import PARTNERS
from pipeline.domain.send_result import Blocked, NotSent
from pipeline.domain.send_result import InDoubt as RequestInDoubt
from pipeline.http.client import PartnerClient
from pipeline.operations.clients import opened
from pipeline.telemetry.metrics import PrometheusTelemetry

MOST_REPEATS = 3
LONGEST_WAIT_SECONDS = 30.0

Found = TypeVar("Found")
Item = TypeVar("Item")


class InDoubt(CommandTrouble):
    """The partner could not be reached, or did not answer: asking again may help."""


class Unheard(InDoubt):
    """There was no answer to a request that may have arrived, and may have been done."""


@dataclass(frozen=True, slots=True)
class Listing(Generic[Item]):
    """A list followed to its end; `is_cut_off` where the partner has more than it gives out."""

    items: tuple[Item, ...]
    is_cut_off: bool = False


class Partner:
    """The partner's end of a command."""

    def __init__(
        self,
        name: str,
        url: str,
        client: PartnerClient,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.name = name
        self._url = url
        self._client = client
        self._sleep = sleep

    async def learn(
        self, request: Request, interpret: Callable[[Response], Found | Declined]
    ) -> Found:
        """What the partner says.

        Raises:
            CommandTrouble: it refused, with its words and the remedy; or there was no answer.
        """
        found = interpret(await self._answer(request))
        return self._unless_declined(found)

    async def ask(
        self, request: Request, interpret: Callable[[Response], Found | Declined]
    ) -> Found | Declined:
        """As `learn`, but a refusal is an answer too."""
        return interpret(await self._answer(request))

    async def every(
        self,
        request: Request,
        interpret: Callable[[Request, Response], Page[Item] | Declined],
    ) -> Listing[Item]:
        """All items of all pages."""
        items: list[Item] = []
        following: Request | None = request
        is_cut_off = False
        while following is not None:
            answer = await self._answer(following)
            page = self._unless_declined(interpret(following, answer))
            items += page.items
            following, is_cut_off = page.following, page.is_cut_off
        return Listing(tuple(items), is_cut_off)

    def trouble(self, declined: Declined) -> CommandTrouble:
        return CommandTrouble(f"destinations.{self.name}: {declined.said}; {declined.remedy}")

    def _unless_declined(self, found: Found | Declined) -> Found:
        if isinstance(found, Declined):
            raise self.trouble(found)
        return found

    async def _answer(self, request: Request) -> Response:
        """The answer; a question that came too soon is asked again when the partner says so."""
        answer = await self._once(request)
        for _ in range(MOST_REPEATS):
            is_patient = answer.wait is not None and answer.wait <= LONGEST_WAIT_SECONDS
            if answer.status != 429 or request.method != "GET" or not is_patient:
                break
            await self._sleep(answer.wait or 0.0)
            answer = await self._once(request)
        return answer

    async def _once(self, request: Request) -> Response:
        key = f"destinations.{self.name}"
        match await self._client.call(request):
            case Response() as answer:
                return answer
            case Blocked(_, detail):
                raise CommandTrouble(f"{key}: {detail}")
            case NotSent(detail) if self._client.trouble is not None:
                raise InDoubt(f"{key}: {detail}; try again, or check token_url")
            case NotSent(detail):
                raise InDoubt(f"{key}: nothing answers at {self._url} ({detail}); check api_url")
            case RequestInDoubt(detail):
                raise Unheard(f"{key}: no answer from {self._url} ({detail}); {_after(request)}")


@dataclass(frozen=True, slots=True)
class Destination:
    """The destination that a command is about."""

    settings: Settings
    name: str

    def ask(self, work: Callable[[Partner], Coroutine[Any, Any, Found]]) -> Found:
        """What the work with the partner gives; leaves the program with a line for any trouble."""
        return ended(lambda: self._with_partner(work))

    async def _with_partner(self, work: Callable[[Partner], Coroutine[Any, Any, Found]]) -> Found:
        async with partners_of(self.settings) as partners:
            return await work(partners[self.name])


@asynccontextmanager
async def partners_of(settings: Settings) -> AsyncIterator[Mapping[str, Partner]]:
    """The partner of every destination, by the destination's name."""
    async with opened(settings, PrometheusTelemetry(CollectorRegistry())) as partners:
        yield {
            name: Partner(
                name, PARTNERS[destination.kind].base_url(destination), partners.clients[name]
            )
            for name, destination in settings.destinations.items()
        }


def destination(config: Path, name: str | None) -> Destination:
    """The one that is meant; leaves the program with a line when that is not clear."""
    settings = configured(config)
    return Destination(settings, chosen(settings, name))


def _after(request: Request) -> str:
    if request.method == "GET":
        return "try again"
    return "it may have been done all the same: look before you repeat it"
