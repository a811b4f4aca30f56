"""What is shown of one member is what a pass over all of them finds."""

from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.domain.member_floor import Forgotten, floor_key, tombstone_headers
from pipeline.domain.member_record import Place, encode_member, member_key, partition_of
from pipeline.operations.members import MemberStatements
from tests.fakes.member_topic import (
    NOW_MS,
    VIP,
    MemoryMemberTopic,
    a_pass,
    add,
    identities,
    laid_out,
    remove,
)
from tests.fakes.virtual_loop import run_virtual

KEY = member_key(VIP.audience, "u-1")
PARTITION = partition_of(KEY, partitions=8)
WORDS = ("add", "remove", "forgotten", "bare tombstone", "nonsense")


def stated(said: list[tuple[str, int]]) -> MemoryMemberTopic:
    topic = laid_out()
    for word, age_ms in said:
        at_ms = NOW_MS - age_ms
        forgotten = Forgotten(at_ms, Place("cdp", 0, 0, 0))
        match word:
            case "add":
                topic.append(PARTITION, KEY, encode_member(add(at_ms, identity="id-1")))
            case "remove":
                topic.append(PARTITION, KEY, encode_member(remove(at_ms)))
            case "forgotten":
                topic.append(PARTITION, KEY, None, tombstone_headers(forgotten))
            case "bare tombstone":
                topic.append(PARTITION, KEY, None)
            case _:
                topic.append(PARTITION, KEY, b"nonsense")
    return topic


async def rows_of(topic: MemoryMemberTopic) -> list[str]:
    return await identities(a_pass(topic))


@given(st.lists(st.tuples(st.sampled_from(WORDS), st.integers(0, 3)), max_size=6))
@example([("add", 0), ("bare tombstone", 0)])
def test_a_member_is_shown_as_one_where_a_pass_gives_them_a_row_and_nowhere_else(
    said: list[tuple[str, int]],
) -> None:
    """
    A tombstone that an operator wrote by hand says nothing of what it forgets: all before it.
    """
    topic = stated(said)
    shown = MemberStatements(KEY, floor_key(VIP.audience))
    for record in topic.logs[PARTITION]:
        shown.take(record)

    rows = run_virtual(rows_of(topic))

    assert (shown.state() == "member") == (rows == ["id-1"])
