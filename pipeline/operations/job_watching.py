"""Follows one job at growing intervals to its end, and then asks no more."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from pipeline.cli.ending import CommandTrouble
from pipeline.domain.job import JobReport


@dataclass(frozen=True, slots=True)
class NoReport:
    """The partner has nothing to say of the job now."""

    detail: str
    is_missing: bool = False
    """It does not know the job: right after the upload that passes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long to wait for what, seconds."""

    initial: float
    factor: float
    longest: float
    give_up_after: float
    missing_tolerated: float

    def allows(self, elapsed: float, said: JobReport | NoReport) -> bool:
        if isinstance(said, NoReport) and said.is_missing:
            return elapsed < self.missing_tolerated
        return elapsed < self.give_up_after


async def watched(
    ask: Callable[[], Awaitable[JobReport | NoReport]],
    patience: Patience,
    *,
    told: Callable[[JobReport | NoReport, float], None],
    sleep: Callable[[float], Awaitable[None]],
    now: Callable[[], float],
) -> JobReport:
    """The report that ends the job. `told` hears of every other, and when the next one follows.

    Raises:
        CommandTrouble: patience ran out.
    """
    began = now()
    pause = patience.initial
    while True:
        said = await ask()
        if isinstance(said, JobReport) and said.is_terminal:
            return said
        if not patience.allows(now() - began, said):
            state = said.state if isinstance(said, JobReport) else said.detail
            raise CommandTrouble(f"the job has not ended, and is given up: {state}")
        told(said, pause)
        await sleep(pause)
        pause = min(patience.longest, pause * patience.factor)
