"""Faults of the simulator: scripted ones, random ones by a seed, and bad records."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Literal

from pipeline.sandbox.amazon_ads.vocabulary import EndpointName, JobState
from pipeline.sandbox.any_partner.faults import ConnectionEnding, ProfileName, Strikes

REFUSALS = frozenset({400, 401, 413, 422, 429})
"""Statuses that mean that nothing of the request was counted or accepted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFault:
    """A fault of the job of an accepted request."""

    pending_seconds: float | None = None
    never_ends: bool = False
    unknown_seconds: float | None = None
    """How long its status answers 404, seconds."""
    shown_states: tuple[str, ...] = ()
    """Words to show before the true state, one in each answer; they may be unknown to the API."""
    end_state: JobState | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault of an answer. The default values mean no fault."""

    ending: ConnectionEnding = "answer"
    status: int | None = None
    """The status to answer instead of the true one."""
    message: str | None = None
    """The message; for the token endpoint an OAuth error code such as `invalid_grant`."""
    retry_after: float | None = None
    retry_after_form: Literal["seconds", "date"] = "seconds"
    latency: tuple[float, float] = (0.0, 0.0)
    """The range of seconds between request and answer; the delay is drawn evenly."""
    is_taken: bool = False
    """Whether a request takes effect although it gets an error or no answer."""
    late_seconds: float | None = None
    """How much later the records of the request become membership, seconds."""
    omits_job_id: bool = False
    job: JobFault = field(default_factory=JobFault)

    @property
    def takes_effect(self) -> bool:
        is_usual = self.status is None and self.ending == "answer"
        return is_usual or self.is_taken or self.late_seconds is not None

    @property
    def is_refusal(self) -> bool:
        """Whether it is a definite refusal, which the partner does not count."""
        return not self.takes_effect and self.status in REFUSALS and self.ending == "answer"


NO_FAULT = Fault()


@dataclass(slots=True, kw_only=True)
class ScriptedFault:
    """A fault, with how often and how long it strikes, and at which target (None: any)."""

    fault: Fault
    endpoint: EndpointName | Literal["*"] = "records.upload"
    times: int | None = 1
    """How often it strikes; None: at every match."""
    seconds: float | None = None
    """How long it strikes, from when it was scripted; None: for ever."""
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
    """The shares (of 1) of requests with each random fault."""

    latency: tuple[float, float] = (0.0, 0.0)
    throttled: float = 0.0
    retry_after: tuple[float | None, ...] = (1.0,)
    """The possible waits of a 429; None: no header."""
    retry_after_forms: tuple[Literal["seconds", "date"], ...] = ("seconds",)
    unavailable: float = 0.0
    unavailable_statuses: tuple[int, ...] = (503,)
    taken_then_unavailable: float = 0.0
    reset: float = 0.0
    dropped_after_taking: float = 0.0
    late: float = 0.0
    late_seconds: tuple[float, float] = (0.5, 3.0)
    untracked: float = 0.0
    """The share of requests that are accepted without a job id."""
    invalid: float = 0.0
    """The share of records that their job calls invalid; a record always gets the same result."""


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
    """Chooses the fault of each request: first scripted faults in order, then random ones.

    The same seed and the same sequence of requests give the same faults.
    """

    def __init__(self, rates: FaultRates, random: Random) -> None:
        self.rates = rates
        self._strikes: Strikes[ScriptedFault] = Strikes(random)
        self._random = random
        self._salt = random.getrandbits(32)
        self._poison: dict[str, int] = {}
        self._invalid: dict[str, str] = {}

    @property
    def struck(self) -> Counter[str]:
        """How often each fault struck, by its name."""
        return self._strikes.counts

    def script(self, entries: Sequence[ScriptedFault], now: float) -> None:
        """Add faults after those that wait already."""
        self._strikes.script(entries, now)

    def poison(self, members: Collection[str], status: int = 400) -> None:
        """From now on, refuse every request with one of these members with this status."""
        self._poison.update(dict.fromkeys(members, status))

    def invalidate(self, members: Collection[str], error: str = "INVALID_RECORD") -> None:
        """From now on, jobs call the records of these members invalid."""
        self._invalid.update(dict.fromkeys(members, error))

    def clear(self) -> None:
        """Remove all scripted faults, poisoned and invalid members; the rates stay."""
        self._strikes.clear()
        self._poison.clear()
        self._invalid.clear()

    def resets(self, endpoint: EndpointName, now: float) -> bool:
        """Whether to reset this connection before its request is read."""
        scripted = self._strikes.scripted(
            now, lambda one: one.fault.ending == "reset" and one.matches(endpoint, None, None)
        )
        return scripted is not None or self._strikes.drawn(self.rates.reset, "reset")

    def draw(
        self,
        endpoint: EndpointName,
        now: float,
        connection: str | None = None,
        audience: int | None = None,
    ) -> Fault:
        """The fault for a request that was read."""
        scripted = self._strikes.scripted(
            now,
            lambda one: one.fault.ending != "reset" and one.matches(endpoint, connection, audience),
        )
        if scripted is not None:
            return scripted.fault
        return self._drawn(uploads=endpoint == "records.upload")

    def latency(self, fault: Fault) -> float:
        """Seconds."""
        return self._strikes.latency(fault.latency)

    def poisoned(self, members: Sequence[str]) -> dict[str, int]:
        """The poisoned members among these, each with its status."""
        if not self._poison:
            return {}
        return {member: self._poison[member] for member in members if member in self._poison}

    def invalid(self, members: Sequence[str], digests: Sequence[int]) -> dict[int, str]:
        """The positions of the records that the job will call invalid, with the errors."""
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

    def _drawn(self, *, uploads: bool) -> Fault:
        rates = self.rates
        latency = rates.latency
        if self._strikes.drawn(rates.throttled, "throttled"):
            return Fault(
                status=429,
                latency=latency,
                retry_after=self._random.choice(rates.retry_after),
                retry_after_form=self._random.choice(rates.retry_after_forms),
            )
        if self._strikes.drawn(rates.unavailable, "unavailable"):
            return Fault(status=self._random.choice(rates.unavailable_statuses), latency=latency)
        return self._drawn_upload(latency) if uploads else Fault(latency=latency)

    def _drawn_upload(self, latency: tuple[float, float]) -> Fault:
        rates = self.rates
        if self._strikes.drawn(rates.taken_then_unavailable, "taken_then_unavailable"):
            status = self._random.choice(rates.unavailable_statuses)
            return Fault(status=status, is_taken=True, latency=latency)
        if self._strikes.drawn(rates.dropped_after_taking, "dropped_after_taking"):
            return Fault(ending="drop", is_taken=True, latency=latency)
        if self._strikes.drawn(rates.late, "late"):
            late_seconds = self._random.uniform(*rates.late_seconds)
            return Fault(ending="drop", is_taken=True, late_seconds=late_seconds, latency=latency)
        if self._strikes.drawn(rates.untracked, "untracked"):
            return Fault(omits_job_id=True, latency=latency)
        return Fault(latency=latency)
