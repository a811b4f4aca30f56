"""The first token of every client, before the stages begin."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest

from pipeline.destinations.login import Token, TokenAnswer, TokenRefused
from pipeline.operations.warm_up import StartRefused, warmed_up

GOOD = Token("t", 100.0, 100.0)
SECONDS = 5.0
"""Far less than a silent token is waited for, and far more than one that is there takes."""


@dataclass(slots=True)
class Client:
    """Answers what it is told, or nothing."""

    answer: TokenAnswer | None
    was_asked: asyncio.Event = field(default_factory=asyncio.Event)

    async def warm_up(self) -> TokenAnswer:
        self.was_asked.set()
        if self.answer is None:
            await asyncio.get_running_loop().create_future()
        assert self.answer is not None
        return self.answer


def clients(**answers: TokenAnswer | None) -> Any:
    return {name: Client(answer) for name, answer in answers.items()}


async def test_a_client_that_gets_no_answer_delays_no_other() -> None:
    """One partner's silent token server must not keep another's lanes from their work."""
    both = clients(silent=None, good=GOOD)

    async with asyncio.timeout(SECONDS), warmed_up(both):
        assert both["silent"].was_asked.is_set()
        assert both["good"].was_asked.is_set()


async def test_a_client_that_is_refused_stops_no_other() -> None:
    """Its own lanes are blocked, and say so."""
    both = clients(refused=TokenRefused("no"), good=GOOD)

    async with asyncio.timeout(SECONDS), warmed_up(both):
        assert both["refused"].was_asked.is_set()
        assert both["good"].was_asked.is_set()


async def test_a_start_with_nothing_but_refusals_says_each_of_them() -> None:
    """There is nothing that such a process could do."""
    refused = clients(one=TokenRefused("dead"), two=TokenRefused("wrong"))

    with pytest.raises(ExceptionGroup) as raised:
        async with asyncio.timeout(SECONDS), warmed_up(refused):
            pass

    [error] = raised.value.exceptions
    assert isinstance(error, StartRefused)
    assert "one: no access token: dead" in str(error)
    assert "two: no access token: wrong" in str(error)
