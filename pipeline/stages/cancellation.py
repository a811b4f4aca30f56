"""Keeps a cancellation from getting lost where a task group fails at the same time."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def cancellation_first() -> Iterator[None]:
    """Raise a cancellation of this task that came while a task group in the block failed.

    The group raises only the errors of its tasks then. Whoever takes those errors and goes on would
    never learn that somebody waits for its end.
    """
    task = asyncio.current_task()
    assert task is not None
    before = task.cancelling()
    try:
        yield
    except BaseExceptionGroup:
        if task.cancelling() > before:
            raise asyncio.CancelledError from None
        raise
