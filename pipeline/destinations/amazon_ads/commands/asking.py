"""Reads whole lists for Amazon's commands, page by page."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

from pipeline.destinations.amazon_ads.directory import Page
from pipeline.destinations.asking import learn
from pipeline.destinations.control import Api, Declined
from pipeline.destinations.exchange import Request, Response

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Pages(Generic[Item]):
    """The items of all pages; `is_cut_off` if the partner has more than it shows."""

    items: tuple[Item, ...]
    is_cut_off: bool = False


async def every(
    api: Api, request: Request, interpret: Callable[[Request, Response], Page[Item] | Declined]
) -> Pages[Item]:
    """All items of all pages; raises as `learn`."""
    items: list[Item] = []
    following: Request | None = request
    is_cut_off = False
    while following is not None:
        page = await learn(api, following, partial(interpret, following))
        items += page.items
        following, is_cut_off = page.following, page.is_cut_off
    return Pages(tuple(items), is_cut_off)
