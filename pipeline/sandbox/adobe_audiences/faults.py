"""Faults of the simulator: scripted ones, and random ones by a seed."""

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
    """A fault of a run. Times in seconds."""

    fails_in: Stage | None = None
    seconds: float | None = None
    """The duration of the run; None: the usual one."""
    never_ends: bool = False
    shown_as: str | None = None
    """The status while it goes on; "" for none at all."""
    unlisted_seconds: float = 0.0
    """How long neither the list of runs nor the run's own path shows it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault of an answer. The default values mean no fault."""

    ending: Ending = "answer"
    status: int | None = None
    """The status to answer instead of the true one."""
    code: str = ""
    message: str = "The request failed"
    form: ErrorForm = "code"
    retry_after: float | None = None
    latency: tuple[float, float] = (0.0, 0.0)
    """The range of seconds between request and answer; the delay is drawn evenly."""
    is_taken: bool = False
    """Whether a request takes effect although it gets an error or no answer."""
    late_seconds: float | None = None
    """How much later an accepted run starts, seconds."""
    run: RunFault = field(default_factory=RunFault)

    @property
    def takes_effect(self) -> bool:
        is_usual = self.status is None and self.ending in ("answer", "garble")
        return is_usual or self.is_taken or self.late_seconds is not None


NO_FAULT: Final = Fault()


@dataclass(slots=True, kw_only=True)
class ScriptedFault:
    """A fault, with how often and how long it strikes, and at which audience (None: any)."""

    fault: Fault
    endpoint: EndpointName | Literal["*"] = "runs.start"
    times: int | None = 1
    """How often it strikes; None: at every match."""
    seconds: float | None = None
    """How long it strikes, from when it was scripted; None: for ever."""
    audience: str | None = None

    def matches(self, endpoint: EndpointName, audience: str | None) -> bool:
        return self.endpoint in ("*", endpoint) and self.audience in (None, audience)


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultRates:
    """The shares (of 1) of requests or runs with each random fault.

    Runs that silently do not start have their own rates, which no profile sets, because a client
    must wait for minutes before it may try again.
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
    """Chooses the fault of each request: first scripted faults in order, then random ones.

    The same seed and the same sequence of requests give the same faults.
    """

    def __init__(self, rates: FaultRates, random: Random) -> None:
        self.rates = rates
        self._strikes: Strikes[ScriptedFault] = Strikes(random)
        self._random = random

    @property
    def struck(self) -> Counter[str]:
        """How often each fault struck, by its name."""
        return self._strikes.counts

    def script(self, entries: Sequence[ScriptedFault], now: float) -> None:
        """Add faults after those that wait already."""
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
