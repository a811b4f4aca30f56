"""Telemetry that remembers what was said, so that a test can ask."""

from collections import Counter, defaultdict

from pipeline.domain.change import Action
from pipeline.domain.message import StageName
from pipeline.domain.reasons import IgnoredReason, RejectedReason, WithheldReason
from pipeline.telemetry.facts import (
    FlushReason,
    LaneLabel,
    LaneState,
    Milestone,
    TokenOutcome,
)


class RecordingTelemetry:
    """Adds up counts, keeps the last level, and forgets what a lane or a partition took along.

    Keys are the name of the fact and its labels in the order of its signature; a lane is two
    labels, its destination and its connection.
    """

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, ...]] = Counter()
        self.seconds: defaultdict[tuple[str, ...], float] = defaultdict(float)
        self.levels: dict[tuple[str, ...], float] = {}
        self.ages: list[tuple[Milestone, float, int]] = []

    def count(self, fact: str, *labels: str) -> int:
        """How often the fact was counted, over all labels that begin so."""
        requested = (fact, *labels)
        return sum(n for key, n in self.counts.items() if key[: len(requested)] == requested)

    def build_info(self, *, version: str) -> None:
        self.levels["build_info", version] = 1

    def events_consumed(self, *, source: str, count: int) -> None:
        self.counts["events_consumed", source] += count

    def events_ignored(self, *, source: str, reason: IgnoredReason, count: int) -> None:
        self.counts["events_ignored", source, reason] += count

    def changes_read(self, *, source: str, action: Action, count: int) -> None:
        self.counts["changes_read", source, action] += count

    def changes_rejected(self, *, source: str, reason: RejectedReason, count: int) -> None:
        self.counts["changes_rejected", source, reason] += count

    def changes_withheld(self, *, destination: str, reason: WithheldReason, count: int) -> None:
        self.counts["changes_withheld", destination, reason] += count

    def records_prepared(self, *, lane: LaneLabel, count: int) -> None:
        self._count_lane("records_prepared", lane, count)

    def partitions_assigned(self, *, stage: StageName, count: int) -> None:
        self.levels["partitions_assigned", stage] = count

    def brokers_away(self, *, is_away: bool) -> None:
        self.levels["brokers_away",] = is_away

    def commit_failed(self, *, stage: StageName) -> None:
        self.counts["commit_failed", stage] += 1

    def consumer_lag(self, *, topic: str, partition: int, records: int) -> None:
        self.levels["consumer_lag", topic, str(partition)] = records

    def offsets_lost(self, *, topic: str, partition: int, records: int) -> None:
        self.counts["offsets_lost", topic, str(partition)] += records

    def fetch_failed(self, *, topic: str, partition: int, reason: str) -> None:
        self.counts["fetch_failed", topic, str(partition), reason] += 1

    def partition_released(self, *, topic: str, partition: int) -> None:
        self.levels.pop(("consumer_lag", topic, str(partition)), None)

    def dead_letters_written(self, *, stage: StageName, reason: RejectedReason, count: int) -> None:
        self.counts["dead_letters_written", stage, reason] += count

    def lane_state(self, *, lane: LaneLabel, state: LaneState) -> None:
        self._forget("lane_state", lane)
        self.levels["lane_state", lane.destination, lane.connection, state] = 1

    def lane_released(self, *, lane: LaneLabel) -> None:
        for fact in ("lane_state", "cap_window", "cap_limit", "audiences_paused"):
            self._forget(fact, lane)

    def records_superseded(self, *, lane: LaneLabel, count: int) -> None:
        self._count_lane("records_superseded", lane, count)

    def batch_sent(self, *, lane: LaneLabel, reason: FlushReason, records: int) -> None:
        self.counts["batch_sent", lane.destination, lane.connection, reason] += 1
        self._count_lane("batch_records", lane, records)

    def request_answered(
        self, *, destination: str, endpoint: str, code: str, seconds: float
    ) -> None:
        self.counts["request_answered", destination, endpoint, code] += 1
        self.seconds["request_answered", destination, endpoint, code] += seconds

    def records_accepted(self, *, lane: LaneLabel, action: Action, count: int) -> None:
        self.counts["records_accepted", lane.destination, lane.connection, action] += count

    def cap_used(self, *, lane: LaneLabel, window_records: int, limit: int) -> None:
        self.levels["cap_window", lane.destination, lane.connection] = window_records
        self.levels["cap_limit", lane.destination, lane.connection] = limit

    def cap_waited(self, *, lane: LaneLabel, seconds: float) -> None:
        self.seconds["cap_waited", lane.destination, lane.connection] += seconds

    def buffered_bytes(self, size: int) -> None:
        self.levels[("buffered_bytes",)] = size

    def audiences_paused(self, *, lane: LaneLabel, count: int) -> None:
        self.levels["audiences_paused", lane.destination, lane.connection] = count

    def tokens_refreshed(self, *, destination: str, outcome: TokenOutcome) -> None:
        self.counts["tokens_refreshed", destination, outcome] += 1

    def jobs_pending(self, *, lane: LaneLabel, count: int) -> None:
        self.levels["jobs_pending", lane.destination, lane.connection] = count

    def status_polled(self, *, destination: str, code: str) -> None:
        self.counts["status_polled", destination, code] += 1

    def registry_waited_for(self, *, source: str, is_away: bool) -> None:
        self.levels["registry_waited_for", source] = int(is_away)

    def jobs_of_other_versions(self, count: int) -> None:
        self.levels["jobs_of_other_versions",] = count

    def job_ended(self, *, lane: LaneLabel, state: str, seconds: float) -> None:
        self.counts["job_ended", lane.destination, lane.connection, state] += 1
        self.seconds["job_ended", lane.destination, lane.connection, state] += seconds

    def job_wholly_invalid(self, *, lane: LaneLabel, audience_id: str) -> None:
        self.counts["job_wholly_invalid", lane.destination, lane.connection, audience_id] += 1

    def records_applied(self, *, lane: LaneLabel, count: int) -> None:
        self._count_lane("records_applied", lane, count)

    def records_invalid(self, *, lane: LaneLabel, count: int) -> None:
        self._count_lane("records_invalid", lane, count)

    def records_failed(self, *, lane: LaneLabel, count: int) -> None:
        self._count_lane("records_failed", lane, count)

    def records_unknown(self, *, lane: LaneLabel, count: int) -> None:
        self._count_lane("records_unknown", lane, count)

    def freshness(self, *, stage: Milestone, seconds: float, count: int) -> None:
        self.ages.append((stage, seconds, count))

    def _count_lane(self, fact: str, lane: LaneLabel, count: int) -> None:
        self.counts[fact, lane.destination, lane.connection] += count

    def _forget(self, fact: str, lane: LaneLabel) -> None:
        gone = (fact, lane.destination, lane.connection)
        self.levels = {key: level for key, level in self.levels.items() if key[:3] != gone}
