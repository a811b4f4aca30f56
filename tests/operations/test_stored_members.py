"""What is stored of an audience, and that nothing of it is left once each key has a tombstone."""

from collections.abc import Iterator
from dataclasses import dataclass

from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.domain.member_floor import (
    Floor,
    Forgotten,
    encode_floor,
    floor_key,
    tombstone_headers,
)
from pipeline.domain.member_record import Place, encode_member, member_key, partition_of
from pipeline.domain.message import Headers
from pipeline.operations.members import MemberStatements
from pipeline.operations.stored_members import BUCKETS, StoredKeys
from tests.fakes.member_topic import (
    DAY_MS,
    NOW_MS,
    TOPIC,
    VIP,
    MemoryMemberTopic,
    a_pass,
    add,
    identities,
    laid_out,
    remove,
)
from tests.fakes.virtual_loop import run_virtual

OTHER = member_key("a-10", "u-1")
WORDS = ("add", "remove", "forgotten", "tombstone", "nonsense", "version 9", "floor")
FLOOR = encode_floor(Floor(NOW_MS + DAY_MS, 0))
Said = list[tuple[str, int, int]]
"""Words about members by number, and how old they are."""


def stated(said: Said) -> MemoryMemberTopic:
    topic = laid_out()
    topic.append(partition_of(OTHER, partitions=8), OTHER, encode_member(add(identity="other")))
    for word, member, age in said:
        if word == "floor":
            for number in range(topic.partitions):
                topic.append(number, floor_key(VIP.audience), FLOOR)
        else:
            key = member_key(VIP.audience, f"u-{member}")
            value, headers = written(word, member, NOW_MS - age)
            topic.append(partition_of(key, partitions=8), key, value, headers)
    return topic


def written(word: str, member: int, at_ms: int) -> tuple[bytes | None, Headers]:
    match word:
        case "add":
            return encode_member(add(at_ms, identity=f"id-{member}")), ()
        case "remove":
            return encode_member(remove(at_ms)), ()
        case "forgotten":
            return None, tombstone_headers(Forgotten(at_ms, Place("cdp", 0, 0, 0)))
        case "tombstone":
            return None, ()
        case "nonsense":
            return b"nonsense", ()
        case _:
            return b'{"v":9}', ()


@dataclass(frozen=True, slots=True)
class Placed:
    """A message and where it stands."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Headers
    timestamp: int
    topic: str = TOPIC


def placed(topic: MemoryMemberTopic) -> Iterator[Placed]:
    for partition, log in topic.logs.items():
        for one in log:
            yield Placed(partition, one.offset, one.key, one.value, one.headers, one.timestamp)


def stored_in(topic: MemoryMemberTopic, most: int = 1000) -> Iterator[tuple[int, bytes]]:
    """
    Every key that is stored of the audience, with its partition, in as many readings as it takes.
    """
    first = 0
    while first < BUCKETS:
        keys = StoredKeys(VIP.audience, most=most, first=first)
        for record in placed(topic):
            keys.take(record)
        yield from keys.stored()
        first = keys.past


def retired(topic: MemoryMemberTopic, most: int = 1000) -> MemoryMemberTopic:
    for partition, key in list(stored_in(topic, most)):
        topic.append(partition, key, None)
    return topic


statements = st.lists(
    st.tuples(st.sampled_from(WORDS), st.integers(0, 3), st.integers(0, 3)), max_size=12
)


@given(statements, st.integers(1, 5))
@example([("add", 0, 0), ("forgotten", 0, 3)], 1)
@example([("add", 0, 0), ("floor", 0, 0)], 1)
def test_nothing_is_left_of_an_audience_and_another_stays_as_it_was(said: Said, most: int) -> None:
    """
    Whatever was written of it, also what nobody can read and what is half forgotten.
    """
    before = stated(said)
    others = [one for log in before.logs.values() for one in log if one.key == OTHER]

    topic = retired(before, most)

    assert list(stored_in(topic)) == []
    assert [one for log in topic.logs.values() for one in log if one.key == OTHER] == others
    topic.compact(topic.ends_now())
    keys = {one.key for log in topic.logs.values() for one in log}
    assert keys == {b"!", OTHER}


@given(statements)
@example([("floor", 0, 0)])
@example([("add", 0, 0), ("forgotten", 0, 3)])
def test_an_audience_that_comes_back_has_whoever_is_stated_then_and_nobody_else(
    said: Said,
) -> None:
    """
    Before Kafka has deleted anything, and however old the statement: what was forgotten is, too.
    """
    topic = retired(stated([one for one in said if one[0] != "version 9"]))
    key = member_key(VIP.audience, "u-9")
    partition = partition_of(key, partitions=8)
    topic.append(partition, key, encode_member(add(NOW_MS - 2 * DAY_MS, identity="id-9")))
    shown = MemberStatements(key, floor_key(VIP.audience))
    for record in topic.logs[partition]:
        shown.take(record)

    rows = run_virtual(rows_of(topic))

    assert rows == ["id-9"]
    assert shown.state() == "member"


async def rows_of(topic: MemoryMemberTopic) -> list[str]:
    return await identities(a_pass(topic))


def test_a_killed_command_that_is_done_again_writes_only_what_is_missing() -> None:
    topic = stated([("add", number, 0) for number in range(40)])
    everything = list(stored_in(topic))
    for partition, key in everything[:25]:
        topic.append(partition, key, None)

    assert set(stored_in(topic)) == set(everything[25:])


def test_at_once_no_more_keys_are_kept_than_the_bound() -> None:
    topic = stated([("add", number, 0) for number in range(500)])
    keys = StoredKeys(VIP.audience, most=10)
    for record in placed(topic):
        keys.take(record)

        assert keys.members <= 10
    assert keys.past < BUCKETS
