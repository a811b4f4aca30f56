"""What stands in the topics of a fuzz, and whose it is."""

import json
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Literal

from pipeline.domain.job import Job, OtherJobVersion, UnreadableJob, decode_job
from tests.explore.fuzz_evidence import Evidence, Message

NAMED = 5

Fate = Literal[
    "followed",
    "kept",  # another version wrote it
    "unreadable",
]


def fate_of(message: Message) -> Fate:
    """What has to become of a message in the topic of jobs."""
    try:
        decode_job(message.value)
    except OtherJobVersion:
        return "kept"
    except UnreadableJob:
        return "unreadable"
    return "followed"


def job_of(message: Message) -> Job | None:
    return decode_job(message.value) if fate_of(message) == "followed" else None


def followed_jobs(evidence: Evidence) -> Mapping[str, int]:
    """Ids of the jobs that somebody here can ask about."""
    jobs = filter(None, map(job_of, evidence.messages[jobs_topic(evidence)]))
    return Counter(job.job_id for job in jobs if job.destination == evidence.destination)


def ended_jobs(evidence: Evidence) -> Counter[str]:
    """How many outcomes each job has, by the key of its message."""
    found: Counter[str] = Counter()
    for message in evidence.messages[topic_of(evidence, "outcomes")]:
        if message.key is not None:
            found[message.key.decode(errors="replace")] += 1
        elif message.value:
            found.update(_named_job(message.value))
    return found


def _named_job(value: bytes) -> Sequence[str]:
    try:
        stored = json.loads(value)
    except ValueError:
        return []
    return [str(stored.get("job_id", ""))] if isinstance(stored, dict) else []


def letter_headers(evidence: Evidence) -> Sequence[Mapping[str, str]]:
    return [
        {name: value.decode() for name, value in letter.headers}
        for letter in own_messages(evidence, topic_of(evidence, "dead-letters"))
    ]


def own_messages(evidence: Evidence, topic: str) -> Sequence[Message]:
    """What the pipeline wrote there."""
    return [one for one in evidence.messages[topic] if one.place not in evidence.forged]


def running_topics(evidence: Evidence) -> Sequence[str]:
    """Topics of the lanes that have to come to their end."""
    return [topic for lane, topic in evidence.lanes.items() if lane != evidence.blocked_lane]


def ends_of(evidence: Evidence, topic: str) -> Mapping[int, int]:
    ends: dict[int, int] = {}
    for message in evidence.messages[topic]:
        ends[message.place.partition] = message.offset + 1
    return ends


def jobs_topic(evidence: Evidence) -> str:
    return topic_of(evidence, "jobs")


def topic_of(evidence: Evidence, kind: str) -> str:
    return f"{evidence.namespace}.{kind}"


def forged_jobs(evidence: Evidence) -> Collection[str]:
    """Ids of the jobs that the pipeline did not write, though it may have written them again."""
    return {
        job.job_id
        for message in evidence.messages[jobs_topic(evidence)]
        if message.place in evidence.forged and (job := job_of(message)) is not None
    }


def named(what: str, found: Sequence[object]) -> Iterator[str]:
    if found:
        yield f"{len(found)} {what}: {', '.join(map(str, found[:NAMED]))}"
