"""How the simulator is told to misbehave: scripted faults, and seeded ones."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Final, Literal, TypeAlias

from pipeline.sandbox.adobe_audiences.answers import ErrorForm
from pipeline.sandbox.adobe_audiences.vocabulary import EndpointName, Stage

Ending: TypeAlias = Literal[
    "answer",
    "reset",  # the connection is reset before the body is read: nothing arrived
    "drop",  # the body was read, then the connection is closed without an answer
    "garble",  # answered with the true status and a page that is no JSON
]
ProfileName: TypeAlias = Literal["none", "mild", "rough"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFault:
    """How a run departs from the usual. Times in seconds."""

    fails_in: Stage | None = None
    seconds: float | None = None
    """From its start to its end."""
    never_ends: bool = False
    shown_as: str | None = None
    """The status while it goes on; "" for none at all."""
    unlisted_seconds: float = 0.0
    """So long neither the list nor its own address shows it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One departure from good behaviour. The default one departs in nothing."""

    ending: Ending = "answer"
    status: int | None = None
    """Answered instead of the true status."""
    code: str = ""
    message: str = "The request failed"
    form: ErrorForm = "code"
    retry_after: float | None = None
    latency: tuple[float, float] = (0.0, 0.0)
    """Seconds between taking a request and answering it, drawn evenly from this range."""
    is_taken: bool = False
    """A request that gets an error or no answer took effect nevertheless."""
    late_seconds: float | None = None
    """A run is taken, and starts only so much later."""
    run: RunFault = field(default_factory=RunFault)

    @property
    def takes_effect(self) -> bool:
        is_usual = self.status is None and self.ending in ("answer", "garble")
        return is_usual or self.is_taken or self.late_seconds is not None


NO_FAULT: Final = Fault()


@dataclass(slots=True, kw_only=True)
class ScriptedFault:
    """A fault and when it strikes: so many times, for so many seconds, on one audience or any."""

    fault: Fault
    endpoint: EndpointName | Literal["*"] = "runs.start"
    times: int | None = 1
    """None: as often as it matches."""
    seconds: float | None = None
    """Counted from when it was scripted; None: without end."""
    audience: str | None = None

    def matches(self, endpoint: EndpointName, audience: str | None) -> bool:
        return self.endpoint in ("*", endpoint) and self.audience in (None, audience)


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultRates:
    """How often a seeded fault strikes a request or a run, each as a share of 1.

    A start of a run that was not taken has rates of its own, which no profile has: a client that
    cannot know it must wait for minutes before it may try again.
    """

    latency: tuple[float, float] = (0.0, 0.0)
    throttled: float = 0.0
    unavailable: float = 0.0
    reset: float = 0.0
    start_unavailable: float = 0.0
    start_reset: float = 0.0
    taken_then_unavailable: float = 0.0
    dropped_after_taking: float = 0.0
    garbled_after_taking: float = 0.0
    late: float = 0.0
    late_seconds: tuple[float, float] = (0.5, 3.0)
    dataset_fails: float = 0.0
    profiles_fail: float = 0.0
    unlisted: float = 0.0
    unlisted_seconds: tuple[float, float] = (0.5, 3.0)


PROFILES: Final[dict[ProfileName, FaultRates]] = {
    "none": FaultRates(),
    "mild": FaultRates(
        latency=(0.005, 0.06),
        throttled=0.01,
        unavailable=0.01,
        reset=0.005,
        taken_then_unavailable=0.02,
        dropped_after_taking=0.02,
        dataset_fails=0.02,
        profiles_fail=0.02,
        unlisted=0.05,
    ),
    "rough": FaultRates(
        latency=(0.005, 0.4),
        throttled=0.05,
        unavailable=0.04,
        reset=0.02,
        taken_then_unavailable=0.02,
        dropped_after_taking=0.02,
        garbled_after_taking=0.01,
        late=0.02,
        dataset_fails=0.05,
        profiles_fail=0.05,
        unlisted=0.1,
    ),
}
_OUTAGES: Final = ((500, "100970-500"), (502, "100970-502"))
_FORMS: Final[Sequence[ErrorForm]] = ("code", "problem", "text", "empty")


class FaultScript:
    """Decides what goes wrong: first what was scripted, in order, else what the rates draw.

    The faults of a seed are the same for the same sequence of requests.
    """

    def __init__(self, rates: FaultRates, random: Random) -> None:
        self.rates = rates
        self.struck: Counter[str] = Counter()
        self._random = random
        self._scripted: list[tuple[ScriptedFault, float]] = []

    def script(self, entries: Sequence[ScriptedFault], now: float) -> None:
        """Add faults behind those already waiting."""
        for entry in entries:
            until = math.inf if entry.seconds is None else now + entry.seconds
            self._scripted.append((entry, until))

    def clear(self) -> None:
        """Forget everything scripted; the rates stay."""
        self._scripted.clear()

    def resets(self, endpoint: EndpointName, audience: str | None, now: float) -> bool:
        """Whether to reset this connection before its request is read."""
        scripted = self._next(endpoint, audience, now, resets=True)
        rates = self.rates
        rate = rates.start_reset if endpoint == "runs.start" else rates.reset
        return scripted is not None or self._strikes(rate, "reset")

    def draw(self, endpoint: EndpointName, audience: str | None, now: float) -> Fault:
        """The fault for a request that was read."""
        scripted = self._next(endpoint, audience, now, resets=False)
        return self._drawn(endpoint) if scripted is None else scripted

    def latency(self, fault: Fault) -> float:
        """Seconds."""
        shortest, longest = fault.latency
        return self._random.uniform(shortest, longest) if longest > 0 else 0.0

    def _next(
        self, endpoint: EndpointName, audience: str | None, now: float, *, resets: bool
    ) -> Fault | None:
        self._scripted = [pair for pair in self._scripted if pair[1] > now]
        for entry, _ in self._scripted:
            is_reset = entry.fault.ending == "reset"
            if is_reset is resets and entry.matches(endpoint, audience):
                self._use(entry)
                return entry.fault
        return None

    def _use(self, entry: ScriptedFault) -> None:
        self.struck["scripted"] += 1
        if entry.times is None:
            return
        entry.times -= 1
        if entry.times <= 0:
            self._scripted = [pair for pair in self._scripted if pair[0] is not entry]

    def _drawn(self, endpoint: EndpointName) -> Fault:
        rates, latency = self.rates, self.rates.latency
        if self._strikes(rates.throttled, "throttled"):
            return Fault(status=429, message="Too many requests", retry_after=1.0, latency=latency)
        starts = endpoint == "runs.start"
        if self._strikes(rates.start_unavailable if starts else rates.unavailable, "unavailable"):
            return self._outage(is_taken=False)
        return self._drawn_start() if starts else Fault(latency=latency)

    def _drawn_start(self) -> Fault:
        rates, latency, run = self.rates, self.rates.latency, self._drawn_run()
        if self._strikes(rates.taken_then_unavailable, "taken_then_unavailable"):
            return self._outage(is_taken=True)
        if self._strikes(rates.dropped_after_taking, "dropped_after_taking"):
            return Fault(ending="drop", is_taken=True, latency=latency, run=run)
        if self._strikes(rates.garbled_after_taking, "garbled_after_taking"):
            return Fault(ending="garble", latency=latency, run=run)
        if self._strikes(rates.late, "late"):
            late_seconds = self._random.uniform(*rates.late_seconds)
            return Fault(ending="drop", late_seconds=late_seconds, latency=latency, run=run)
        return Fault(latency=latency, run=run)

    def _drawn_run(self) -> RunFault:
        rates = self.rates
        fails_in: Stage | None = None
        if self._strikes(rates.dataset_fails, "dataset_fails"):
            fails_in = "DATASET_INGEST"
        elif self._strikes(rates.profiles_fail, "profiles_fail"):
            fails_in = "PROFILE_STORE_INGEST"
        unlisted = self._strikes(rates.unlisted, "unlisted")
        seconds = self._random.uniform(*rates.unlisted_seconds) if unlisted else 0.0
        return RunFault(fails_in=fails_in, unlisted_seconds=seconds)

    def _outage(self, *, is_taken: bool) -> Fault:
        status, code = self._random.choice(_OUTAGES)
        return Fault(
            status=status,
            code=code,
            form=self._random.choice(_FORMS),
            latency=self.rates.latency,
            is_taken=is_taken,
        )

    def _strikes(self, rate: float, name: str) -> bool:
        if rate <= 0 or self._random.random() >= rate:
            return False
        self.struck[name] += 1
        return True
