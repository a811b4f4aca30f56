"""How the simulator is told to misbehave: scripted faults, seeded ones, and bad records."""

import math
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Literal, TypeAlias

from pipeline.sandbox.amazon_ads.vocabulary import EndpointName, JobState

Ending: TypeAlias = Literal[
    "answer",
    "reset",  # the connection is reset before the body is read: nothing arrived
    "drop",  # the body was read, then the connection is closed without an answer
]
ProfileName: TypeAlias = Literal["none", "mild", "rough"]
REFUSALS = frozenset({400, 401, 413, 422, 429})
"""Answers after which nothing of a request was counted or taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFault:
    """How the job of an accepted request departs from the usual."""

    pending_seconds: float | None = None
    never_ends: bool = False
    unknown_seconds: float | None = None
    """Its status answers 404 for so long."""
    shown_states: tuple[str, ...] = ()
    """Shown one a poll before the true state; any word, known to the API or not."""
    end_state: JobState | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One departure from good behaviour. The default one departs in nothing."""

    ending: Ending = "answer"
    status: int | None = None
    """Answered instead of the true status."""
    message: str | None = None
    """For the token endpoint an OAuth error code such as `invalid_grant`."""
    retry_after: float | None = None
    retry_after_form: Literal["seconds", "date"] = "seconds"
    latency: tuple[float, float] = (0.0, 0.0)
    """Seconds between taking a request and answering it, drawn evenly from this range."""
    is_taken: bool = False
    """A request that gets an error or no answer took effect nevertheless."""
    late_seconds: float | None = None
    """The request takes effect, but its records become membership only so much later."""
    omits_job_id: bool = False
    job: JobFault = field(default_factory=JobFault)

    @property
    def takes_effect(self) -> bool:
        is_usual = self.status is None and self.ending == "answer"
        return is_usual or self.is_taken or self.late_seconds is not None

    @property
    def is_refusal(self) -> bool:
        """A definite no, which the partner doesn't count."""
        return not self.takes_effect and self.status in REFUSALS and self.ending == "answer"


NO_FAULT = Fault()


@dataclass(slots=True, kw_only=True)
class ScriptedFault:
    """A fault and when it strikes: so many times, for so many seconds, on one target or any."""

    fault: Fault
    endpoint: EndpointName | Literal["*"] = "records.upload"
    times: int | None = 1
    """None: as often as it matches."""
    seconds: float | None = None
    """Counted from when it was scripted; None: without end."""
    connection_id: str | None = None
    audience_id: int | None = None

    def matches(self, endpoint: EndpointName, connection: str | None, audience: int | None) -> bool:
        return (
            self.endpoint in ("*", endpoint)
            and self.connection_id in (None, connection)
            and self.audience_id in (None, audience)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultRates:
    """How often a seeded fault strikes a request, each as a share of 1."""

    latency: tuple[float, float] = (0.0, 0.0)
    throttled: float = 0.0
    retry_after: tuple[float | None, ...] = (1.0,)
    """What a 429 asks for, one of these; None: no header."""
    retry_after_forms: tuple[Literal["seconds", "date"], ...] = ("seconds",)
    unavailable: float = 0.0
    unavailable_statuses: tuple[int, ...] = (503,)
    taken_then_unavailable: float = 0.0
    reset: float = 0.0
    dropped_after_taking: float = 0.0
    late: float = 0.0
    late_seconds: tuple[float, float] = (0.5, 3.0)
    untracked: float = 0.0
    """Accepted without a job id."""
    invalid: float = 0.0
    """Of the records: named by their job. The same record is always judged the same."""


PROFILES: dict[ProfileName, FaultRates] = {
    "none": FaultRates(),
    "mild": FaultRates(
        latency=(0.005, 0.06),
        throttled=0.01,
        unavailable=0.01,
        reset=0.005,
        dropped_after_taking=0.005,
        invalid=0.0002,
    ),
    "rough": FaultRates(
        latency=(0.005, 0.4),
        throttled=0.05,
        retry_after=(1.0, 2.0, None),
        retry_after_forms=("seconds", "date"),
        unavailable=0.04,
        unavailable_statuses=(500, 502, 503, 504),
        taken_then_unavailable=0.01,
        reset=0.02,
        dropped_after_taking=0.02,
        late=0.01,
        invalid=0.001,
    ),
}


class FaultScript:
    """Decides what goes wrong: first what was scripted, in order, else what the rates draw.

    The faults of a seed are the same for the same sequence of requests.
    """

    def __init__(self, rates: FaultRates, random: Random) -> None:
        self.rates = rates
        self.struck: Counter[str] = Counter()
        self._random = random
        self._salt = random.getrandbits(32)
        self._scripted: list[tuple[ScriptedFault, float]] = []
        self._poison: dict[str, int] = {}
        self._invalid: dict[str, str] = {}

    def script(self, entries: Sequence[ScriptedFault], now: float) -> None:
        """Add faults behind those already waiting."""
        for entry in entries:
            until = math.inf if entry.seconds is None else now + entry.seconds
            self._scripted.append((entry, until))

    def poison(self, members: Collection[str], status: int = 400) -> None:
        """From now on a request that carries any of these is answered so."""
        self._poison.update(dict.fromkeys(members, status))

    def invalidate(self, members: Collection[str], error: str = "INVALID_RECORD") -> None:
        """From now on jobs name the records of these as invalid."""
        self._invalid.update(dict.fromkeys(members, error))

    def clear(self) -> None:
        """Forget everything scripted, poisoned or invalidated; the rates stay."""
        self._scripted.clear()
        self._poison.clear()
        self._invalid.clear()

    def resets(self, endpoint: EndpointName, now: float) -> bool:
        """Whether to reset this connection before its request is read."""
        for entry, until in self._scripted:
            if (
                entry.fault.ending == "reset"
                and until > now
                and entry.matches(endpoint, None, None)
            ):
                self._use(entry)
                return True
        return self._strikes(self.rates.reset, "reset")

    def draw(
        self,
        endpoint: EndpointName,
        now: float,
        connection: str | None = None,
        audience: int | None = None,
    ) -> Fault:
        """The fault for a request that was read."""
        self._scripted = [(entry, until) for entry, until in self._scripted if until > now]
        for entry, _ in self._scripted:
            if entry.fault.ending != "reset" and entry.matches(endpoint, connection, audience):
                self._use(entry)
                return entry.fault
        return self._drawn(uploads=endpoint == "records.upload")

    def latency(self, fault: Fault) -> float:
        shortest, longest = fault.latency
        return self._random.uniform(shortest, longest) if longest > 0 else 0.0

    def poisoned(self, members: Sequence[str]) -> dict[str, int]:
        """The poisoned ones among these, and how each is answered."""
        if not self._poison:
            return {}
        return {member: self._poison[member] for member in members if member in self._poison}

    def invalid(self, members: Sequence[str], digests: Sequence[int]) -> dict[int, str]:
        """Positions of the records that their job will name, with its words."""
        judged: dict[int, str] = {}
        if self.rates.invalid > 0:
            # Fibonacci hashing spreads the checksum; the salt makes each seed judge differently.
            limit, salt = int(self.rates.invalid * 2**32), self._salt
            judged = {
                position: "INVALID_HASHED_PII"
                for position, digest in enumerate(digests)
                if (digest ^ salt) * 2654435769 & 0xFFFFFFFF < limit
            }
        if self._invalid:
            judged |= {
                position: self._invalid[member]
                for position, member in enumerate(members)
                if member in self._invalid
            }
        return judged

    def _use(self, entry: ScriptedFault) -> None:
        self.struck["scripted"] += 1
        if entry.times is None:
            return
        entry.times -= 1
        if entry.times <= 0:
            self._scripted = [pair for pair in self._scripted if pair[0] is not entry]

    def _drawn(self, *, uploads: bool) -> Fault:
        rates = self.rates
        latency = rates.latency
        if self._strikes(rates.throttled, "throttled"):
            return Fault(
                status=429,
                latency=latency,
                retry_after=self._random.choice(rates.retry_after),
                retry_after_form=self._random.choice(rates.retry_after_forms),
            )
        if self._strikes(rates.unavailable, "unavailable"):
            return Fault(status=self._random.choice(rates.unavailable_statuses), latency=latency)
        return self._drawn_upload(latency) if uploads else Fault(latency=latency)

    def _drawn_upload(self, latency: tuple[float, float]) -> Fault:
        rates = self.rates
        if self._strikes(rates.taken_then_unavailable, "taken_then_unavailable"):
            status = self._random.choice(rates.unavailable_statuses)
            return Fault(status=status, is_taken=True, latency=latency)
        if self._strikes(rates.dropped_after_taking, "dropped_after_taking"):
            return Fault(ending="drop", is_taken=True, latency=latency)
        if self._strikes(rates.late, "late"):
            late_seconds = self._random.uniform(*rates.late_seconds)
            return Fault(ending="drop", is_taken=True, late_seconds=late_seconds, latency=latency)
        if self._strikes(rates.untracked, "untracked"):
            return Fault(omits_job_id=True, latency=latency)
        return Fault(latency=latency)

    def _strikes(self, rate: float, name: str) -> bool:
        if rate <= 0 or self._random.random() >= rate:
            return False
        self.struck[name] += 1
        return True
