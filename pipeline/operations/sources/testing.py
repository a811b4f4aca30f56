"""Tests a configuration by examples: what comes out of each, and what was expected."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from pipeline.configuration.model import Settings
from pipeline.operations.sources.comparison import Difference, differences
from pipeline.operations.sources.example_files import Example, UnusableExamples, examples_in
from pipeline.operations.sources.example_values import encoded
from pipeline.operations.sources.trial import Trial, TrialMessage, Verdict
from pipeline.settings.problems import suggestion
from pipeline.sources.encodings.schemas import Schema


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """One example, and what came of it."""

    example: Example
    verdict: Verdict
    differences: Sequence[Difference]
    seconds: float

    @property
    def passed(self) -> bool:
        return not self.differences


@dataclass(frozen=True, slots=True)
class Report:
    """All examples, and the sources that none of them is of."""

    tried: Sequence[Tried]
    untested: Sequence[str]
    """Topics."""

    @property
    def failed(self) -> Sequence[Tried]:
        return [one for one in self.tried if not one.passed]


def run_examples(
    settings: Settings,
    paths: Sequence[Path],
    schemas: Mapping[int, Schema] | None = None,
    *,
    now_ms: int,
) -> Report:
    """Run every example of the files; one that has no timestamp is of now.

    Raises:
        UnusableExamples: there is none, or one is unusable.
    """
    examples = examples_in(paths)
    if not examples:
        raise UnusableExamples(f"no example found in {', '.join(map(str, paths))}")
    sources = {source.topic: source for source in settings.sources}
    for example in examples:
        if example.topic not in sources:
            remedy = suggestion(example.topic, tuple(sources))
            raise UnusableExamples(
                f"{example.place()}: topic: no source of this topic: {example.topic!r}; {remedy}"
            )
    trial = Trial(settings, schemas)
    known = schemas or {}
    tried = [
        _tried(trial, one, encoded(one, sources[one.topic], known), now_ms) for one in examples
    ]
    tested = {example.topic for example in examples}
    return Report(tried, [topic for topic in sources if topic not in tested])


def _tried(trial: Trial, example: Example, value: bytes | None, now_ms: int) -> Tried:
    began = monotonic()
    timestamp = now_ms if example.timestamp is None else example.timestamp
    message = TrialMessage(example.key, value, example.headers, timestamp)
    verdict = trial.of(example.topic, message)
    return Tried(
        example=example,
        verdict=verdict,
        differences=differences(example, verdict),
        seconds=monotonic() - began,
    )
