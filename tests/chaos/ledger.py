"""The sums of a storm, computed from the topics and from what the partner took."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from tests.chaos.evidence import Evidence
from tests.chaos.topics import LaneRecord, Topics

Pair = tuple[int, str]


@dataclass(slots=True)
class Ledger:
    """What became of every change."""

    evidence: Evidence
    last: dict[Pair, LaneRecord] = field(init=False)
    lost: list[str] = field(default_factory=list)
    """Last changes that the partner never took and that have no dead letter."""
    reordered: list[str] = field(default_factory=list)
    """Last changes that the partner took, and took an older one after."""
    prepared: int = 0
    delivered: int = 0
    """Different records that the partner took."""
    strange: int = 0
    refused: int = 0
    accepted: int = 0
    """Records of jobs that were written down."""
    ends: Counter[str] = field(default_factory=Counter)
    lost_at_ingest: int = 0
    doubled_at_ingest: int = 0
    reordered_at_ingest: int = 0

    def __post_init__(self) -> None:
        topics = self.evidence.topics
        records = [record for lane in topics.lanes.values() for record in lane]
        self.prepared = len(records)
        self.last = {(record.audience, record.member): record for record in records}
        self._compare_with_upstream(topics)
        self._compare_with_partner(records)
        self._add_up(topics)
        self._judge_last(topics)

    @property
    def superseded(self) -> int:
        return self.prepared - self.delivered - self.refused

    @property
    def doubled(self) -> int:
        """Records that the partner took once more."""
        return sum(self.evidence.taken.values()) - self.delivered - self.strange

    def _compare_with_upstream(self, topics: Topics) -> None:
        requested: Counter[tuple[int | None, str, int]] = Counter(
            (change.audience, change.member, change.version)
            for change in topics.upstream
            if change.audience is not None
        )
        found: Counter[tuple[int | None, str, int]] = Counter()
        versions: defaultdict[Pair, list[int]] = defaultdict(list)
        for lane in topics.lanes.values():
            for record in lane:
                found[record.audience, record.member, record.version] += 1
                versions[record.audience, record.member].append(record.version)
        self.lost_at_ingest = (requested - found).total()
        self.doubled_at_ingest = (found - requested).total()
        self.reordered_at_ingest = sum(
            later < earlier for one in versions.values() for earlier, later in pairwise(one)
        )

    def _compare_with_partner(self, records: list[LaneRecord]) -> None:
        known = {(record.audience, record.member, record.digest) for record in records}
        self.delivered = len(known & self.evidence.taken.keys())
        self.strange = sum(
            count for sent, count in self.evidence.taken.items() if sent not in known
        )

    def _add_up(self, topics: Topics) -> None:
        letters = {
            (letter.topic, letter.offset) for letter in topics.letters if letter.stage == "upload"
        }
        self.refused = len(letters)
        jobs = {job.job_id: job.records for job in topics.jobs}
        outcomes = {outcome.job_id: outcome for outcome in topics.outcomes}
        untracked = {
            one: outcome.ends["records"] for one, outcome in outcomes.items() if one not in jobs
        }
        self.accepted = sum(jobs.values()) + sum(untracked.values())
        for outcome in outcomes.values():
            for name in ("applied", "invalid", "failed", "unknown"):
                self.ends[name] += outcome.ends[name]

    def _judge_last(self, topics: Topics) -> None:
        excused = _excused(topics)
        unheard = self._unheard_invalid(topics)
        for pair, record in self.last.items():
            if self.evidence.standing.get(pair) == record.digest:
                continue
            if pair in unheard or record.offset in excused.get(pair, ()):
                continue
            taken = (*pair, record.digest) in self.evidence.taken
            (self.reordered if taken else self.lost).append(f"{pair[1]} of {pair[0]}")

    def _unheard_invalid(self, topics: Topics) -> set[Pair]:
        """Members that a job did not take whose id the partner told nobody: ended as unknown."""
        told = {job.job_id for job in topics.jobs}
        return {
            pair
            for job_id, pairs in self.evidence.partner_invalid.items()
            if job_id not in told
            for pair in pairs
        }


def _excused(topics: Topics) -> Mapping[Pair, set[int]]:
    """Offsets of records that have a dead letter, by member."""
    offsets: defaultdict[Pair, set[int]] = defaultdict(set)
    own: defaultdict[Pair, list[int]] = defaultdict(list)
    for lane in topics.lanes.values():
        for record in lane:
            own[record.audience, record.member].append(record.offset)
    for letter in topics.letters:
        if letter.stage == "ingest":
            continue
        audience, _, member = letter.key.partition("|")
        pair = (int(audience), member)
        if letter.job is None:
            offsets[pair].add(letter.offset)
        else:
            first, last = letter.job.first_offset, letter.job.last_offset
            offsets[pair].update(offset for offset in own[pair] if first <= offset <= last)
    return offsets
