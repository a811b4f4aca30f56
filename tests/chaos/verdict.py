"""Judges a storm: pure checks, each of which says in sentences what is not as promised."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from tests.chaos.evidence import Evidence, Struck
from tests.chaos.ledger import Ledger
from tests.chaos.plan import PROCESS_KINDS
from tests.chaos.snapshots import FORBIDDEN, RUNS_PER_DAY

RECOVERY_SECONDS = 10.0
"""Past the session timeout, until every lane is served again."""
ARRIVING_SECONDS = 0.25
"""What was on its way when a fault struck or ended has arrived by then."""
ZOMBIE_SECONDS = 1.0
"""After its thaw; by then a process has learned what it lost."""
HANDOVER_AT_LEAST_SECONDS = 0.5
"""Who gave a lane up does not have it back sooner."""
HANDOVER_SECONDS = 15.0
"""After a fault of a process or a broker, until the lanes it moved have settled."""
CLOCK_MS = 20.0


def failures(evidence: Evidence) -> list[str]:
    """Everything that was promised and not kept; empty when the storm was weathered."""
    checks: Sequence[Callable[[Evidence], Iterator[str]]] = (
        _delivered,
        _carried,
        _memberships,
        _cap,
        _ledger,
        _jobs,
        _questions,
        _overlaps,
        _snapshots,
        _zombies,
        _processes,
        _recoveries,
    )
    return [sentence for check in checks for sentence in check(evidence)]


def _delivered(evidence: Evidence) -> Iterator[str]:
    for partition, count in evidence.undone.items():
        yield f"{partition}: {count} offsets were not done in time"
    if len(evidence.topics.upstream) != evidence.produced:
        yield f"{evidence.produced} events were produced, {len(evidence.topics.upstream)} stand"


def _carried(evidence: Evidence) -> Iterator[str]:
    """Ingest: each change once, in the order of its partition, and each bad one a dead letter."""
    ledger = Ledger(evidence)
    if ledger.lost_at_ingest:
        yield f"{ledger.lost_at_ingest} changes never came into their lane"
    if ledger.doubled_at_ingest:
        yield f"{ledger.doubled_at_ingest} changes came into their lane more than once"
    if ledger.reordered_at_ingest:
        yield f"{ledger.reordered_at_ingest} changes stand in their lane behind a later one"
    bad = Counter(
        (change.partition, change.offset)
        for change in evidence.topics.upstream
        if change.audience is None
    )
    letters = Counter(
        (letter.partition, letter.offset)
        for letter in evidence.topics.letters
        if letter.stage == "ingest"
    )
    if bad != letters:
        yield f"{bad.total()} bad events, {letters.total()} dead letters, not for the same events"


def _memberships(evidence: Evidence) -> Iterator[str]:
    ledger = Ledger(evidence)
    yield from _named("changes stand for their member no more: lost", ledger.lost)
    yield from _named("older changes stand instead of the last", ledger.reordered)
    strangers = evidence.standing.keys() - ledger.last.keys()
    yield from _named("memberships that nobody asked for", [f"{pair}" for pair in strangers])


def _named(what: str, found: Sequence[str]) -> Iterator[str]:
    if found:
        yield f"{len(found)} {what}: {', '.join(found[:5])}"


def _cap(evidence: Evidence) -> Iterator[str]:
    for connection, largest in evidence.windows.items():
        if largest >= evidence.cap:
            yield f"{connection}: a window holds {largest} records of fewer than {evidence.cap}"
    for connection in evidence.topics.lanes.keys() - evidence.windows.keys():
        yield f"{connection}: never served"


def _ledger(evidence: Evidence) -> Iterator[str]:
    ledger = Ledger(evidence)
    if ledger.superseded < 0:
        yield f"{-ledger.superseded} more records were delivered or refused than were prepared"
    if ledger.strange:
        yield f"the partner took {ledger.strange} records that stand in no lane"
    if evidence.repeated_in_request:
        yield f"{evidence.repeated_in_request} records repeated a member within their request"
    if evidence.unreadable_requests:
        yield f"{evidence.unreadable_requests} requests broke a rule of the partner"
    ends = sum(ledger.ends.values())
    yield from _named("differences are in the ledger command's answer", evidence.ledger_says)
    if ends != ledger.accepted:
        yield f"{ledger.accepted} records were accepted, {ends} ended: {dict(ledger.ends)}"


def _jobs(evidence: Evidence) -> Iterator[str]:
    topics = evidence.topics
    jobs = {job.job_id: job.records for job in topics.jobs}
    wrong = [one for one, records in jobs.items() if evidence.partner_jobs.get(one) != records]
    yield from _named("jobs are not the partner's", wrong)
    tracked = {outcome.job_id for outcome in topics.outcomes if "untracked" not in outcome.job_id}
    yield from _named("jobs have no outcome", sorted(jobs.keys() - tracked))
    yield from _named("outcomes have no job", sorted(tracked - jobs.keys()))
    forgotten = [
        arrival.job_id
        for arrival in evidence.arrivals
        if arrival.is_answered
        and arrival.job_id is not None
        and arrival.job_id not in jobs
        and not _is_disturbed(evidence, arrival.at)
    ]
    yield from _named("accepted jobs were not written down, and nothing had struck", forgotten)


def _is_disturbed(evidence: Evidence, at: float) -> bool:
    """Whether processes or the broker may have been torn from their work."""
    return any(
        one.began - 5.0 <= at <= one.ended + HANDOVER_SECONDS
        for one in evidence.struck
        if one.gust.kind in PROCESS_KINDS or one.gust.kind.startswith("broker")
    )


def _questions(evidence: Evidence) -> Iterator[str]:
    """No job is asked for once its outcome is durable.

    But for a question that was on its way through a process when it was frozen: no body of it is
    left to be held back.
    """
    freezes = _freezes(evidence)
    ended: dict[str, int] = {}
    for outcome in evidence.topics.outcomes:
        ended[outcome.job_id] = min(outcome.at_ms, ended.get(outcome.job_id, outcome.at_ms))
    late = [
        f"{one.job_id} by {one.client} after {one.at_ms - ended[one.job_id]:.0f} ms"
        for one in evidence.questions
        if one.job_id in ended
        and one.at_ms > ended[one.job_id] + CLOCK_MS
        and not any(
            freeze.hand == one.client and freeze.began <= one.at <= freeze.ended + ARRIVING_SECONDS
            for freeze in freezes
        )
    ]
    yield from _named("jobs were asked for after their outcome was durable", late)


def _overlaps(evidence: Evidence) -> Iterator[str]:
    """One request a member, but for the one whose sender is frozen and cannot hang up."""
    freezes = _freezes(evidence)
    found = [
        f"{one.client} to {one.target} at {one.at - evidence.began:.1f} s"
        for one in evidence.arrivals
        if one.overlaps
        and not any(freeze.began <= one.at <= freeze.ended + 1.0 for freeze in freezes)
    ]
    yield from _named("requests carried a member whose request was in flight", found)


def _snapshots(evidence: Evidence) -> Iterator[str]:
    """The second partner: it holds what was said last, and nothing was asked of it twice."""
    found = evidence.snapshots
    for number, expected in found.expected.items():
        held = found.held.get(number, frozenset())
        if held != expected:
            yield (
                f"audience-{number} at the second partner: {len(expected - held)} members are "
                f"missing of {len(expected)}, {len(held - expected)} should not be there"
            )
    for violation in FORBIDDEN:
        if found.violations[violation]:
            yield f"{found.violations[violation]} times {violation}: {found.examples[-3:]}"
    if found.largest_day > RUNS_PER_DAY:
        yield f"{found.largest_day} runs in a day, and the budget is {RUNS_PER_DAY}"


def _zombies(evidence: Evidence) -> Iterator[str]:
    """A thawed process sends nothing for a lane that somebody else serves.

    It may win the lane back at once; then the other sends no more, as a handover takes a second.
    """
    for freeze in _freezes(evidence):
        after_thaw = [one for one in evidence.arrivals if freeze.began + ARRIVING_SECONDS < one.at]
        lanes = {
            own.target
            for own in after_thaw
            for other in after_thaw
            if own.client == freeze.hand != other.client
            and own.target == other.target
            and own.at < min(other.at, freeze.ended + ZOMBIE_SECONDS)
            and other.at < own.at + HANDOVER_AT_LEAST_SECONDS
        }
        yield from _named(f"lanes were served by {freeze.hand} after its thaw", sorted(lanes))


def _freezes(evidence: Evidence) -> Sequence[Struck]:
    return [one for one in evidence.struck if one.gust.kind == "freeze" and one.hand]


def _processes(evidence: Evidence) -> Iterator[str]:
    bad = [f"{name} with {code}" for name, code in evidence.exits if code not in (0, 3)]
    yield from _named("processes ended badly when asked to", bad)
    yield from _named(
        "processes ended by themselves",
        [f"{name} with {code}" for name, code in evidence.deserters],
    )
    yield from _named("processes were left behind", [str(one) for one in evidence.left_behind])
    yield from _named("bad log lines", evidence.bad_lines)
    yield from _named("floods of log lines", evidence.floods)


def _recoveries(evidence: Evidence) -> Iterator[str]:
    limit = evidence.session_seconds + RECOVERY_SECONDS
    for struck in evidence.struck:
        seconds = recovery(evidence, struck)
        if seconds is not None and seconds > limit:
            at = struck.began - evidence.began
            yield f"{struck.gust.kind} at {at:.0f} s: a lane was silent for {seconds:.1f} s"


def recovery(evidence: Evidence, struck: Struck) -> float | None:
    """Seconds until every lane was served again; None when another fault came before that."""
    looked_from = [struck.ended]
    if struck.gust.kind in PROCESS_KINDS:
        looked_from.append(struck.began)
    silences = {since: _silence(evidence, since) for since in looked_from}
    served_again = max(since + silence for since, silence in silences.items())
    others = [one for one in evidence.struck if one is not struck]
    if any(one.began < served_again and one.ended > struck.began for one in others):
        return None
    return max(silences.values())


def _silence(evidence: Evidence, since: float) -> float:
    """Until the last lane got its first request, from a moment on."""
    first: dict[str, float] = {}
    for one in evidence.arrivals:
        if one.is_answered and one.at > since + ARRIVING_SECONDS:
            first.setdefault(one.target, one.at - since)
    return max(first.get(lane, evidence.ended - since) for lane in evidence.topics.lanes)
