"""Where each audience's snapshot stands, and its runs, as an operator sees them."""

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
    """One audience; what is not known, or not yet, is None."""

    destination: str
    audience: str
    """Upstream's name; the partner's id where the configuration names none."""
    audience_id: str
    state: str
    """Of the owner's table, or `held`, or `blocked`."""
    since: str | None
    why: str | None
    """Why it is held, how long, and what an operator asked for."""
    number: int | None
    """Of the newest snapshot."""
    in_file: int | None
    """Members in the newest file."""
    rows: int | None
    ingested: int | None
    """Rows that the partner took with the last good run."""
    ingested_at: str | None
    activatable_by: str | None
    expires_at: str | None
    last_end: str | None
    """How the last run ended, in the partner's words or ours."""
    is_configured: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RunLine:
    """One file's run, as far as it went."""

    intended_at: str
    destination: str
    audience_id: str
    number: int
    state: str
    """In the partner's words, or ours; `running` until it ends."""
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
    """Every audience of one destination or of all, and their newest runs.

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
    """Every audience that is delivered as snapshots; nothing where no destination takes them.

    Raises:
        ClusterTrouble: the cluster cannot be reached, or no run has made the topics yet.
    """
    if not snapshot_destinations(settings):
        return []
    found = await list_snapshots(settings, None, since_ms=0, limit=1)
    return found.audiences


async def show_snapshot(settings: Settings, audience: str, destination: str | None) -> SnapshotList:
    """One audience, and every run of it that is remembered.

    Raises:
        OperationFailed: there is no such audience. UsageRefused: it is not clear which one.
        ClusterTrouble: the cluster cannot be reached, or no run has made the topic yet.
    """
    place = named_place(settings, audience, destination)
    told = await _told(settings, place.destination)
    line = snapshot_line(place, told, _usable_after(settings, place.destination))
    runs = [run for (one, _), run in told.runs.items() if one == place.audience_id]
    runs.sort(key=lambda run: run.intended_ms)
    return SnapshotList([line], [run_line(place.destination, run) for run in runs], told.unreadable)


async def _told(settings: Settings, destination: str) -> ToldSnapshots:
    """What the owner has written down, and what is wrong with the members that it reads."""
    told = await read_snapshots(settings.kafka, destination)
    options = client_options(settings.kafka)
    troubles = await member_troubles(settings, options, creates=False, destinations=[destination])
    told.trouble = troubles[0] if troubles else None
    return told


def _usable_after(settings: Settings, destination: str) -> float:
    """Seconds after a good run until everything behind the partner can use what it brought."""
    return snapshots_of(settings, destination, PARTNERS).rules.usable_after


def snapshot_lines(
    destination: str, told: ToldSnapshots, places: Sequence[SnapshotPlace], usable: float
) -> list[SnapshotLine]:
    """A line for each audience of the destination; those that left the configuration are last."""
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
    """The reason why the file at hand does not go; once it went, its state keeps the reason."""
    return state.hold if state.state == "uploaded" else None


def hold_reason(hold: Hold) -> str:
    """Why a guard keeps a file back, and for how long."""
    what = "nobody is in it" if hold.cause == "empty" else "fewer than half of the rows are left"
    until = released_at(hold)
    if until is None:
        return f"{what}, and removals do not explain it: it goes by `runs approve` only"
    return f"{what}; removals explain it: it goes at {moment(until)}, or by `runs approve`"


def _shown_state(state: AudienceState, trouble: MembersTrouble | None) -> str:
    """A run goes on whatever became of the members that its file was made of."""
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
            reasons.append("a start was asked for")
        case Approve(number) if hold and state.file and number == state.file.n:
            reasons.append("it is approved")
    return "; ".join(reasons) or None


def _later(at_ms: int, seconds: float) -> str:
    return moment(at_ms + int(seconds * 1000))
