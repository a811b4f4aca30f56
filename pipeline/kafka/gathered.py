"""Joins many questions into a few requests, so that a thousand lanes can begin quickly."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Key = TypeVar("Key")
Answer = TypeVar("Answer")

PORTION = 250
"""Most keys of one request: a larger one would block the event loop."""


@dataclass(slots=True)
class _Question(Generic[Key, Answer]):
    keys: dict[Key, None] = field(default_factory=dict)
    answers: dict[Key, Answer] = field(default_factory=dict)
    error: Exception | None = None


class Gathered(Generic[Key, Answer]):
    """Asks one question for all callers that came while the question before it was open.

    An answer is never older than the call that gets it: a call that comes while a question is open
    waits for the next one.
    """

    def __init__(
        self,
        ask: Callable[[Sequence[Key]], Awaitable[Mapping[Key, Answer]]],
        failures: type[Exception],
        portion: int = PORTION,
    ) -> None:
        self._ask = ask
        self._failures = failures
        self._portion = portion
        self._turn = asyncio.Lock()
        self._next = _Question[Key, Answer]()

    async def get(self, key: Key) -> Answer | None:
        """Return the answer for this key; None where there was none.

        Raises the error of the question, in all calls that share it.
        """
        question = self._next
        question.keys[key] = None
        async with self._turn:
            # The first call asks for all. If it is cancelled, the call behind it asks.
            if key in question.keys and question.error is None:
                await self._answer(question)
        if question.error is not None:
            raise question.error
        return question.answers.get(key)

    async def _answer(self, question: _Question[Key, Answer]) -> None:
        if self._next is question:
            self._next = _Question()
        while question.keys:
            portion = list(question.keys)[: self._portion]
            try:
                question.answers.update(await self._ask(portion))
            except self._failures as error:
                question.error = error
                return
            for key in portion:
                del question.keys[key]
