"""Cancels a task wherever it waits, one place after the other."""

import asyncio
import types
from collections.abc import AsyncIterator, Callable, Coroutine, Generator
from functools import partial
from typing import TypeAlias, TypeVar, cast

Result = TypeVar("Result")
Work: TypeAlias = Callable[[], Coroutine[object, None, object]]


class CancelledAt:
    """Cancels the task of some work at its n-th wait, counted from 0.

    It counts the waits from which on `is_counting` is true. With `is_late` the cancellation comes
    together with what was waited for.
    """

    def __init__(
        self,
        number: int,
        *,
        is_late: bool = False,
        is_counting: Callable[[], bool] = lambda: True,
    ) -> None:
        self._number = number
        self._is_late = is_late
        self._is_counting = is_counting

    @property
    def came(self) -> bool:
        """Whether the work waited so many times."""
        return self._number < 0

    @types.coroutine
    def of(self, work: Coroutine[object, None, Result]) -> Generator[object, None, Result]:
        waiting = work.__await__()
        resume: Callable[[], object] = partial(next, waiting)
        while True:
            try:
                awaited = resume()
            except StopIteration as ended:
                return cast(Result, ended.value)
            if self._is_counting():
                self._cancel_at_zero(awaited)
            try:
                yield awaited
            except BaseException as error:  # noqa: BLE001 - it is handed on as it is
                resume = partial(waiting.throw, error)
            else:
                resume = partial(next, waiting)

    def _cancel_at_zero(self, awaited: object) -> None:
        if self._number == 0:
            task = asyncio.current_task()
            assert task is not None
            if self._is_late and isinstance(awaited, asyncio.Future):
                awaited.add_done_callback(lambda _: task.cancel())
            else:
                asyncio.get_running_loop().call_soon(task.cancel)
        self._number -= 1


async def cancelled_at_each_wait(work: Work, *, is_late: bool) -> AsyncIterator[bool]:
    """
    Do the work again and again, cancelled one wait later each time, until it is over before that.
    Yields for each time whether it ended as cancelled exactly if the cancellation came.
    """
    number, is_over = 0, False
    while not is_over:
        cancelled = CancelledAt(number, is_late=is_late)
        async with asyncio.TaskGroup() as tasks:
            working = tasks.create_task(cancelled.of(work()))
        is_over = not cancelled.came
        yield working.cancelled() is not is_over
        number += 1
