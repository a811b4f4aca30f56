"""Asks once for what many ask at the same time: a thousand lanes begin with a few requests."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Key = TypeVar("Key")
Answer = TypeVar("Answer")

PORTION = 250
"""Keys of one request: what a larger one costs would hold up the event loop."""


@dataclass(slots=True)
class _Question(Generic[Key, Answer]):
    keys: dict[Key, None] = field(default_factory=dict)
    answers: dict[Key, Answer] = field(default_factory=dict)
    error: Exception | None = None


class Gathered(Generic[Key, Answer]):
    """One question for all who wait while the question before it is being answered.

    An answer is never older than the call that gets it: whoever comes while a question is on its
    way waits for the next one.
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
        """The answer for this key; None where there was none.

        Raises what the question raised, for everybody who asked with it.
        """
        question = self._next
        question.keys[key] = None
        async with self._turn:
            # Whoever comes first asks for all; one that is cancelled meanwhile leaves it to the
            # one behind it.
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
