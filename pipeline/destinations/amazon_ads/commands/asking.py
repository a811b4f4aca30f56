"""How Amazon's commands ask: what was read of the answer, or why there is none."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from pipeline.destinations.amazon_ads.directory import Page
from pipeline.destinations.control import Api, CommandFailed, Declined, Unanswered
from pipeline.destinations.exchange import Request, Response

Found = TypeVar("Found")
Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Pages(Generic[Item]):
    """All pages of a list; `is_cut_off` where the partner has more than it gives out."""

    items: tuple[Item, ...]
    is_cut_off: bool = False


async def asked(
    api: Api, request: Request, interpret: Callable[[Response], Found]
) -> Found | Unanswered:
    """What is read of the answer, where there is one."""
    answer = await api.call(request)
    return interpret(answer) if isinstance(answer, Response) else answer


async def learn(
    api: Api, request: Request, interpret: Callable[[Response], Found | Declined]
) -> Found:
    """What the partner says.

    Raises:
        CommandFailed: it refused, with its words and the remedy; or there was no answer.
    """
    answer = await _answered(api, request)
    return _unless_declined(api, interpret(answer))


async def every(
    api: Api, request: Request, interpret: Callable[[Request, Response], Page[Item] | Declined]
) -> Pages[Item]:
    """All items of all pages; raises as `learn`."""
    items: list[Item] = []
    following: Request | None = request
    is_cut_off = False
    while following is not None:
        answer = await _answered(api, following)
        page = _unless_declined(api, interpret(following, answer))
        items += page.items
        following, is_cut_off = page.following, page.is_cut_off
    return Pages(tuple(items), is_cut_off)


async def _answered(api: Api, request: Request) -> Response:
    answer = await api.call(request)
    if isinstance(answer, Response):
        return answer
    raise CommandFailed(f"destinations.{api.destination}: {answer.detail}")


def _unless_declined(api: Api, found: Found | Declined) -> Found:
    if isinstance(found, Declined):
        raise CommandFailed(f"destinations.{api.destination}: {found.said}; {found.remedy}")
    return found
