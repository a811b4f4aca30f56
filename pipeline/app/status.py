"""The answers of /healthz, /readyz and /status: from memory, at once, without personal data."""

from collections.abc import Mapping, Sequence

from aiokafka import TopicPartition

from pipeline.app.admin import HealthReport
from pipeline.app.assembly import Pipeline
from pipeline.configuration.stage_needs import asks_partners
from pipeline.kafka.chunk_trouble import NEEDED, ChunkTrouble
from pipeline.kafka.topic_permissions import granting
from pipeline.operations.moments import moment
from pipeline.stages.snapshot.worker import SnapshotWorker
from pipeline.stages.upload.worker import UploadWorker


def health(pipeline: Pipeline) -> HealthReport:
    """Healthy while all that has work makes progress; a stage outside its group only waits."""
    limit = pipeline.settings.run.watchdog_seconds
    joined = tuple(name for name, group in pipeline.groups.items() if group.is_joined)
    stuck = [
        progress
        for progress in pipeline.progresses.values()
        if progress.name.startswith(joined) and progress.stuck_for() > limit
    ]
    reasons = [
        f"{progress.name} made no progress for {progress.stuck_for():.0f} s" for progress in stuck
    ]
    return HealthReport(not reasons, reasons)


def readiness(pipeline: Pipeline) -> HealthReport:
    """Ready once every stage is in its group, and at least one client has a token.

    The trouble of one destination does not affect the others, so it is only named.
    """
    outside = [
        f"{name} is not in its group"
        for name, group in pipeline.groups.items()
        if not group.is_joined
    ]
    if "ingest" in pipeline.groups:
        outside += pipeline.ingest_gate.reasons
    away = pipeline.lag_reports.trouble
    refused = _without_token(pipeline)
    is_served = not refused or len(refused) < len(pipeline.clients.clients)
    # A look at the lag may fail while every stage works, so it alone decides nothing.
    brokers = [] if away is None else [away]
    reasons = [*outside, *brokers, *refused, *_blocked(pipeline)]
    return HealthReport(is_served and not outside, reasons)


def _without_token(pipeline: Pipeline) -> Sequence[str]:
    """Return a line for each client without an access token, if this process needs one."""
    if not asks_partners(pipeline.groups):
        return []
    return [
        f"{name}: no access token: {client.trouble}"
        for name, client in pipeline.clients.clients.items()
        if client.trouble is not None
    ]


def _blocked(pipeline: Pipeline) -> Sequence[str]:
    """Return a line for each destination without snapshots."""
    return [
        f"{worker.name}: no snapshots: {worker.members_trouble.why}"
        for worker in _snapshot_workers(pipeline)
        if worker.members_trouble is not None
    ]


def status(pipeline: Pipeline) -> Mapping[str, object]:
    """Return lanes, cap use, jobs and lag."""
    return {
        "stages": {
            name: {"joined": group.is_joined, "partitions": len(group.leases)}
            for name, group in pipeline.groups.items()
        },
        "lanes": _lanes(pipeline),
        "jobs_pending": {
            f"{label.destination}.{label.connection}": count
            for label, count in pipeline.pending_jobs.by_lane.items()
            if count
        },
        "schema_registries": {
            topic: {"waiting_for": registry.trouble}
            for topic, registry in pipeline.registries.items()
        },
        "jobs_of_other_versions": pipeline.pending_jobs.of_other_versions,
        "ingest_waits_for": [*pipeline.ingest_gate.reasons, *_forbidden(pipeline.chunk_trouble)],
        "snapshots": _snapshots(pipeline),
        "lag": {f"{tp.topic}[{tp.partition}]": lag for tp, lag in _lags(pipeline).items()},
    }


def _forbidden(trouble: ChunkTrouble) -> Sequence[str]:
    """A line for each topic that an ingest that runs may not write to."""
    return [
        f"ingest waits: topic {topic} is forbidden to us since {moment(since_ms)}; "
        f"{granting([topic], NEEDED)}"
        for topic, since_ms in sorted(trouble.forbidden.items())
    ]


def _lags(pipeline: Pipeline) -> Mapping[TopicPartition, int | None]:
    """Return the lag of our partitions by our own reading, of others by the last look."""
    owned = {
        tp: lease.lag() for group in pipeline.groups.values() for tp, lease in group.leases.items()
    }
    return {**pipeline.lag_reports.latest, **owned}


def _snapshots(pipeline: Pipeline) -> Mapping[str, object]:
    """By destination: each audience with its state, its cause of waiting, and its next start."""
    return {worker.name: worker.status() for worker in _snapshot_workers(pipeline)}


def _snapshot_workers(pipeline: Pipeline) -> Sequence[SnapshotWorker]:
    group = pipeline.groups.get("snapshot")
    workers = () if group is None else group.workers.values()
    return [worker for worker in workers if isinstance(worker, SnapshotWorker)]


def _lanes(pipeline: Pipeline) -> Mapping[str, object]:
    group = pipeline.groups.get("upload")
    if group is None:
        return {}
    return {
        worker.name: worker.status()
        for worker in group.workers.values()
        if isinstance(worker, UploadWorker)
    }
