"""How the simulator is told to misbehave: scripted faults, and seeded ones."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Final, Literal, TypeAlias

from pipeline.sandbox.adobe_audiences.answers import ErrorForm
from pipeline.sandbox.adobe_audiences.vocabulary import EndpointName, Stage
from pipeline.sandbox.any_partner.faults import ConnectionEnding, ProfileName, Strikes

Ending: TypeAlias = Literal[
    ConnectionEnding,
    "garble",  # answered with the true status and a page that is no JSON
]


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
        self._strikes: Strikes[ScriptedFault] = Strikes(random)
        self._random = random

    @property
    def struck(self) -> Counter[str]:
        """How often each fault did, by its name."""
        return self._strikes.counts

    def script(self, entries: Sequence[ScriptedFault], now: float) -> None:
        """Add faults behind those already waiting."""
        self._strikes.script(entries, now)

    def clear(self) -> None:
        """Forget everything scripted; the rates stay."""
        self._strikes.clear()

    def resets(self, endpoint: EndpointName, audience: str | None, now: float) -> bool:
        """Whether to reset this connection before its request is read."""
        scripted = self._next(endpoint, audience, now, resets=True)
        rates = self.rates
        rate = rates.start_reset if endpoint == "runs.start" else rates.reset
        return scripted is not None or self._strikes.drawn(rate, "reset")

    def draw(self, endpoint: EndpointName, audience: str | None, now: float) -> Fault:
        """The fault for a request that was read."""
        scripted = self._next(endpoint, audience, now, resets=False)
        return self._drawn(endpoint) if scripted is None else scripted

    def latency(self, fault: Fault) -> float:
        """Seconds."""
        return self._strikes.latency(fault.latency)

    def _next(
        self, endpoint: EndpointName, audience: str | None, now: float, *, resets: bool
    ) -> Fault | None:
        scripted = self._strikes.scripted(
            now,
            lambda one: (one.fault.ending == "reset") is resets and one.matches(endpoint, audience),
        )
        return None if scripted is None else scripted.fault

    def _drawn(self, endpoint: EndpointName) -> Fault:
        rates, latency = self.rates, self.rates.latency
        if self._strikes.drawn(rates.throttled, "throttled"):
            return Fault(status=429, message="Too many requests", retry_after=1.0, latency=latency)
        starts = endpoint == "runs.start"
        if self._strikes.drawn(
            rates.start_unavailable if starts else rates.unavailable, "unavailable"
        ):
            return self._outage(is_taken=False)
        return self._drawn_start() if starts else Fault(latency=latency)

    def _drawn_start(self) -> Fault:
        rates, latency, run = self.rates, self.rates.latency, self._drawn_run()
        if self._strikes.drawn(rates.taken_then_unavailable, "taken_then_unavailable"):
            return self._outage(is_taken=True)
        if self._strikes.drawn(rates.dropped_after_taking, "dropped_after_taking"):
            return Fault(ending="drop", is_taken=True, latency=latency, run=run)
        if self._strikes.drawn(rates.garbled_after_taking, "garbled_after_taking"):
            return Fault(ending="garble", latency=latency, run=run)
        if self._strikes.drawn(rates.late, "late"):
            late_seconds = self._random.uniform(*rates.late_seconds)
            return Fault(ending="drop", late_seconds=late_seconds, latency=latency, run=run)
        return Fault(latency=latency, run=run)

    def _drawn_run(self) -> RunFault:
        rates = self.rates
        fails_in: Stage | None = None
        if self._strikes.drawn(rates.dataset_fails, "dataset_fails"):
            fails_in = "DATASET_INGEST"
        elif self._strikes.drawn(rates.profiles_fail, "profiles_fail"):
            fails_in = "PROFILE_STORE_INGEST"
        unlisted = self._strikes.drawn(rates.unlisted, "unlisted")
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
