"""What /healthz, /readyz and /status say: from memory, at once, and about no person."""

from collections.abc import Mapping

from aiokafka import TopicPartition

from pipeline.app.admin import HealthReport, ReadinessReport
from pipeline.app.assembly import Pipeline
from pipeline.stages.snapshot.worker import SnapshotWorker
from pipeline.stages.upload.worker import UploadWorker


def health(pipeline: Pipeline) -> HealthReport:
    """Alive while whatever has work gets on with it; a stage outside its group waits for it."""
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


def readiness(pipeline: Pipeline) -> ReadinessReport:
    """Ready once every stage has its partitions and every client a token."""
    reasons = [
        f"{name} is not in its group yet"
        for name, group in pipeline.groups.items()
        if not group.is_joined
    ]
    if pipeline.groups.keys() & {"upload", "poll", "snapshot"}:
        reasons += [
            f"{name}: no access token: {client.trouble}"
            for name, client in pipeline.clients.clients.items()
            if client.trouble is not None
        ]
    return HealthReport(not reasons, reasons)


def status(pipeline: Pipeline) -> Mapping[str, object]:
    """Lanes, cap use, jobs and lag."""
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
        "snapshots": _snapshots(pipeline),
        "lag": {f"{tp.topic}[{tp.partition}]": lag for tp, lag in _lags(pipeline).items()},
    }


def _lags(pipeline: Pipeline) -> Mapping[TopicPartition, int | None]:
    """Of what this process owns, from its own reading; of the rest, as asked half a minute ago."""
    owned = {
        tp: lease.lag() for group in pipeline.groups.values() for tp, lease in group.leases.items()
    }
    return {**pipeline.lag_reports.latest, **owned}


def _snapshots(pipeline: Pipeline) -> Mapping[str, object]:
    """By destination: every audience with its state, what it waits for, and its next start."""
    group = pipeline.groups.get("snapshot")
    if group is None:
        return {}
    return {
        worker.name: worker.status()
        for worker in group.workers.values()
        if isinstance(worker, SnapshotWorker)
    }


def _lanes(pipeline: Pipeline) -> Mapping[str, object]:
    group = pipeline.groups.get("upload")
    if group is None:
        return {}
    return {
        worker.name: worker.status()
        for worker in group.workers.values()
        if isinstance(worker, UploadWorker)
    }
