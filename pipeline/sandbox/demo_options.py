"""The options of a run of the sandbox, and its invented audiences."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from pipeline.sandbox.any_partner.faults import ProfileName
from pipeline.sandbox.any_partner.random_ids import random_id
from pipeline.sandbox.expectation import Audience, Target

FIRST_AUDIENCE = 413_642_381_039_213_001
"""Ids are as large as real ones, so that a program that reads them as floats loses digits."""
STALL_SECONDS = 45.0
SHARED_EVERY = 5
"""One of this many audiences goes to two connections."""
NAMES = (
    "vip-customers",
    "cart-abandoners",
    "newsletter-readers",
    "lapsed-customers",
    "recent-buyers",
    "loyalty-gold",
    "high-value",
    "trial-users",
    "store-visitors",
    "app-installers",
    "back-in-stock",
    "win-back",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cap:
    """The cap of each connection: any window of these seconds gets fewer records."""

    records: int
    window: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxOptions:
    """The options of one run. The same seed gives the same traffic and the same rates of faults."""

    events: int
    members: int
    audiences: int
    connections: int
    faults: ProfileName
    seed: int
    cap: Cap
    keep_running: bool
    with_adobe: bool = True
    source_format: str = "native"
    """A key of `event_formats.FORMATS`."""

    @property
    def stall_seconds(self) -> float:
        """Seconds without progress after which a run is given up.

        With a cap, the next batch may come only after a sixtieth of the window.
        """
        return max(STALL_SECONDS, self.cap.window / 10)


def invented_audiences(options: SandboxOptions, random: Random) -> Sequence[Audience]:
    """Audiences spread over the connections; some use two of them."""
    connections = [random_id(random) for _ in range(options.connections)]
    audiences: list[Audience] = []
    audience_id = FIRST_AUDIENCE
    for number in range(options.audiences):
        copies = 2 if number % SHARED_EVERY == 0 and options.connections > 1 else 1
        targets: list[Target] = []
        for copy in range(copies):
            targets.append(Target(connections[(number + copy) % options.connections], audience_id))
            audience_id += 1
        adobe_id = random_id(random) if options.with_adobe else None
        audiences.append(Audience(_name(number), targets, adobe_id))
    return audiences


def _name(number: int) -> str:
    return NAMES[number] if number < len(NAMES) else f"audience-{number + 1}"
