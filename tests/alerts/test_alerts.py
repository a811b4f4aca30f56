"""Each alert fires for what it is for, stays silent otherwise, and outlives a restart."""

from collections.abc import Callable

import pytest

from pipeline.telemetry.facts import LaneState
from pipeline.telemetry.prometheus import PrometheusTelemetry
from tests.alerts.world import ADOBE, LANE, SOURCE, TOPIC, Fleet, rules

LANE_LABEL = {"connection": "one"}


def work(telemetry: PrometheusTelemetry, *, events: int = 1000, withheld: int = 0) -> None:
    """Half a minute of a process in good health."""
    for stage in ("ingest", "upload", "poll"):
        telemetry.kafka.partitions_assigned(stage=stage, count=6)
    telemetry.ingest.events_consumed(source=SOURCE, count=events)
    prepared = events - withheld
    telemetry.ingest.changes_withheld(
        destination="amazon-na", reason="consent_denied", count=withheld
    )
    telemetry.ingest.records_prepared(lane=LANE, count=prepared)
    telemetry.lanes.lane_state(lane=LANE, state="running")
    telemetry.upload.records_accepted(lane=LANE, action="add", count=prepared)
    telemetry.lanes.cap_used(lane=LANE, window_records=prepared * 120, limit=15_000_000)
    telemetry.poll.records_applied(lane=LANE, count=prepared)
    telemetry.kafka.consumer_lag(topic=TOPIC, partition=0, records=40)
    telemetry.kafka.consumer_lag(topic=SOURCE, partition=0, records=3)
    telemetry.snapshot.ownership(destination=ADOBE, owned=True)


def pass_working(fleet: Fleet, name: str, minutes: float, **what: int) -> None:
    for _ in range(int(minutes * 2)):
        work(fleet.processes[name], **what)
        fleet.tick()


@pytest.mark.parametrize("rule", rules())
def test_nothing_fires_in_good_health(rule: str) -> None:
    fleet = Fleet(rule)
    fleet.start("a")

    pass_working(fleet, "a", 70)

    assert fleet.firing() == []


def test_everything_withheld_from_the_first_day_is_noticed() -> None:
    fleet = Fleet("WithheldSpike")
    fleet.start("a")

    pass_working(fleet, "a", 70, withheld=1000)

    assert fleet.firing() == [{"destination": "amazon-na"}]


def test_twice_the_usual_share_withheld_is_noticed_and_the_usual_share_is_not() -> None:
    fleet = Fleet("WithheldSpike")
    fleet.start("a")

    pass_working(fleet, "a", 300, withheld=200)
    assert fleet.firing() == []
    pass_working(fleet, "a", 90, withheld=700)

    assert fleet.firing() == [{"destination": "amazon-na"}]


def test_a_fleet_in_which_nobody_serves_lanes_raises_an_alert() -> None:
    """
    Two processes with ingest alone both report what waits; it counts once.
    """
    stages, lag = Fleet("StageNotRunning"), Fleet("NotProgressing")
    for fleet in (stages, lag):
        for name in ("a", "b"):
            telemetry = fleet.start(name)
            telemetry.kafka.partitions_assigned(stage="ingest", count=3)
            telemetry.kafka.partitions_assigned(stage="poll", count=3)
            telemetry.kafka.consumer_lag(topic=TOPIC, partition=0, records=1_204)
        fleet.pass_minutes(12)

    assert stages.firing() == [{"stage": "upload"}]
    assert lag.firing() == [LANE_LABEL]
    assert lag.value() == 1_204


def test_a_process_that_the_brokers_do_not_answer_is_named_and_a_short_outage_is_not() -> None:
    """
    Its lag and its partitions stay what they were, so that nothing else would fire.
    """
    fleet = Fleet("BrokersAway")
    fleet.start("a")
    fleet.start("b")
    fleet.processes["a"].kafka.brokers_away(is_away=True)
    fleet.pass_minutes(4)
    assert fleet.firing() == []

    fleet.pass_minutes(2)
    assert fleet.firing() == [{"instance": "a"}]

    fleet.processes["a"].kafka.brokers_away(is_away=False)
    fleet.pass_minutes(11)

    assert fleet.firing() == []


def states(fleet: Fleet, name: str, state: LaneState) -> None:
    fleet.processes[name].lanes.lane_state(lane=LANE, state=state)


def test_a_blocked_lane_is_a_page_that_a_restart_does_not_end() -> None:
    fleet = Fleet("LaneBlocked")
    fleet.start("a")
    states(fleet, "a", "blocked")
    fleet.pass_minutes(3)
    assert fleet.firing() == [LANE_LABEL]

    fleet.stop("a")
    fleet.pass_minutes(1)
    fleet.start("a")
    states(fleet, "a", "taking_over")
    fleet.pass_minutes(1)

    assert fleet.firing() == [LANE_LABEL]


def test_a_lane_that_is_mended_is_no_page_any_more() -> None:
    fleet = Fleet("LaneBlocked")
    fleet.start("a")
    states(fleet, "a", "blocked")
    fleet.pass_minutes(3)

    states(fleet, "a", "running")
    fleet.pass_minutes(6)

    assert fleet.firing() == []


LOST: dict[str, Callable[[PrometheusTelemetry], None]] = {
    "OffsetsLost": lambda t: t.kafka.offsets_lost(topic=SOURCE, partition=3, records=5),
    "JobsWhollyInvalid": lambda t: t.poll.job_wholly_invalid(lane=LANE, audience_id="of old"),
}


@pytest.mark.parametrize("rule", LOST)
def test_a_failure_before_the_first_scrape_is_noticed_and_outlives_the_process(rule: str) -> None:
    """
    Its series begins with it, so there is no step for `increase` to see; and the process that
    counted it is replaced by one of another name.
    """
    fleet = Fleet(rule)
    LOST[rule](fleet.start("a"))
    fleet.pass_minutes(1)
    assert len(fleet.firing()) == 1

    fleet.stop("a")
    fleet.start("b")
    fleet.pass_minutes(30)
    assert len(fleet.firing()) == 1
    fleet.pass_minutes(40)

    assert fleet.firing() == []


@pytest.mark.parametrize("rule", ["OffsetsLost", "JobsWhollyInvalid", "JobsUnknown"])
def test_the_first_failure_of_a_counter_that_began_at_zero_is_noticed(rule: str) -> None:
    fleet = Fleet(rule)
    telemetry = fleet.start("a")
    fleet.pass_minutes(5)

    telemetry.kafka.offsets_lost(topic=TOPIC, partition=0, records=1)
    telemetry.poll.job_wholly_invalid(lane=LANE, audience_id="347891")
    telemetry.poll.records_unknown(lane=LANE, count=1)
    fleet.tick()

    assert len(fleet.firing()) == 1


def test_a_partition_that_stays_unreadable_is_a_page_and_a_moving_leader_is_none() -> None:
    fleet = Fleet("PartitionUnreadable")
    telemetry = fleet.start("a")
    fleet.pass_minutes(1)

    def fail() -> None:
        telemetry.kafka.fetch_failed(topic=TOPIC, partition=0, reason="CorruptRecordException")
        fleet.tick()

    for _ in range(3):
        fail()
    fleet.pass_minutes(10)
    assert fleet.firing() == []
    for _ in range(14):
        fail()

    assert fleet.firing() == [{"topic": TOPIC, "partition": "0", "error": "CorruptRecordException"}]


def test_a_cap_that_was_reached_stays_a_page_for_an_hour() -> None:
    fleet = Fleet("CapExceeded")
    telemetry = fleet.start("a")
    telemetry.lanes.cap_used(lane=LANE, window_records=15_000_000, limit=15_000_000)
    fleet.tick()

    fleet.start("a")
    fleet.pass_minutes(30)

    assert fleet.firing() == [LANE_LABEL]


@pytest.mark.parametrize(("used", "fires"), [(14_940_000, False), (14_990_000, True)])
def test_a_lane_closer_to_its_cap_than_its_rate_allows_is_a_risk(used: int, *, fires: bool) -> None:
    fleet = Fleet("CapAtRisk")
    telemetry = fleet.start("a")
    telemetry.lanes.cap_used(lane=LANE, window_records=used, limit=15_000_000)

    fleet.pass_minutes(2)

    assert bool(fleet.firing()) is fires


def test_two_owners_of_one_lane_are_a_risk() -> None:
    fleet = Fleet("CapAtRisk")
    for name in ("a", "b"):
        fleet.start(name)
        states(fleet, name, "running")

    fleet.pass_minutes(2)

    assert fleet.firing() == [LANE_LABEL]


@pytest.mark.parametrize(("letters", "fires"), [(5, False), (40, True)])
def test_more_than_one_dead_letter_in_a_hundred_is_noticed(letters: int, *, fires: bool) -> None:
    fleet = Fleet("DeadLettersRising")
    telemetry = fleet.start("a")

    for _ in range(70):
        work(telemetry, events=1000)
        telemetry.dead_letters.dead_letters_written(
            stage="ingest", reason="malformed", count=letters
        )
        fleet.tick()

    assert bool(fleet.firing()) is fires


def test_a_topic_that_grows_for_hours_is_noticed() -> None:
    fleet = Fleet("ConsumerLagGrowing")
    telemetry = fleet.start("a")

    for step in range(300):
        telemetry.kafka.consumer_lag(topic=TOPIC, partition=0, records=2_000 * step)
        fleet.tick()

    assert fleet.firing() == [{"topic": TOPIC}]


def test_a_registry_that_stays_away_is_a_page_and_one_that_comes_back_soon_is_none() -> None:
    fleet = Fleet("SchemaRegistryAway")
    telemetry = fleet.start("a")
    fleet.start("b")
    telemetry.ingest.registry_waited_for(source=SOURCE, is_away=True)
    fleet.pass_minutes(5)
    telemetry.ingest.registry_waited_for(source=SOURCE, is_away=False)
    fleet.pass_minutes(20)
    assert fleet.firing() == []

    telemetry.ingest.registry_waited_for(source=SOURCE, is_away=True)
    fleet.pass_minutes(11)

    assert fleet.firing() == [{"source": SOURCE}]


def test_jobs_of_another_version_are_a_ticket_after_a_rollout_has_had_its_time() -> None:
    fleet = Fleet("JobsOfOtherVersions")
    for name, count in (("a", 2), ("b", 3)):
        fleet.start(name).poll.jobs_of_other_versions(count)
    fleet.pass_minutes(20)
    assert fleet.firing() == []

    fleet.pass_minutes(11)
    assert len(fleet.firing()) == 1
    assert fleet.value() == 5

    for telemetry in fleet.processes.values():
        telemetry.poll.jobs_of_other_versions(0)
    fleet.pass_minutes(6)

    assert fleet.firing() == []


def test_a_process_that_does_not_answer_is_named() -> None:
    fleet = Fleet("Down")
    fleet.start("a")
    fleet.start("b")
    fleet.pass_minutes(1)

    fleet.is_deaf.add("b")
    fleet.pass_minutes(3)

    assert [labels["instance"] for labels in fleet.firing()] == ["b"]
