"""Who gets which topic when members of a group come, go and come back."""

from collections.abc import Mapping
from dataclasses import dataclass

from aiokafka.coordinator.protocol import (
    ConsumerProtocolMemberAssignment,
    ConsumerProtocolMemberMetadata,
)
from hypothesis import given
from hypothesis import strategies as st

from pipeline.kafka.assignor import Owned, WholeTopicAssignor, spread

TOPICS = [f"lane-{number:02}" for number in range(24)]
MEMBERS = ["a", "b", "c", "d", "e"]
NOTHING = Owned(0, ())

topics = st.sets(st.sampled_from(TOPICS))
owners = st.builds(Owned, st.integers(0, 3), st.lists(st.sampled_from(TOPICS)))
groups = st.dictionaries(st.sampled_from(MEMBERS), st.tuples(topics, owners), min_size=1)


@given(groups)
def test_each_topic_has_one_owner_who_subscribes_to_it(
    group: Mapping[str, tuple[set[str], Owned]],
) -> None:
    """
    Whatever members say of what they owned.
    """
    subscribed = {name: wanted for name, (wanted, _) in group.items()}

    plan = spread(subscribed, {name: owned for name, (_, owned) in group.items()})

    given_out = sorted(topic for topics in plan.values() for topic in topics)
    assert given_out == sorted(set[str]().union(*subscribed.values()))
    assert all(plan[name] <= subscribed[name] for name in subscribed)
    assert plan.keys() == subscribed.keys()


@given(groups)
def test_no_member_has_two_more_than_another_who_could_take_one_of_them(
    group: Mapping[str, tuple[set[str], Owned]],
) -> None:
    """
    With mixed subscriptions, too; where all subscribe to the same, they are within one.
    """
    subscribed = {name: wanted for name, (wanted, _) in group.items()}

    plan = spread(subscribed, {name: owned for name, (_, owned) in group.items()})

    for giver in plan:
        for taker in plan:
            if plan[giver] & subscribed[taker]:
                assert len(plan[giver]) <= len(plan[taker]) + 1


@given(
    st.sets(st.sampled_from(TOPICS), min_size=1),
    st.lists(st.sampled_from(MEMBERS), min_size=1, unique=True),
    st.lists(st.sampled_from(MEMBERS), min_size=1, unique=True),
)
def test_only_as_many_topics_move_as_the_balance_needs(
    wanted: set[str], before: list[str], after: list[str]
) -> None:
    """
    Counted against the least that any balanced assignment would move.
    """
    first = spread(dict.fromkeys(before, wanted), {})

    owned = {name: Owned(1, sorted(first[name])) for name in before if name in after}
    second = spread(dict.fromkeys(after, wanted), owned)

    kept = sum(len(second[name] & set(one.topics)) for name, one in owned.items())
    assert kept == _most_that_can_stay([len(one.topics) for one in owned.values()], wanted, after)


def _most_that_can_stay(sizes: list[int], wanted: set[str], after: list[str]) -> int:
    """The fullest members keep the larger shares."""
    share, larger = divmod(len(wanted), len(after))
    shares = [share + 1] * larger + [share] * (len(after) - larger)
    return sum(
        min(size, part) for size, part in zip(sorted(sizes, reverse=True), shares, strict=False)
    )


@given(groups)
def test_the_same_group_twice_moves_nothing(group: Mapping[str, tuple[set[str], Owned]]) -> None:
    subscribed = {name: wanted for name, (wanted, _) in group.items()}
    plan = spread(subscribed, {name: owned for name, (_, owned) in group.items()})

    again = spread(subscribed, {name: Owned(9, sorted(plan[name])) for name in plan})

    assert plan == again


def test_of_a_thousand_lanes_each_of_two_members_keeps_two_thirds_when_a_third_joins() -> None:
    lanes = {f"lane-{number}" for number in range(1000)}
    before = spread({"a": lanes, "b": lanes}, {})

    owned = {name: Owned(1, sorted(topics)) for name, topics in before.items()}
    after = spread({"a": lanes, "b": lanes, "c": lanes}, owned)

    kept = {name: len(after[name] & before[name]) for name in before}
    assert sorted(kept.values()) == [333, 334]
    assert len(after["c"]) in (333, 334)


def test_a_member_that_was_away_does_not_get_back_what_another_has_owned_since() -> None:
    """
    It says what it owned in an older round, before its topics were given away.
    """
    wanted = {"x", "y"}

    plan = spread(
        {"stale": wanted, "owner": wanted},
        {"stale": Owned(3, ("x",)), "owner": Owned(4, ("x",))},
    )

    assert plan == {"owner": {"x"}, "stale": {"y"}}


@dataclass(frozen=True, slots=True)
class Partitions:
    """What the leader of a group knows of the cluster."""

    of: Mapping[str, set[int]]

    def partitions_for_topic(self, topic: str) -> set[int] | None:
        return self.of.get(topic)


class TestOnTheWire:
    """
    As the client encodes it, from one round of assignments to the next.
    """

    def test_a_topic_is_given_with_all_its_partitions_and_stays_with_its_owner(self) -> None:
        cluster = Partitions({"x": {0}, "y": {1, 0}, "z": {0}})
        members = {"a": WholeTopicAssignor(), "b": WholeTopicAssignor()}
        first = _round(members, cluster)
        members["c"] = WholeTopicAssignor()

        second = _round(members, cluster)

        assert {topic: partitions for given in first.values() for topic, partitions in given} == {
            "x": [0],
            "y": [0, 1],
            "z": [0],
        }
        assert all(set(_names(second[name])) <= set(_names(first[name])) for name in first)
        assert all(len(second[name]) == 1 for name in members)

    def test_a_member_that_was_away_does_not_get_back_what_a_new_one_was_given(self) -> None:
        """
        The new one was alone when it came: nobody could tell it of the rounds before.
        """
        cluster, now = Partitions({"x": {0}}), 1000.0
        frozen, fresh = WholeTopicAssignor(lambda: now), WholeTopicAssignor(lambda: now)
        for _ in range(3):
            _round({"frozen": frozen}, cluster)
        now += 30
        _round({"fresh": fresh}, cluster)
        now += 10

        after = _round({"frozen": frozen, "fresh": fresh}, cluster)

        assert (_names(after["frozen"]), _names(after["fresh"])) == ([], ["x"])

    def test_a_topic_that_the_cluster_does_not_know_is_given_to_nobody(self) -> None:
        given = _round({"a": WholeTopicAssignor()}, Partitions({"x": {0}}))

        assert _names(given["a"]) == ["x"]

    def test_what_another_version_says_counts_as_nothing_owned(self) -> None:
        said = [b"", b"[", b"7", b'{"round":"x","owned":[9,-1,"a"]}', b'{"owned":{}}']
        members = {
            f"m{number}": ConsumerProtocolMemberMetadata(0, ["x"], data)
            for number, data in enumerate(said)
        }

        given = WholeTopicAssignor().assign(Partitions({"x": {0}}), members)

        assert sum(len(one.assignment) for one in given.values()) == 1


def _round(
    members: Mapping[str, WholeTopicAssignor], cluster: Partitions
) -> Mapping[str, list[tuple[str, list[int]]]]:
    """All join, one of them assigns, and each hears of it."""
    joined = {
        name: ConsumerProtocolMemberMetadata.decode(member.metadata(["z", "x", "y"]).encode())
        for name, member in members.items()
    }
    leader = next(iter(members.values()))
    given = {
        name: ConsumerProtocolMemberAssignment.decode(one.encode())
        for name, one in leader.assign(cluster, joined).items()
    }
    for name, member in members.items():
        member.on_assignment(given[name])
    return {name: list(one.assignment) for name, one in given.items()}


def _names(given: list[tuple[str, list[int]]]) -> list[str]:
    return [topic for topic, _ in given]
