"""Topics that were just made are waited for, until each broker that answers tells of them."""

import asyncio
from collections.abc import Mapping

import pytest
from aiokafka import errors as kafka_errors

from pipeline.kafka.made_topics import LOOK_SECONDS, PATIENCE_SECONDS, until_told
from tests.fakes.virtual_loop import run_virtual

NEVER = float("inf")


def waited(knows_after: Mapping[int, float]) -> float:
    """Seconds until a start goes on, where each broker knows the topics after so many."""

    async def story() -> float:
        loop = asyncio.get_running_loop()
        began_at = loop.time()

        async def ask(broker: int) -> bool:
            if knows_after[broker] < 0:
                raise kafka_errors.NodeNotReadyError
            return loop.time() - began_at >= knows_after[broker]

        await until_told(ask, knows_after)
        return loop.time() - began_at

    return run_virtual(story())


def test_who_finds_all_of_them_told_goes_on_at_once() -> None:
    assert waited({1: 0, 2: 0}) == 0


@pytest.mark.parametrize("knows_after", [{1: 0, 2: 1.5}, {1: 1.5, 2: 0.2}])
def test_each_broker_is_waited_for(knows_after: Mapping[int, float]) -> None:
    assert 1.5 <= waited(knows_after) <= 1.5 + LOOK_SECONDS


def test_nobody_is_waited_for_longer_than_some_seconds() -> None:
    assert waited({1: NEVER, 2: NEVER}) == pytest.approx(PATIENCE_SECONDS)


def test_a_broker_that_does_not_answer_is_not_waited_for() -> None:
    assert waited({1: -1, 2: 0.5}) <= 0.5 + LOOK_SECONDS
