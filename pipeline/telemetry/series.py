"""Every metric by name, labels and meaning: the page to read beside a dashboard."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, get_args

from pipeline.domain.change import Action
from pipeline.domain.message import StageName
from pipeline.domain.reasons import IgnoredReason, RejectedReason, WithheldReason
from pipeline.telemetry.facts import FlushReason, TokenOutcome

LANE: Final = ("destination", "connection")
PARTITION: Final = ("topic", "partition")
AUDIENCE: Final = ("connection", "audience_id")

_ACTION: Final = {"action": get_args(Action)}
_STAGE: Final = {"stage": get_args(StageName)}
_IGNORED: Final = {"reason": get_args(IgnoredReason)}
_REJECTED: Final = {"reason": get_args(RejectedReason)}
_WITHHELD: Final = {"reason": get_args(WithheldReason)}
_FLUSHED: Final = {"reason": get_args(FlushReason)}
_TOKEN: Final = {"outcome": get_args(TokenOutcome)}


@dataclass(frozen=True, slots=True)
class Series:
    """What one metric is called, told apart by, and worth."""

    name: str
    """Without the prefix `audience_`, and without the `_total` of a counter."""
    labels: tuple[str, ...]
    meaning: str
    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Every value of those labels whose values the program itself lists."""


COUNTERS: Final = (
    Series("events_consumed", ("source",), "Events read from upstream and committed."),
    Series("events_ignored", ("source", "reason"), "Events that state no membership.", _IGNORED),
    Series("changes", ("source", "action"), "Membership changes read.", _ACTION),
    Series("changes_rejected", ("source", "reason"), "Changes that cannot be sent.", _REJECTED),
    Series(
        "changes_withheld",
        ("destination", "reason"),
        "Changes that consent forbids to send.",
        _WITHHELD,
    ),
    Series("records_prepared", LANE, "Records durable in the topic of their lane."),
    Series("records_superseded", LANE, "Records overtaken by a later change of their member."),
    Series("records_accepted", (*LANE, "action"), "Records of requests the partner took.", _ACTION),
    Series("records_applied", LANE, "Records whose job ended well."),
    Series("records_invalid", LANE, "Records their job named invalid."),
    Series("records_failed", LANE, "Records whose whole job failed."),
    Series("records_unknown", LANE, "Records whose end nobody can say."),
    Series("dead_letters", ("stage", "reason"), "Dead letters written.", {**_STAGE, **_REJECTED}),
    Series("requests", ("destination", "endpoint", "code"), "Requests to a partner, by answer."),
    Series("batch_flushes", ("reason",), "Batches sent, by why they were not larger.", _FLUSHED),
    Series("cap_wait_seconds", ("connection",), "Time that ready batches waited for the cap."),
    Series("jobs", ("connection", "state"), "Jobs that ended, by how."),
    Series("jobs_wholly_invalid", AUDIENCE, "Jobs that applied no record."),
    Series("status_polls", ("code",), "Questions for the state of a job, by answer."),
    Series("token_refreshes", ("destination", "outcome"), "Access tokens asked for.", _TOKEN),
    Series("offsets_lost", PARTITION, "Records deleted from a topic before they were settled."),
    Series("partition_errors", (*PARTITION, "error"), "Failed reads of a partition, by error."),
    Series("commit_failures", ("stage",), "Commits that the broker did not take.", _STAGE),
)

GAUGES: Final = (
    Series("build_info", ("version",), "1 for the running version."),
    Series("partitions_assigned", ("stage",), "Partitions this process owns."),
    Series("consumer_lag_records", PARTITION, "Records after the committed offset."),
    Series("lane_state", ("connection", "state"), "1 for the state a lane is in, 0 for others."),
    Series("cap_window_records", ("connection",), "Records sent in the window that ends now."),
    Series("cap_limit_records", ("connection",), "Records a window must stay under."),
    Series("audiences_paused", ("connection",), "Audiences paused, or sending what was kept."),
    Series("jobs_pending", ("connection",), "Jobs this process follows."),
    Series(
        "schema_registry_away", ("source",), "1 while a schema is needed and cannot be fetched."
    ),
    Series("jobs_of_other_versions", (), "Job messages kept because another version wrote them."),
    Series("buffered_bytes", (), "Memory budget taken."),
)

REQUEST: Final = Series("request_duration_seconds", (), "Time from a request to its answer or end.")
REQUEST_SECONDS: Final = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120)

BATCH: Final = Series("batch_records", (), "Records of a batch.")
BATCH_RECORDS: Final = (1, 10, 50, 100, 250, 500, 1000, 2000, 3000, 4000, 5000, 6000, 10000)

JOB: Final = Series("job_duration_seconds", (), "Time from a job's submission to its known end.")
JOB_SECONDS: Final = (10, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400)

FRESHNESS: Final = Series("freshness_seconds", ("stage",), "Age of a change at a milestone.")
# From a demo on one machine to a partner that is away for a week.
FRESHNESS_SECONDS: Final = (
    *(0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900, 1800),
    *(3600, 7200, 14400, 43200, 86400, 259200, 604800),
)

HISTOGRAMS: Final = ((REQUEST, REQUEST_SECONDS), (BATCH, BATCH_RECORDS), (JOB, JOB_SECONDS))
