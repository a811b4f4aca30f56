"""Judges a fuzz: pure checks, each of which says in sentences what is not as promised."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence

import orjson

from pipeline.domain.job import decode_outcome
from pipeline.domain.lane_record import audience_of
from pipeline.domain.message import Origin
from pipeline.operations.ledger.accounting import Ledger, Letter
from pipeline.operations.ledger.job_ends import Place as JobPlace
from pipeline.operations.ledger.lane_records import LaneView
from pipeline.operations.ledger.statement import LetterKind
from pipeline.sandbox.amazon_ads.record_rules import record_digest
from tests.explore.fuzz_evidence import Evidence, Message
from tests.explore.fuzz_ingest import carried
from tests.explore.fuzz_topics import (
    ended_jobs,
    ends_of,
    fate_of,
    followed_jobs,
    forged_jobs,
    job_of,
    jobs_topic,
    letter_headers,
    named,
    own_messages,
    running_topics,
    topic_of,
)
from tests.explore.random_messages import FORGED


def failures(evidence: Evidence) -> list[str]:
    """Everything that was promised and not kept; empty when all of it was."""
    checks: Sequence[Callable[[Evidence], Iterator[str]]] = (
        _processes,
        carried,
        _accounted,
        _jobs,
        _letters,
        _lanes,
        _memberships,
        _cap,
    )
    return [sentence for check in checks for sentence in check(evidence)]


def unfinished(evidence: Evidence) -> list[str]:
    """What still has no end; empty when all is calm."""
    left = [
        f"{topic}[{partition}]: {end - committed}"
        for topic in (*evidence.sources, *running_topics(evidence))
        for partition, end in ends_of(evidence, topic).items()
        if (committed := evidence.committed.get((topic, partition), 0)) < end
    ]
    waiting = len(followed_jobs(evidence).keys() - ended_jobs(evidence).keys())
    return [*left, f"{waiting} jobs"] if waiting else left


def _processes(evidence: Evidence) -> Iterator[str]:
    yield from named("processes ended by themselves", evidence.exits)
    yield from named("bad log lines", evidence.bad_lines)
    yield from named("commands failed", evidence.commands)


# Upload and poll


def _accounted(evidence: Evidence) -> Iterator[str]:
    """The ledger's equations, over what the pipeline itself wrote."""
    ledger = _ledger(evidence)
    _enter_jobs(evidence, ledger)
    for lane, topic in evidence.lanes.items():
        for one in evidence.messages[topic]:
            ledger.record(lane, one.offset, one.key)
    statement = ledger.statement()
    yield from statement.differences()
    for lane_statement in statement.lanes:
        lane, waiting = lane_statement.lane, lane_statement.records.waiting
        if not lane_statement.is_at_rest and lane != evidence.blocked_lane:
            yield f"lane {lane} is not at rest: {waiting} records wait"


def _enter_jobs(evidence: Evidence, ledger: Ledger) -> None:
    """All but those that were forged."""
    forged = forged_jobs(evidence)
    for message in own_messages(evidence, jobs_topic(evidence)):
        if (job := job_of(message)) is not None and job.job_id not in forged:
            ledger.job(job, JobPlace(message.place.partition, message.offset))
    for message in own_messages(evidence, topic_of(evidence, "outcomes")):
        outcome = decode_outcome(message.value)
        if outcome.job.job_id not in forged:
            ledger.outcome(outcome)


def _ledger(evidence: Evidence) -> Ledger:
    """With the dead letters of the pipeline in it."""
    views = {
        lane: LaneView(0, evidence.committed.get((topic, 0), 0), ends_of(evidence, topic).get(0, 0))
        for lane, topic in evidence.lanes.items()
    }
    ledger = Ledger(
        views,
        lane_topics={topic: lane for lane, topic in evidence.lanes.items()},
        jobs_topic=jobs_topic(evidence),
        polled={
            partition: committed
            for (topic, partition), committed in evidence.committed.items()
            if topic == jobs_topic(evidence)
        },
    )
    for letter in letter_headers(evidence):
        origin = Origin(letter["topic"], int(letter["partition"]), int(letter["offset"]))
        ledger.letter(Letter(LetterKind(letter["stage"], letter["reason"]), origin))
    return ledger


def _jobs(evidence: Evidence) -> Iterator[str]:
    """Each job has one outcome, each message that is none one dead letter, the rest is kept."""
    followed, ended, forged = followed_jobs(evidence), ended_jobs(evidence), forged_jobs(evidence)
    yield from named("jobs have no outcome", sorted(followed.keys() - ended.keys()))
    twice = [one for one in followed if one not in forged and ended[one] > 1]
    yield from named("jobs have more than one outcome", twice)
    refused = Counter(
        (letter["partition"], letter["offset"])
        for letter in letter_headers(evidence)
        if letter["stage"] == "poll" and letter["reason"] != "invalid"
    )
    unreadable = Counter(
        (str(one.place.partition), str(one.offset))
        for one in evidence.messages[jobs_topic(evidence)]
        if fate_of(one) == "unreadable"
    )
    if refused != unreadable:
        yield f"{unreadable.total()} messages are no jobs, {refused.total()} became dead letters"
    kept: defaultdict[bytes, list[Message]] = defaultdict(list)
    for message in evidence.messages[jobs_topic(evidence)]:
        if fate_of(message) == "kept":
            kept[message.value or b""].append(message)
    gone = [
        f"{copies[-1].place}"
        for copies in kept.values()
        if all(
            one.offset < evidence.committed.get((one.place.topic, one.place.partition), 0)
            for one in copies
        )
    ]
    yield from named("jobs of another version were settled and not written again", gone)


def _letters(evidence: Evidence) -> Iterator[str]:
    """One reason, one dead letter; but a job may name several records as invalid.

    Of an audience that is paused and resumed, a record may be sent again, and be refused again.
    """
    found: Counter[tuple[str, ...]] = Counter(
        tuple(letter[name] for name in ("stage", "reason", "topic", "partition", "offset"))
        for letter in letter_headers(evidence)
        if letter["reason"] != "invalid"
    )
    paused = {
        (key or b"").rpartition(b"|")[2].decode(errors="replace")
        for _, _, key, *_ in evidence.messages[topic_of(evidence, "controls")]
    }
    keys: Mapping[tuple[str, ...], bytes | None] = {
        (topic, str(one.place.partition), str(one.offset)): one.key
        for topic in running_topics(evidence)
        for one in evidence.messages[topic]
    }
    doubled = [
        (*kind, keys.get(kind[2:]))
        for kind, count in found.items()
        if count > 1 and (audience_of(keys.get(kind[2:])) or "") not in paused
    ]
    yield from named("dead letters are doubled", doubled)
    internal = [kind for kind in found if kind[1] == "internal"]
    yield from named("dead letters say internal", internal)


def _lanes(evidence: Evidence) -> Iterator[str]:
    """A lane runs, but for the one that met a record of a newer version: that one says so."""
    for lane, state in evidence.states.items():
        wanted = "blocked" if lane == evidence.blocked_lane else "running"
        if state.get("state") != wanted:
            yield f"lane {lane} is {state.get('state')}, not {wanted}: {state}"


def _memberships(evidence: Evidence) -> Iterator[str]:
    """The last change stands that is no dead letter; one that is may have been taken before."""
    refused = {
        (letter["topic"], int(letter["offset"]))
        for letter in letter_headers(evidence)
        if letter["stage"] == "upload"
    }
    invalid = {
        (letter.key or b"").decode(errors="replace")
        for letter in own_messages(evidence, topic_of(evidence, "dead-letters"))
        if dict(letter.headers).get("reason") == b"invalid"
    }
    for topic in running_topics(evidence):
        wrong = []
        for key, changes in _changes(evidence, topic).items():
            audience, _, member = key.partition("|")
            if key in invalid or member.startswith(FORGED):
                continue
            allowed: list[int] = []
            for message in reversed(changes):
                allowed.append(record_digest(orjson.loads(message.value or b"")))
                if (topic, message.offset) not in refused:
                    break
            standing = evidence.standing.get(int(audience), {}).get(member)
            is_refused = all((topic, one.offset) in refused for one in changes)
            if standing is None and is_refused:
                continue
            if standing is None or standing[1] not in allowed:
                wrong.append(key)
        yield from named(f"members of {topic} are not as their last change says", wrong)


def _changes(evidence: Evidence, topic: str) -> Mapping[str, Sequence[Message]]:
    found: defaultdict[str, list[Message]] = defaultdict(list)
    for message in own_messages(evidence, topic):
        found[(message.key or b"").decode()].append(message)
    return found


def _cap(evidence: Evidence) -> Iterator[str]:
    for connection, largest in evidence.largest_windows.items():
        if largest >= evidence.cap:
            yield f"{connection}: a window holds {largest} records of fewer than {evidence.cap}"
