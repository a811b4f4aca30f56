"""One question for many who ask at the same time."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pytest

from pipeline.kafka.gathered import Gathered
from tests.fakes.virtual_loop import run_virtual


class Away(Exception):
    """Nobody answers."""


@dataclass(slots=True)
class Oracle:
    """Answers each key with when it was asked, a second later; some it does not know."""

    is_away: bool = False
    questions: list[Sequence[int]] = field(default_factory=list)

    async def ask(self, keys: Sequence[int]) -> Mapping[int, float]:
        self.questions.append(keys)
        at = asyncio.get_running_loop().time()
        await asyncio.sleep(1.0)
        if self.is_away:
            raise Away
        return {key: at for key in keys if key >= 0}


def test_a_thousand_who_ask_at_once_cost_a_few_questions() -> None:
    async def story() -> tuple[int, set[int]]:
        oracle = Oracle()
        gathered = Gathered(oracle.ask, Away, portion=250)
        async with asyncio.TaskGroup() as tasks:
            for key in range(1000):
                tasks.create_task(gathered.get(key))
        return len(oracle.questions), {key for keys in oracle.questions for key in keys}

    assert run_virtual(story()) == (5, set(range(1000)))


def test_an_answer_is_never_older_than_the_call_that_gets_it() -> None:
    """
    Who asks while the same key is being asked for waits for the next question.
    """

    async def story() -> list[float | None]:
        oracle = Oracle()
        gathered = Gathered(oracle.ask, Away)
        async with asyncio.TaskGroup() as tasks:
            first = tasks.create_task(gathered.get(7))
            await asyncio.sleep(0.5)
            second = tasks.create_task(gathered.get(7))
        return [first.result(), second.result()]

    assert run_virtual(story()) == [pytest.approx(0.0, abs=0.01), pytest.approx(1.0)]


def test_what_the_question_raised_is_raised_to_all_who_asked_with_it_and_to_nobody_later() -> None:
    async def story() -> tuple[list[str], float | None]:
        oracle = Oracle(is_away=True)
        gathered = Gathered(oracle.ask, Away)
        heard: list[str] = []

        async def ask(key: int) -> None:
            try:
                await gathered.get(key)
            except Away:
                heard.append("away")

        async with asyncio.TaskGroup() as tasks:
            for key in range(5):
                tasks.create_task(ask(key))
        oracle.is_away = False
        return heard, await gathered.get(1)

    heard, later = run_virtual(story())
    assert heard == ["away"] * 5
    assert later is not None


def test_one_who_is_cancelled_leaves_the_question_to_the_others() -> None:
    async def story() -> list[float | None]:
        oracle = Oracle()
        gathered = Gathered(oracle.ask, Away)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(gathered.get(1))
            await asyncio.sleep(0.1)
            second = tasks.create_task(gathered.get(2))
            third = tasks.create_task(gathered.get(3))
            await asyncio.sleep(1.2)
            second.cancel()
        return [third.result()]

    assert run_virtual(story()) == [pytest.approx(1.3)]


def test_what_nobody_knows_has_no_answer() -> None:
    async def story() -> float | None:
        return await Gathered(Oracle().ask, Away).get(-1)

    assert run_virtual(story()) is None
