"""What will go wrong, and when: drawn from a seed, so that a storm can be had again."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal, TypeAlias, get_args

Kind: TypeAlias = Literal[
    "kill",  # SIGKILL, and a successor at once
    "kill and stay away",  # SIGKILL, and a successor only after a while
    "terminate",  # SIGTERM, and a successor at once
    "freeze",  # SIGSTOP for longer than the session, then SIGCONT
    "scale",  # one replica of a stage becomes three, then one again
    "broker stop",
    "broker kill",
    "partner 503",
    "partner resets",
    "partner hangs",  # no answer before we give the request up; it took effect all the same
    "429 storm",
    "5xx after taking",
    "drop after taking",
    "late application",
    "expired tokens",
    "slow answers",
    "poisoned records",  # refused with 400
    "refused audience",  # everything of one audience is refused with 400
    "invalid records",  # named by their job
    "endless job",
    "status trouble",
    "no job id",
    "snapshot 503",  # of the second partner, which takes files: everything fails
    "run hangs",  # no answer before we give up; the run goes on all the same
    "late run",  # no answer, and the run begins only later
    "failing run",  # in its second stage
    "unlisted run",  # no answer, and the list does not show the run for a while
    "busy answer",  # refused as if another run went on
]
Roles: TypeAlias = Literal["ingest", "upload", "poll", "snapshot", "ingest,upload,poll,snapshot"]

ROLES: Sequence[Roles] = get_args(Roles)
STAGES: Sequence[Roles] = ROLES[:4]
SNAPSHOT_KINDS: Sequence[Kind] = get_args(Kind)[-6:]
PROCESS_KINDS: Sequence[Kind] = get_args(Kind)[:5]
CALM_SECONDS = 20.0
"""Behind the last fault: recovery must be seen, too."""
_LASTING: dict[Kind, tuple[float, float]] = {
    "kill and stay away": (3, 9),
    "freeze": (7, 10),
    "scale": (6, 10),
    "broker stop": (1, 6),
    "broker kill": (1, 4),
    "partner 503": (3, 12),
    "partner resets": (3, 8),
    "partner hangs": (4, 7),
    "429 storm": (3, 8),
    "5xx after taking": (2, 5),
    "drop after taking": (2, 5),
    "late application": (3, 6),
    "slow answers": (5, 8),
    "refused audience": (5, 14),
    "status trouble": (4, 8),
    "no job id": (1, 2),
    "snapshot 503": (3, 10),
}
_SHORT_GAP, _LONG_GAP = (0.5, 4.0), (8.0, 17.0)
_OVERLAPPING = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Gust:
    """One fault. Times in seconds from the beginning of the storm."""

    at: float
    kind: Kind
    seconds: float
    """How long it lasts; 0 for what is over in an instant."""
    role: Roles
    """Of the process that it strikes, if it strikes one."""
    connection: int | None
    """None: all of them."""

    @property
    def until(self) -> float:
        return self.at + self.seconds


def plan(
    random: Random, seconds: float, connections: int, kinds: Sequence[Kind] = get_args(Kind)
) -> Sequence[Gust]:
    """Faults for so many seconds, calm included; every kind comes once before any comes twice."""
    gusts: list[Gust] = []
    deck: list[Kind] = []
    at = 1.0
    while True:
        if not deck:
            deck = random.sample(list(kinds), len(kinds))
        gust = _gust(random, at, deck.pop(), connections)
        if gust.until + CALM_SECONDS > seconds:
            return gusts
        gusts.append(gust)
        if random.random() < _OVERLAPPING:
            at += random.uniform(0.1, max(0.2, gust.seconds))
        else:
            at = gust.until + random.uniform(*random.choice((_SHORT_GAP, _LONG_GAP)))


def _gust(random: Random, at: float, kind: Kind, connections: int) -> Gust:
    roles = STAGES if kind == "scale" else ROLES
    return Gust(
        at=at,
        kind=kind,
        seconds=random.uniform(*_LASTING.get(kind, (0, 0))),
        role=random.choice(roles),
        connection=random.choice([None, *range(connections)]),
    )
