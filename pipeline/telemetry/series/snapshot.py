"""`SnapshotTelemetry` as series."""

from typing import Final, get_args

from pipeline.domain.change import Action
from pipeline.telemetry.facts import RunEnd, SnapshotState
from pipeline.telemetry.first_values import KnownLabels, crossed
from pipeline.telemetry.metrics import GaugeSeries, Metrics

_AUDIENCE: Final = ("destination", "audience")
_DESTINATION: Final = ("destination",)
# From a sandbox on one machine to an audience that is refreshed once a month.
_AGES: Final = (
    *(10, 60, 300, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400),
    *(172800, 345600, 604800, 1209600, 2592000),
)


class SnapshotMetrics:
    """The metrics of snapshots."""

    def __init__(self, metrics: Metrics, known: KnownLabels) -> None:
        self._levels = _OwnersLevels(metrics)
        # Every process shows this gauge, so a destination without an owner has a sum of zero.
        self._owner = metrics.gauge(
            "snapshot_owner",
            _DESTINATION,
            "1 in the process that makes the snapshots of a destination, 0 in others.",
            begins=known.of_snapshot_destinations(),
        )
        self._stored = metrics.counter(
            "snapshots_stored", _AUDIENCE, "Files complete in the storage.", begins=known.snapshots
        )
        self._runs = metrics.counter(
            "snapshot_runs",
            (*_DESTINATION, "end"),
            "Ingestions by the partner that ended, by end.",
            begins=crossed(known.of_snapshot_destinations(), get_args(RunEnd)),
        )
        self._beyond_horizon = metrics.counter(
            "snapshot_beyond_horizon",
            _AUDIENCE,
            "Adds older than the forgotten removes of their member; not counted.",
            begins=known.snapshots,
        )
        self._ages = metrics.histogram(
            "snapshot_freshness_seconds",
            (*_DESTINATION, "action"),
            "Age of a change when the partner had ingested it.",
            bounds=_AGES,
        )

    def ownership(self, *, destination: str, owned: bool) -> None:
        self._owner.show(float(owned), destination)
        if not owned:
            self._levels.forget(destination)

    def snapshot_state(self, *, destination: str, audience: str, state: SnapshotState) -> None:
        # Show only the present state: with thousands of audiences the zeros would be most series.
        self._levels.state.forget(destination, audience)
        self._levels.state.show(1, destination, audience, state)

    def snapshot_stored(
        self, *, destination: str, audience: str, members: int, rows: int, size: int
    ) -> None:
        self._stored.add(1, destination, audience)
        self._levels.members.show(members, destination, audience)
        self._levels.rows.show(rows, destination, audience)
        self._levels.size.show(size, destination, audience)

    def run_ended(self, *, destination: str, end: RunEnd) -> None:
        self._runs.add(1, destination, end)

    def budget(self, *, destination: str, used: int, limit: int) -> None:
        self._levels.budget_used.show(used, destination)
        self._levels.budget_limit.show(limit, destination)

    def newest_snapshot(self, *, destination: str, audience: str, at_s: float) -> None:
        self._levels.newest.show(at_s, destination, audience)

    def expiry(self, *, destination: str, audience: str, at_s: float) -> None:
        self._levels.expiry.show(at_s, destination, audience)

    def freshness(self, *, destination: str, action: Action, seconds: float, count: int) -> None:
        # A clock of an upstream that is ahead of ours must not make a sum go down.
        self._ages.observe(max(0.0, seconds), destination, action, count=count)

    def changes_overdue(self, *, destination: str, audience: str, seconds: float) -> None:
        self._levels.overdue.show(seconds, destination, audience)

    def pass_overdue(self, *, destination: str, seconds: float) -> None:
        self._levels.pass_overdue.show(seconds, destination)

    def transaction_open(self, *, destination: str, seconds: float) -> None:
        self._levels.open_transaction.show(seconds, destination)

    def members_unfit(self, *, destination: str, is_unfit: bool) -> None:
        self._levels.members_unfit.show(float(is_unfit), destination)

    def beyond_horizon(self, *, destination: str, audience: str, count: int) -> None:
        self._beyond_horizon.add(count, destination, audience)


class _OwnersLevels:
    """The gauges that only the owner of a destination's snapshots shows."""

    def __init__(self, metrics: Metrics) -> None:
        def of_audience(name: str, meaning: str, *more: str) -> GaugeSeries:
            return metrics.gauge(f"snapshot_{name}", (*_AUDIENCE, *more), meaning)

        def of_destination(name: str, meaning: str) -> GaugeSeries:
            return metrics.gauge(f"snapshot_{name}", _DESTINATION, meaning)

        self.state = of_audience("state", "1 for the state a snapshot is in.", "state")
        self.members = of_audience("members", "Members in the newest file.")
        self.rows = of_audience("rows", "Rows in the newest file: members with an identity.")
        self.size = of_audience("bytes", "Size of the newest file.")
        self.newest = of_audience(
            "newest_timestamp_seconds", "Time when the newest snapshot was ingested."
        )
        self.expiry = of_audience(
            "expiry_timestamp_seconds", "When the partner removes all members without a new run."
        )
        self.budget_used = of_destination("budget_used", "Runs started in the last day.")
        self.budget_limit = of_destination("budget_limit", "Runs that a day allows.")
        self.overdue = of_audience(
            "overdue_seconds", "Seconds by which changes wait too long for a run."
        )
        self.pass_overdue = of_destination(
            "pass_overdue_seconds", "How late the latest pass over the memberships is."
        )
        self.open_transaction = of_destination(
            "open_transaction_seconds",
            "How long a transaction has hidden the memberships behind it.",
        )
        self.members_unfit = of_destination(
            "members_unfit", "1 while something is wrong with the topic of memberships."
        )

    def forget(self, destination: str) -> None:
        for level in (
            *(self.state, self.members, self.rows, self.size, self.newest, self.expiry),
            *(self.budget_used, self.budget_limit, self.overdue, self.pass_overdue),
            self.open_transaction,
            self.members_unfit,
        ):
            level.forget(destination)
