"""Nothing that stands in the topics of snapshots makes a decoder raise anything but its own."""

import contextlib

import orjson
from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.member_floor import decode_floor, decode_tombstone
from pipeline.domain.member_record import decode_layout, decode_member
from pipeline.stages.snapshot.members_trouble import Bounds, decode_begins, encode_begins
from pipeline.stages.snapshot.operator_requests import decode_request
from pipeline.stages.snapshot.run_records import (
    AudienceState,
    RunRecord,
    SnapshotFile,
    UnreadableState,
    decode_run,
    decode_state,
    encode_run,
    encode_state,
)

NUMBERS = st.sampled_from([0, -1, 1, 2**63, 10**30, 1.5])
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(max_size=8) | st.sampled_from(["ended", "+"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
    ),
    max_leaves=8,
)
FILE = SnapshotFile(
    n=1,
    path="vip/1.csv",
    size=1,
    sha256="",
    etag=None,
    modified_s=1.0,
    made_ms=1,
    members=1,
    rows=1,
    ends={3: 4},
)


def changed(written: bytes) -> st.SearchStrategy[bytes]:
    """
    What was written, with some of its values replaced, or some of its bytes.
    """
    said = orjson.loads(written)
    names = st.sampled_from(sorted(said))
    replaced = st.dictionaries(names, VALUES, min_size=1, max_size=3).map(
        lambda other: orjson.dumps({**said, **{k: _small(v) for k, v in other.items()}})
    )
    cut = st.integers(0, len(written)).map(lambda end: written[:end])
    return replaced | cut | st.binary(max_size=40) | VALUES.map(lambda v: orjson.dumps(_small(v)))


def _small(value: object) -> object:
    """
    The writer takes no integers of more than 64 bits; as text they stand in a message all the same.
    """
    if isinstance(value, int) and abs(value) >= 2**63:
        return str(value)
    if isinstance(value, list):
        return [_small(one) for one in value]
    if isinstance(value, dict):
        return {key: _small(one) for key, one in value.items()}
    return value


@given(changed(encode_state(AudienceState(state="uploaded", n=1, file=FILE))))
def test_a_state_is_one_or_is_refused(value: bytes) -> None:
    """
    An owner that cannot read a state says so, and guesses nothing.
    """
    with contextlib.suppress(UnreadableState):
        assert isinstance(decode_state(value), AudienceState)


@given(
    changed(
        encode_run(
            RunRecord(
                audience="a",
                n=1,
                window={"start_s": 1, "end_s": 7},  # type: ignore[arg-type]
                intended_ms=1,
                is_charged=True,
                rows=1,
                members=1,
                size=1,
            )
        )
    )
)
def test_a_run_is_one_or_is_refused(value: bytes) -> None:
    """
    The same for what a run cost and how it ended.
    """
    with contextlib.suppress(UnreadableState):
        assert isinstance(decode_run(value), RunRecord)


@given(st.binary(max_size=60) | VALUES.map(lambda value: orjson.dumps(_small(value))))
def test_every_other_record_becomes_a_value(value: bytes) -> None:
    """
    Whatever somebody else wrote there.
    """
    decode_request(value, 7)
    decode_floor(value)
    decode_layout(value)
    decode_member(value)
    decode_tombstone([("t", value), ("p", value)])


@given(
    changed(encode_begins([Bounds(0, 7), Bounds(5, 9)]))
    | st.dictionaries(st.text("0123456789٣²-", max_size=6) | st.just("9" * 5000), VALUES).map(
        lambda begins: orjson.dumps({"v": 1, "begins": _small(begins)})
    )
)
def test_the_confirmed_beginnings_are_some_or_nothing_is_accepted(value: bytes) -> None:
    """
    A beginning that is none would let a topic that lost records look whole.
    """
    begins = decode_begins(value)

    assert all(0 <= number < 10**5 and begin > 0 for number, begin in begins.items())
