"""How the simulator is told to misbehave: scripted faults, seeded ones, and bad records."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Literal

from pipeline.sandbox.amazon_ads.vocabulary import EndpointName, JobState
from pipeline.sandbox.any_partner.faults import ConnectionEnding, ProfileName, Strikes

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

    ending: ConnectionEnding = "answer"
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
        self._strikes: Strikes[ScriptedFault] = Strikes(random)
        self._random = random
        self._salt = random.getrandbits(32)
        self._poison: dict[str, int] = {}
        self._invalid: dict[str, str] = {}

    @property
    def struck(self) -> Counter[str]:
        """How often each fault did, by its name."""
        return self._strikes.counts

    def script(self, entries: Sequence[ScriptedFault], now: float) -> None:
        """Add faults behind those already waiting."""
        self._strikes.script(entries, now)

    def poison(self, members: Collection[str], status: int = 400) -> None:
        """From now on a request that carries any of these is answered so; nothing is taken."""
        self._poison.update(dict.fromkeys(members, status))

    def invalidate(self, members: Collection[str], error: str = "INVALID_RECORD") -> None:
        """From now on jobs name the records of these as invalid."""
        self._invalid.update(dict.fromkeys(members, error))

    def clear(self) -> None:
        """Forget everything scripted, poisoned or invalidated; the rates stay."""
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
