"""How commands of partners ask: what was read of the answer, or why there is none."""

from collections.abc import Callable
from typing import TypeVar

from pipeline.destinations.control import Api, CommandFailed, Declined, Finding, Unanswered
from pipeline.destinations.exchange import Request, Response
from pipeline.domain.job import NotYet

Found = TypeVar("Found")


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
    answer = await api.call(request)
    if not isinstance(answer, Response):
        raise CommandFailed(f"destinations.{api.destination}: {answer.detail}")
    found = interpret(answer)
    if isinstance(found, Declined):
        raise CommandFailed(f"destinations.{api.destination}: {found.said}; {found.remedy}")
    return found


def bad_finding(where: str, trouble: Unanswered | NotYet) -> Finding:
    """Why there is no answer, for a report; `where` begins the line."""
    if isinstance(trouble, Declined):
        return Finding(f"{where}{trouble.said}; {trouble.remedy}", is_bad=True)
    return Finding(f"{where}{trouble.detail}", is_bad=True)
