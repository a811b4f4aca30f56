"""At which states the owner of snapshots is struck, how, and when: drawn from a seed."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal, TypeAlias

from pipeline.sandbox.adobe_audiences.faults import Fault, RunFault

How: TypeAlias = Literal[
    "kill",  # SIGKILL, and a successor at once
    "freeze",  # SIGSTOP until another owner has taken over, then SIGCONT
]
At: TypeAlias = Literal["reading", "uploaded", "intended", "burnt", "running", "ended", "takeover"]

QUICK_STATES: Sequence[At] = ("reading", "uploaded", "intended", "running", "ended")
"""Those that come by themselves; a window is burnt only after two minutes."""
SLOW_ANSWER = Fault(latency=(4.0, 4.0))
"""The run is taken at once, and its start is answered so late that it can be seen meanwhile."""
TAKEN = Fault(ending="drop", is_taken=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Strike:
    """One blow. Times in seconds."""

    at: At
    how: How = "kill"
    delay: float = 0.0
    """From the sight of the state to the blow."""
    fault: Fault | None = None
    """Of the partner, at the next starts of runs."""
    awaits_run: bool = False
    """Strikes only once the partner has begun the run, too."""
    again_after: float | None = None
    """The successor is killed so long after its start."""
    frozen_for: float = 0.0
    """Beyond the takeover."""


def short_selection() -> Sequence[Strike]:
    """One blow at each state that needs no two minutes, and one frozen owner."""
    return (
        Strike(at="reading"),
        Strike(at="uploaded"),
        Strike(at="intended", fault=SLOW_ANSWER, awaits_run=True),
        Strike(at="running"),
        Strike(at="ended"),
        Strike(at="intended", how="freeze", fault=SLOW_ANSWER, awaits_run=True),
    )


def plan(random: Random, rounds: int) -> Sequence[Strike]:
    """Each round strikes at every state, and freezes the owner at two of them."""
    return [strike for _ in range(rounds) for strike in _round(random)]


def spending(random: Random, budget: int) -> Sequence[Strike]:
    """One blow for each run that the budget has room for, and some when it has none."""
    states: Sequence[At] = ("uploaded", "intended", "running", "ended")
    return [
        *(_kill(random, random.choice(states), SLOW_ANSWER) for _ in range(budget)),
        *(Strike(at="takeover", again_after=random.uniform(0.5, 8.0)) for _ in range(2)),
    ]


def _round(random: Random) -> Sequence[Strike]:
    strikes = [_kill(random, at) for at in QUICK_STATES]
    strikes += [_kill(random, "intended", _lingering(random))]
    strikes += [_freeze(random, at) for at in random.sample(QUICK_STATES, 2)]
    random.shuffle(strikes)
    fault = _burning(random)
    burnt = [_kill(random, "burnt", fault), _freeze(random, "burnt", fault)]
    return [*strikes, random.choice(burnt)]


def _kill(random: Random, at: At, fault: Fault | None = None) -> Strike:
    again = random.uniform(0.5, 8.0) if random.random() < 0.3 else None
    return Strike(at=at, delay=_delay(random), fault=fault, again_after=again)


def _freeze(random: Random, at: At, fault: Fault | None = None) -> Strike:
    return Strike(
        at=at,
        how="freeze",
        delay=_delay(random),
        fault=fault,
        frozen_for=random.uniform(0.0, 8.0),
    )


def _delay(random: Random) -> float:
    """None: the transaction that writes the state may not even be committed."""
    return random.choice((0.0, random.uniform(0, 0.05), random.uniform(0, 0.5)))


def _lingering(random: Random) -> Fault:
    """Nobody knows at first whether the run was started; it was, or will be."""
    seconds = random.uniform(5, 25)
    return random.choice(
        (
            TAKEN,
            Fault(ending="drop", late_seconds=seconds),
            Fault(ending="drop", is_taken=True, run=RunFault(unlisted_seconds=seconds)),
        )
    )


def _burning(random: Random) -> Fault:
    """Nobody can know for so long that the window is burnt; in two of three there is a run."""
    seconds = random.uniform(124, 140)
    return random.choice(
        (
            Fault(ending="drop"),
            Fault(ending="drop", late_seconds=seconds),
            Fault(ending="drop", is_taken=True, run=RunFault(unlisted_seconds=seconds)),
        )
    )
