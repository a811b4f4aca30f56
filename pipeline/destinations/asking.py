"""Sends requests for commands of partners, and reads the answer or the reason for none."""

from collections.abc import Callable
from typing import TypeVar

from pipeline.destinations.control import Api, CommandFailed, Declined, Finding, Unanswered
from pipeline.destinations.exchange import Request, Response
from pipeline.domain.job import NotYet

Found = TypeVar("Found")


async def asked(
    api: Api, request: Request, interpret: Callable[[Response], Found]
) -> Found | Unanswered:
    """Send a request and read its answer; without an answer, return the reason."""
    answer = await api.call(request)
    return interpret(answer) if isinstance(answer, Response) else answer


async def learn(
    api: Api, request: Request, interpret: Callable[[Response], Found | Declined]
) -> Found:
    """Send a request and read its answer.

    Raises:
        CommandFailed: the partner refused (with its words and the remedy), or did not answer.
    """
    answer = await api.call(request)
    if not isinstance(answer, Response):
        raise CommandFailed(f"destinations.{api.destination}: {answer.detail}")
    found = interpret(answer)
    if isinstance(found, Declined):
        raise CommandFailed(f"destinations.{api.destination}: {found.said}; {found.remedy}")
    return found


def bad_finding(where: str, trouble: Unanswered | NotYet) -> Finding:
    """A bad finding that says why there is no answer; `where` begins the line."""
    if isinstance(trouble, Declined):
        return Finding(f"{where}{trouble.said}; {trouble.remedy}", is_bad=True)
    return Finding(f"{where}{trouble.detail}", is_bad=True)
