"""Messages as the platforms write them, and what each is: every trap that we know of is here."""

from pathlib import Path

import pytest

from pipeline.configuration.offline import load_offline
from pipeline.operations.sources.example_values import schemas_in
from pipeline.operations.sources.testing import Tried, run_examples

NOW_MS = 1_800_000_000_000
CORPUS = Path(__file__).parent / "corpus"


def _tried() -> list[Tried]:
    settings = load_offline(CORPUS / "pipeline.yaml", {})
    report = run_examples(
        settings, sorted(CORPUS.glob("*.json")), schemas_in(CORPUS / "schemas"), now_ms=NOW_MS
    )
    return list(report.tried)


TRIED = _tried()


@pytest.mark.parametrize(
    "tried", TRIED, ids=[f"{one.example.topic}: {one.example.name}" for one in TRIED]
)
def test_a_message_of_the_corpus_is_read_as_expected(tried: Tried) -> None:
    assert [difference.line() for difference in tried.differences] == []


def test_every_configuration_of_the_corpus_has_an_add_a_remove_and_what_is_neither() -> None:
    topics = {source.topic for source in load_offline(CORPUS / "pipeline.yaml", {}).sources}
    said: dict[str, set[str]] = {topic: set() for topic in topics}
    for one in TRIED:
        actions = {change["action"] for change in one.verdict.changes}
        said[one.example.topic] |= actions or {"neither"}

    assert {topic for topic, kinds in said.items() if "neither" not in kinds} == set()
    assert {topic for topic, kinds in said.items() if not kinds & {"add", "remove"}} == set()
