"""A verdict on kills that finds nothing wrong must be able to find something wrong."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from pipeline.destinations.snapshots import Window
from pipeline.stages.snapshot.run_records import (
    AudienceState,
    Ingested,
    RunRecord,
    SnapshotFile,
)
from tests.chaos.kills_verdict import KillsEvidence, Struck, failures
from tests.chaos.owner_topic import Seen
from tests.chaos.snapshots import FORBIDDEN, SeenRun, SnapshotEvidence
from tests.chaos.strikes import Strike

AUDIENCE = "a-0"
FILE = SnapshotFile(
    n=1,
    path="vip/snapshot-1.csv",
    size=9,
    sha256="",
    etag=None,
    modified_s=102.0,
    members=1,
    rows=1,
    ends={},
    made_ms=0,
)
RUN = RunRecord(
    audience=AUDIENCE,
    n=1,
    window=Window(start_s=100, end_s=104),
    intended_ms=0,
    is_charged=True,
    rows=1,
    members=1,
    size=9,
    end="applied",
)
READING = AudienceState(state="reading")
UPLOADED = AudienceState(state="uploaded", file=FILE)
INTENDED = replace(UPLOADED, state="intended")
ABSENT = replace(INTENDED, absent_lists=1, absent_since_ms=5)
RUNNING = replace(UPLOADED, state="running")
ENDED = replace(UPLOADED, state="ended", ingested=Ingested(n=1, rows=1, ends={}, at_ms=0))


def history(*said: AudienceState | RunRecord | None) -> Sequence[Seen]:
    """From offset 0 on; None is a takeover."""
    return [Seen(offset, "" if one is None else AUDIENCE, one) for offset, one in enumerate(said)]


GOOD = KillsEvidence(
    seed=1,
    seconds=1.0,
    struck=[Struck(strike=Strike(at="running"), is_seen=True)],
    history=history(None, READING, UPLOADED, INTENDED, None, RUNNING, RUN, ENDED),
    windows=[(AUDIENCE, 100, 104)],
    snapshots=SnapshotEvidence(
        held={0: {"ana"}},
        expected={0: {"ana"}},
        runs=[SeenRun(AUDIENCE, 1.0, "good", ["vip/snapshot-1.csv"])],
        violations=dict.fromkeys(FORBIDDEN, 0),
        examples=[],
        largest_day=1,
    ),
    budget=3,
    is_spent=False,
    exits=[("02-snapshot", 0)],
    deserters=[],
    left_behind=[],
    bad_lines=[],
)


def test_what_is_as_promised_passes() -> None:
    assert failures(GOOD) == []


def test_an_owner_may_count_how_often_the_list_had_no_run_of_the_window() -> None:
    twice = replace(ABSENT, absent_lists=2)
    said = [None, READING, UPLOADED, INTENDED, ABSENT, None, twice, RUNNING, RUN, ENDED]

    assert failures(replace(GOOD, history=history(*said))) == []


def _of_partner(**otherwise: object) -> Callable[[], KillsEvidence]:
    return lambda: replace(GOOD, snapshots=replace(GOOD.snapshots, **otherwise))  # type: ignore[arg-type]


def _after(*said: AudienceState | RunRecord | None) -> Callable[[], KillsEvidence]:
    return lambda: replace(GOOD, history=history(*said))


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        pytest.param(
            _of_partner(violations={**dict.fromkeys(FORBIDDEN, 0), "window_twice": 1}),
            "window_twice",
            id="the partner counted a violation",
        ),
        pytest.param(_of_partner(held={0: set()}), "1 identities missing", id="a member is lost"),
        pytest.param(_of_partner(largest_day=4), "budget is 3", id="over the budget"),
        pytest.param(
            lambda: replace(GOOD, is_spent=True), "of a budget", id="a budget that is not used"
        ),
        pytest.param(
            lambda: replace(GOOD, windows=[*GOOD.windows, *GOOD.windows]),
            "run 2 times",
            id="a window that was run twice",
        ),
        pytest.param(
            lambda: replace(GOOD, windows=[(AUDIENCE, 7, 8)]),
            "not paid for",
            id="a run that nobody paid for",
        ),
        pytest.param(
            _after(
                None, READING, UPLOADED, INTENDED, None, UPLOADED, INTENDED, RUNNING, RUN, ENDED
            ),
            "uploaded after intended",
            id="a successor that takes a run back which may have been asked for",
        ),
        pytest.param(
            _after(None, READING, None, UPLOADED, INTENDED, RUNNING, RUN, ENDED),
            "uploaded after reading",
            id="a successor that finishes what another one began",
        ),
        pytest.param(
            _after(None, READING, UPLOADED, INTENDED, None, ABSENT, UPLOADED),
            "uploaded after intended",
            id="a successor that looks at the list before it takes a run back",
        ),
        pytest.param(
            _after(None, READING, UPLOADED, INTENDED, replace(ABSENT, window=RUN.window)),
            "intended after intended",
            id="another window under the same file",
        ),
        pytest.param(
            _after(None, READING, UPLOADED, RUNNING, INTENDED, RUN, ENDED),
            "intended after running",
            id="a step that is in no table",
        ),
        pytest.param(
            _after(None, READING, UPLOADED, INTENDED, RUN, RUNNING),
            "was left running",
            id="a run that nobody followed",
        ),
        pytest.param(
            lambda: replace(GOOD, struck=[Struck(strike=Strike(at="burnt"), is_seen=False)]),
            "burnt never came",
            id="a strike that never was",
        ),
        pytest.param(
            lambda: replace(GOOD, deserters=[("02-snapshot", 1)]),
            "by itself",
            id="a process that ended by itself",
        ),
    ],
)
def test_each_broken_promise_is_named(broken: Callable[[], KillsEvidence], words: str) -> None:
    assert any(words in sentence for sentence in failures(broken()))
