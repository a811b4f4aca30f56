"""Alerts of destinations that take snapshots: each fires for what it is for.

Time is that of the fleet: it begins at zero, like the epoch.
"""

import pytest

from pipeline.telemetry.facts import RunEnd, SnapshotState
from pipeline.telemetry.prometheus import PrometheusTelemetry
from tests.alerts.world import ADOBE, AUDIENCE, Fleet, rules

DAY = 86_400
RULES = [name for name in rules() if name.startswith(("Snapshot", "Membership", "ChangesBeyond"))]
OF_DESTINATION = {"destination": ADOBE}
OF_AUDIENCE = {"destination": ADOBE, "audience": AUDIENCE}


def own(telemetry: PrometheusTelemetry, *, expires: float = 30 * DAY, age: float = 0) -> None:
    """An owner in good health; the newest snapshot is `age` seconds old and then has `expires`."""
    facts = telemetry.snapshot
    facts.ownership(destination=ADOBE, owned=True)
    facts.snapshot_state(destination=ADOBE, audience=AUDIENCE, state="ended")
    facts.budget(destination=ADOBE, used=12, limit=90)
    facts.newest_snapshot(destination=ADOBE, audience=AUDIENCE, at_s=-age)
    facts.expiry(destination=ADOBE, audience=AUDIENCE, at_s=expires)
    facts.changes_overdue(destination=ADOBE, audience=AUDIENCE, seconds=0)
    facts.pass_overdue(destination=ADOBE, seconds=0)
    facts.transaction_open(destination=ADOBE, seconds=0)


def owned_fleet(rule: str) -> tuple[Fleet, PrometheusTelemetry]:
    """Two processes, of which `a` is the owner; `b` shows that it is not."""
    fleet = Fleet(rule)
    owner = fleet.start("a")
    fleet.start("b")
    own(owner)
    return fleet, owner


@pytest.mark.parametrize("rule", RULES)
def test_nothing_fires_while_the_owner_is_in_good_health(rule: str) -> None:
    fleet, _ = owned_fleet(rule)

    fleet.pass_minutes(90)

    assert fleet.firing() == []


def test_a_destination_whose_owner_gave_it_up_to_nobody_is_a_page() -> None:
    fleet, owner = owned_fleet("SnapshotOwnerMissing")
    fleet.pass_minutes(5)

    owner.snapshot.ownership(destination=ADOBE, owned=False)
    fleet.pass_minutes(16)

    assert fleet.firing() == [OF_DESTINATION]


def test_a_destination_that_nobody_ever_owned_is_a_page() -> None:
    fleet = Fleet("SnapshotOwnerMissing")
    fleet.start("a")

    fleet.pass_minutes(11)

    assert fleet.firing() == [OF_DESTINATION]


def test_an_owner_that_restarts_or_hands_over_within_minutes_is_no_page() -> None:
    fleet, owner = owned_fleet("SnapshotOwnerMissing")
    fleet.pass_minutes(5)
    owner.snapshot.ownership(destination=ADOBE, owned=False)
    fleet.pass_minutes(4)

    own(fleet.processes["b"])
    fleet.pass_minutes(20)

    assert fleet.firing() == []


@pytest.mark.parametrize(
    ("rule", "labels"),
    [("SnapshotOverdue", OF_AUDIENCE), ("MembershipPassOverdue", OF_DESTINATION)],
)
def test_what_is_late_is_a_page_that_ends_when_it_is_done(
    rule: str, labels: dict[str, str]
) -> None:
    fleet, owner = owned_fleet(rule)
    for minute in range(40):
        owner.snapshot.changes_overdue(destination=ADOBE, audience=AUDIENCE, seconds=60 * minute)
        owner.snapshot.pass_overdue(destination=ADOBE, seconds=60 * minute)
        fleet.pass_minutes(1)
    assert fleet.firing() == [labels]

    own(owner)
    fleet.pass_minutes(16)

    assert fleet.firing() == []


@pytest.mark.parametrize(("seconds", "fires"), [(900, False), (1500, True)])
def test_a_transaction_is_a_page_once_it_is_older_than_any_may_be(
    seconds: float, *, fires: bool
) -> None:
    fleet, owner = owned_fleet("MembershipTransactionOpen")
    owner.snapshot.transaction_open(destination=ADOBE, seconds=seconds)
    fleet.pass_minutes(10)
    assert fleet.firing() == ([OF_DESTINATION] if fires else [])

    own(owner)
    fleet.pass_minutes(16)

    assert fleet.firing() == []


@pytest.mark.parametrize("rule", ["SnapshotOverdue", "MembershipPassOverdue"])
def test_a_late_page_outlives_the_restart_of_the_owner(rule: str) -> None:
    fleet, owner = owned_fleet(rule)
    owner.snapshot.changes_overdue(destination=ADOBE, audience=AUDIENCE, seconds=60)
    owner.snapshot.pass_overdue(destination=ADOBE, seconds=60)
    fleet.pass_minutes(40)

    fleet.stop("a")
    fleet.pass_minutes(6)

    assert len(fleet.firing()) == 1


@pytest.mark.parametrize(
    ("rule", "lifetime_days", "left_days", "fires"),
    [
        ("SnapshotExpiresSoon", 30, 9, False),  # 30 % are left: the next run is due only now
        ("SnapshotExpiresSoon", 30, 5.5, True),
        ("SnapshotExpiresSoon", 90, 8, False),
        ("SnapshotExpiresSoon", 90, 6.5, True),
        ("SnapshotExpiresSoon", 7, 2, False),  # less than seven days, and still in good time
        ("SnapshotExpiresSoon", 7, 1, True),
        ("SnapshotExpires", 30, 2, False),
        ("SnapshotExpires", 30, 0.9, True),
        ("SnapshotExpires", 1, 0.3, False),
        ("SnapshotExpires", 1, 0.05, True),
        ("SnapshotExpires", 30, -1, True),  # over, and nobody has mended it
    ],
)
def test_members_who_are_about_to_leave_by_themselves_are_noticed_in_time(
    rule: str, lifetime_days: float, left_days: float, *, fires: bool
) -> None:
    fleet, owner = owned_fleet(rule)
    own(owner, expires=left_days * DAY, age=(lifetime_days - left_days) * DAY)

    fleet.pass_minutes(15)

    assert bool(fleet.firing()) is fires


@pytest.mark.parametrize("rule", ["SnapshotExpiresSoon", "SnapshotExpires"])
def test_a_good_run_ends_the_fear_of_expiry_at_once(rule: str) -> None:
    fleet, owner = owned_fleet(rule)
    own(owner, expires=0.5 * DAY, age=29.5 * DAY)
    fleet.pass_minutes(15)

    own(owner)
    fleet.pass_minutes(11)

    assert fleet.firing() == []


@pytest.mark.parametrize("end", ["failed", "partly_applied", "unknown", "burnt"])
def test_the_first_run_that_does_not_end_well_is_noticed(end: RunEnd) -> None:
    fleet, owner = owned_fleet("SnapshotRunFailed")
    fleet.pass_minutes(2)

    owner.snapshot.run_ended(destination=ADOBE, end=end)
    fleet.tick()

    assert fleet.firing() == [{**OF_DESTINATION, "end": end}]


def test_runs_that_end_well_are_not_reported() -> None:
    fleet, owner = owned_fleet("SnapshotRunFailed")
    fleet.pass_minutes(2)

    owner.snapshot.run_ended(destination=ADOBE, end="applied")
    fleet.tick()

    assert fleet.firing() == []


@pytest.mark.parametrize(
    ("rule", "state"), [("SnapshotHeld", "held"), ("SnapshotBlocked", "blocked")]
)
def test_a_snapshot_that_waits_for_a_person_is_noticed_until_it_goes_on(
    rule: str, state: SnapshotState
) -> None:
    fleet, owner = owned_fleet(rule)
    owner.snapshot.snapshot_state(destination=ADOBE, audience=AUDIENCE, state=state)
    fleet.pass_minutes(6)
    assert fleet.firing() == [OF_AUDIENCE]

    owner.snapshot.snapshot_state(destination=ADOBE, audience=AUDIENCE, state="reading")
    fleet.pass_minutes(11)

    assert fleet.firing() == []


@pytest.mark.parametrize(("used", "fires"), [(80, False), (81, True), (90, True)])
def test_a_budget_of_which_a_tenth_is_left_is_noticed(used: int, *, fires: bool) -> None:
    fleet, owner = owned_fleet("SnapshotBudgetNearlyUsed")
    owner.snapshot.budget(destination=ADOBE, used=used, limit=90)

    fleet.pass_minutes(65)

    assert bool(fleet.firing()) is fires


def test_the_first_change_beyond_the_horizon_is_noticed() -> None:
    fleet, owner = owned_fleet("ChangesBeyondHorizon")
    fleet.pass_minutes(2)

    owner.snapshot.beyond_horizon(destination=ADOBE, audience=AUDIENCE, count=1)
    fleet.tick()

    assert fleet.firing() == [OF_AUDIENCE]
