"""Rules of snapshots for tests: hours where a partner has days."""

from pipeline.destinations.snapshots import SnapshotAudience, SnapshotRules

RULES = SnapshotRules(
    min_interval=10_800,
    quiet=60,
    max_wait=21_600,
    removals_within=86_400,
    fresh_within=172_800,
    runs_per_day=90,
    runs_per_audience_and_day=10,
    runs_per_audience_total=None,
    window_margin=3,
    poll=30,
    keep_files=86_400,
    buffer_bytes=1_000_000,
    largest_file_bytes=1_000_000_000,
    absent_consent_removes=False,
)


def audience_called(name: str, lifetime: float = 30 * 86_400.0) -> SnapshotAudience:
    return SnapshotAudience(
        name=name,
        audience=f"id-{name}",
        folder=f"folder-{name}",
        header=b"member\n",
        empty_row=b'""\n',
        rendering="r1",
        lifetime=lifetime,
    )
