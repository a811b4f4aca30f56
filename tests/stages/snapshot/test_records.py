"""What the owner writes down comes back as it was, and nothing is guessed."""

import orjson
import pytest

from pipeline.destinations.snapshots import Window
from pipeline.stages.snapshot.operator_requests import (
    Approve,
    Start,
    Unreadable,
    decode_request,
    encode_approve,
    encode_start,
)
from pipeline.stages.snapshot.run_records import (
    AudienceState,
    BurntWindow,
    Hold,
    Ingested,
    RunRecord,
    SnapshotFile,
    UnreadableState,
    decode_run,
    decode_state,
    encode_run,
    encode_state,
)

WINDOW = Window(start_s=5, end_s=11)
FULL = AudienceState(
    state="uploaded",
    at_ms=9,
    n=7,
    folders=("f",),
    file=SnapshotFile(
        n=7,
        path="f/7.csv",
        size=12,
        sha256="ab",
        etag="e",
        modified_s=8.25,
        members=3,
        rows=2,
        ends={4: 100, 5: 0},
        made_ms=4,
    ),
    hold=Hold(cause="halved", is_explained=True, since_ms=3),
    window=WINDOW,
    ingested=Ingested(n=2, rows=9, ends={4: 50}, at_ms=1),
    burnt=(BurntWindow(n=3, window=WINDOW, at_ms=2),),
)
RUN = RunRecord(
    audience="id|with|bars",
    n=7,
    window=WINDOW,
    intended_ms=10,
    is_charged=True,
    rows=2,
    members=3,
    size=12,
)


@pytest.mark.parametrize("state", [AudienceState(), FULL])
def test_a_state_comes_back_as_it_was(state: AudienceState) -> None:
    """A successor knows what its predecessor knew."""
    assert state == decode_state(encode_state(state))


def test_a_run_comes_back_as_it_was() -> None:
    """The budget is counted from these after a restart."""
    assert decode_run(encode_run(RUN)) == RUN


def test_a_record_from_before_a_key_was_added_is_read_as_it_was_meant() -> None:
    """A process that is replaced by a newer one leaves such records."""
    state, run = orjson.loads(encode_state(FULL)), orjson.loads(encode_run(RUN))
    for added in ("absent_lists", "absent_since_ms", "folders"):
        state.pop(added, None)
    run.pop("contract")

    assert decode_state(orjson.dumps(state)) == FULL
    assert decode_run(orjson.dumps(run)) == RUN


@pytest.mark.parametrize(
    "value",
    [b"", b"[]", b"{}", b'{"v":2}', b'{"v":1}', b'{"v":1,"state":"happy"}', b'{"v":1,"x":1}'],
)
def test_what_another_version_wrote_is_refused(value: bytes) -> None:
    """A state that is guessed could post a window twice."""
    with pytest.raises(UnreadableState):
        decode_state(value)
    with pytest.raises(UnreadableState):
        decode_run(value)


def test_a_state_whose_parts_are_of_another_kind_is_refused() -> None:
    """It keeps its destination from being served, and says so; nothing else ends by it."""
    said = orjson.loads(encode_state(AudienceState()))

    with pytest.raises(UnreadableState):
        decode_state(orjson.dumps(said | {"file": {"ends": [1]}}))


def test_requests_of_operators_come_back_as_they_were() -> None:
    """The command line writes them and the owner reads them."""
    assert decode_request(encode_start(at_ms=5), 9) == Start(9)
    assert decode_request(encode_approve(7, at_ms=5), 9) == Approve(7)


@pytest.mark.parametrize("value", [b"", b"[]", b'{"v":2,"ask":"start"}', b'{"v":1,"ask":"stop"}'])
def test_a_request_that_is_not_understood_is_none(value: bytes) -> None:
    """Nothing is started on a guess."""
    assert isinstance(decode_request(value, 0), Unreadable)


def test_a_request_to_start_is_done_as_soon_as_a_claim_stands_behind_it() -> None:
    """So it is never done twice, and a newer one is never lost."""
    assert Start(9).is_pending(None)
    assert Start(9).is_pending(8)
    assert not Start(9).is_pending(10)
