"""Lists the state of each audience's snapshot, and its runs, for operators."""

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.configuration.model import Settings
from pipeline.configuration.routing import snapshot_destinations, snapshots_of
from pipeline.destinations.registry import PARTNERS
from pipeline.operations.cluster_setup import client_options
from pipeline.operations.member_topics import member_troubles
from pipeline.operations.moments import moment
from pipeline.operations.snapshots.audiences import (
    SnapshotPlace,
    chosen_snapshot_destinations,
    named_place,
    snapshot_places,
)
from pipeline.operations.snapshots.reading import ToldSnapshots, read_snapshots
from pipeline.stages.snapshot.guards import released_at
from pipeline.stages.snapshot.members_trouble import MembersTrouble
from pipeline.stages.snapshot.operator_requests import Approve, OperatorRequest, Start
from pipeline.stages.snapshot.run_records import AudienceState, Hold, RunRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotLine:
    """One audience; unknown values are None."""

    destination: str
    audience: str
    """The upstream name; the partner's id if the configuration has no name for it."""
    audience_id: str
    state: str
    """The state that the owner wrote, or `held`, or `blocked`."""
    since: str | None
    why: str | None
    """Why the snapshot is held and until when, and the requests of operators."""
    number: int | None
    """The number of the newest snapshot."""
    in_file: int | None
    """Members in the newest file."""
    rows: int | None
    ingested: int | None
    """Rows that the partner ingested with the last good run."""
    ingested_at: str | None
    activatable_by: str | None
    expires_at: str | None
    last_end: str | None
    """How the last run ended, in the partner's words or ours."""
    is_configured: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RunLine:
    """The run of one file, with what is known so far."""

    intended_at: str
    destination: str
    audience_id: str
    number: int
    state: str
    """The end in the partner's words or ours; `running` until then."""
    end: str
    in_file: int
    rows: int
    size: int
    is_charged: bool
    is_ingested: bool
    ended_at: str | None
    run_id: str | None


@dataclass(frozen=True, slots=True)
class SnapshotList:
    """Audiences by name, runs by age: the oldest first."""

    audiences: Sequence[SnapshotLine]
    runs: Sequence[RunLine]
    unreadable: int


async def list_snapshots(
    settings: Settings, destination: str | None, *, since_ms: int, limit: int
) -> SnapshotList:
    """List every audience of one destination or of all, and their newest runs.

    Raises:
        UsageRefused: no such destination takes snapshots.
        ClusterTrouble: the cluster cannot be reached, or no run has made the topics yet.
    """
    places = snapshot_places(settings, destination)
    audiences: list[SnapshotLine] = []
    runs: list[tuple[int, RunLine]] = []
    unreadable = 0
    for name in chosen_snapshot_destinations(settings, destination):
        told = await _told(settings, name)
        unreadable += told.unreadable
        audiences += snapshot_lines(name, told, places, _usable_after(settings, name))
        runs += [(run.intended_ms, run_line(name, run)) for run in told.runs.values()]
    young = sorted((one for one in runs if one[0] >= since_ms), key=lambda one: one[0])
    return SnapshotList(audiences, [line for _, line in young[-limit:]], unreadable)


async def ledger_of_snapshots(settings: Settings) -> Sequence[SnapshotLine]:
    """List every audience delivered as snapshots; none if no destination takes snapshots.

    Raises:
        ClusterTrouble: the cluster cannot be reached, or no run has made the topics yet.
    """
    if not snapshot_destinations(settings):
        return []
    found = await list_snapshots(settings, None, since_ms=0, limit=1)
    return found.audiences


async def show_snapshot(settings: Settings, audience: str, destination: str | None) -> SnapshotList:
    """Show one audience, and every run of it that the topic still has.

    Raises:
        OperationFailed: there is no such audience. UsageRefused: several have this name.
        ClusterTrouble: the cluster cannot be reached, or no run has made the topic yet.
    """
    place = named_place(settings, audience, destination)
    told = await _told(settings, place.destination)
    line = snapshot_line(place, told, _usable_after(settings, place.destination))
    runs = [run for (one, _), run in told.runs.items() if one == place.audience_id]
    runs.sort(key=lambda run: run.intended_ms)
    return SnapshotList([line], [run_line(place.destination, run) for run in runs], told.unreadable)


async def _told(settings: Settings, destination: str) -> ToldSnapshots:
    """The owner's states and runs, and the fault of the members topic, if it has one."""
    told = await read_snapshots(settings.kafka, destination)
    options = client_options(settings.kafka)
    troubles = await member_troubles(settings, options, creates=False, destinations=[destination])
    told.trouble = troubles[0] if troubles else None
    return told


def _usable_after(settings: Settings, destination: str) -> float:
    """Seconds after a good run until the new members can be used everywhere at the partner."""
    return snapshots_of(settings, destination, PARTNERS).rules.usable_after


def snapshot_lines(
    destination: str, told: ToldSnapshots, places: Sequence[SnapshotPlace], usable: float
) -> list[SnapshotLine]:
    """A line for each audience of the destination; removed audiences are last."""
    here = [one for one in places if one.destination == destination]
    left = sorted(told.states.keys() - {one.audience_id for one in here})
    here += [SnapshotPlace(destination, one, one, lifetime=None) for one in left]
    return [snapshot_line(one, told, usable) for one in here]


def snapshot_line(place: SnapshotPlace, told: ToldSnapshots, usable: float) -> SnapshotLine:
    state = told.state(place.audience_id)
    file, ingested = state.file, state.ingested
    return SnapshotLine(
        destination=place.destination,
        audience=place.name,
        audience_id=place.audience_id,
        state=_shown_state(state, told.trouble),
        since=moment(state.at_ms) if state.at_ms else None,
        why=_why(state, told.requests.get(place.audience_id), told.trouble),
        number=state.n,
        in_file=None if file is None else file.members,
        rows=None if file is None else file.rows,
        ingested=None if ingested is None else ingested.rows,
        ingested_at=None if ingested is None else moment(ingested.at_ms),
        activatable_by=None if ingested is None else _later(ingested.at_ms, usable),
        expires_at=None
        if ingested is None or place.lifetime is None
        else _later(ingested.at_ms, place.lifetime),
        last_end=state.last_end or None,
        is_configured=place.lifetime is not None,
    )


def run_line(destination: str, run: RunRecord) -> RunLine:
    return RunLine(
        intended_at=moment(run.intended_ms),
        destination=destination,
        audience_id=run.audience,
        number=run.n,
        state=run.state or ("running" if run.run_id else "intended"),
        end=run.end,
        in_file=run.members,
        rows=run.rows,
        size=run.size,
        is_charged=run.is_charged,
        is_ingested=run.is_ingested,
        ended_at=None if run.ended_ms is None else moment(run.ended_ms),
        run_id=run.run_id,
    )


def kept_back(state: AudienceState) -> Hold | None:
    """Why the present file is held, or None; states of sent files still have their old reason."""
    return state.hold if state.state == "uploaded" else None


def hold_reason(hold: Hold) -> str:
    """Why a guard holds a file, and until when, in a sentence."""
    what = "nobody is in it" if hold.cause == "empty" else "fewer than half of the rows are left"
    until = released_at(hold)
    if until is None:
        return f"{what}, and removals do not explain it: only `runs approve` sends it"
    return f"{what}; removals explain it: it is sent at {moment(until)}, or by `runs approve`"


def _shown_state(state: AudienceState, trouble: MembersTrouble | None) -> str:
    """The state to show: `blocked` if the members topic has a fault, but not during a run."""
    if trouble is not None and state.state not in ("intended", "running"):
        return "blocked"
    return "held" if kept_back(state) is not None else state.state


def _why(
    state: AudienceState, request: OperatorRequest | None, trouble: MembersTrouble | None
) -> str | None:
    hold = kept_back(state)
    reasons = [] if hold is None else [hold_reason(hold)]
    if trouble is not None:
        reasons.append(
            f"no snapshot is made of topic {trouble.topic} ({trouble.cause}); "
            "`check --online` says what to do"
        )
    match request:
        case Start() as start if start.is_pending(state.n):
            reasons.append("a start is requested")
        case Approve(number) if hold and state.file and number == state.file.n:
            reasons.append("it is approved")
    return "; ".join(reasons) or None


def _later(at_ms: int, seconds: float) -> str:
    return moment(at_ms + int(seconds * 1000))
