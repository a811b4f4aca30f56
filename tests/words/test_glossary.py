"""The glossary explains every word that a newcomer meets."""

import re
from typing import get_args

import pytest

from pipeline.domain.message import StageName
from pipeline.telemetry.facts import LaneState, Milestone
from tests.words.search import ROOT

GLOSSARY = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
ROWS = dict(re.findall(r"^\| ([^|]+) \| ([^|]+) \|$", GLOSSARY, re.MULTILINE))
WORDS = {word.strip() for words in ROWS for word in words.split(",")}

OURS = [
    *("upstream", "event", "change", "message", "record", "queued record", "outgoing record"),
    *("partner", "destination", "lane", "worker", "lease", "drain", "paused audience"),
    *("pause request", "offset tracker", "offset ranges", "offset resolver", "token bucket"),
    *("cap limiter", "reservation", "request limiter", "transactional writer", "bisector"),
    *("poison body", "not sent", "in doubt", "cause", "job", "job message", "outcome"),
    *("progress", "watchdog", "overhead", "client options", "member", "cap", "stage"),
]
SNAPSHOTS = [
    *("snapshot", "membership", "member record", "winner", "pass", "healing", "floor", "run"),
    *("layout record", "file window", "budget", "held", "expiry", "canary", "storage"),
]
KAFKAS = [
    *("commit", "lag", "fenced", "rebalance", "in flight", "retry", "backoff", "token bucket"),
    *("dead letter", "replay", "topic", "partition", "offset", "consumer group", "generation"),
]
ENDS = ["superseded", "accepted", "applied", "invalid", "failed", "unknown", "withheld", "ignored"]
SHOWN = [state.replace("_", " ") for state in get_args(LaneState)]


@pytest.mark.parametrize("word", [*OURS, *SNAPSHOTS, *KAFKAS, *ENDS, *SHOWN])
def test_every_word_is_explained(word: str) -> None:
    assert word in WORDS


@pytest.mark.parametrize("word", sorted(ROWS.keys() - {"word"}))
def test_an_explanation_is_a_sentence(word: str) -> None:
    meaning = ROWS[word]

    assert meaning[0].isupper()
    assert meaning.endswith(".")
    assert len(meaning.split()) >= 4


def test_no_word_is_explained_twice() -> None:
    explained = re.findall(r"^\| ([^|]+) \|", GLOSSARY, re.MULTILINE)
    words = [word for word in explained if word not in {"word", "---"}]

    assert sorted(words) == sorted(set(words))


def test_stages_and_milestones_are_words_that_the_glossary_uses() -> None:
    said = GLOSSARY.lower()

    assert [one for one in (*get_args(StageName), *get_args(Milestone)) if one not in said] == []
