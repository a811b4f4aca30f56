"""What a run of the sandbox can be asked for, and the audiences that it is about."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from pipeline.sandbox.any_partner.faults import ProfileName
from pipeline.sandbox.any_partner.random_ids import random_id
from pipeline.sandbox.expectation import Audience, Target

FIRST_AUDIENCE = 413_642_381_039_213_001
"""As large as real ones: a program that makes floats of them loses digits."""
STALL_SECONDS = 45.0
SHARED_EVERY = 5
"""One audience in so many goes to two connections."""
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
    """Of each connection: any window, of so many seconds, gets fewer records than this."""

    records: int
    window: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxOptions:
    """One run. The same seed gives the same traffic, and faults of the same shares."""

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
        """A run in which nothing moves for so long is over, and says what is missing.

        Under a cap the next batch may be a sixtieth of a window away.
        """
        return max(STALL_SECONDS, self.cap.window / 10)


def invented_audiences(options: SandboxOptions, random: Random) -> Sequence[Audience]:
    """Audiences spread over the connections, some with a place on two of them."""
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
