"""Adobe's half of the comparison: silent when every file is as the events imply."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from pipeline.sandbox.adobe_partner import ingested_by
from pipeline.sandbox.adobe_reconciliation import Ingested, adobe_differences, is_level
from pipeline.sandbox.expectation import Audience, Row, Snapshots, Statement, Target
from pipeline.sandbox.traffic import Traffic
from tests.sandbox.adobe_client import csv, digest, partner

AUDIENCES = (
    Audience("vip", (Target("first", 11),), "a-1"),
    Audience("lapsed", (Target("second", 13),), "a-2"),
)
VIOLATIONS = (
    "window_twice",
    "runs_at_once",
    "several_files",
    "bad_file",
    "broken_request",
    "refreshed_credentials",
)


@pytest.fixture(scope="module")
def expected() -> Snapshots:
    upstream = Traffic(AUDIENCES, 60, Random(1), 1_795_000_000_000)
    list(upstream.events(1_500))
    return upstream.expected.snapshots


@pytest.fixture
def held(expected: Snapshots) -> Ingested:
    return Ingested(
        files=expected.files(),
        runs={"SUCCESS": 2, "FAILED": 0, "in_progress": 0},
        largest_day=2,
        violations=dict.fromkeys((*VIOLATIONS, "no_file"), 0),
        faults={},
    )


def found(
    expected: Snapshots, held: Ingested, prepared: int | None = None, *, exactly_once: bool = True
) -> list[str]:
    count = expected.prepared if prepared is None else prepared
    return adobe_differences(expected, held, count, exactly_once=exactly_once)


def changed(held: Ingested, file: Mapping[str, Row]) -> Ingested:
    return replace(held, files={**held.files, "vip": file})


def test_nothing_is_said_where_every_file_is_as_the_events_imply(
    expected: Snapshots, held: Ingested
) -> None:
    assert found(expected, held) == []
    assert is_level(expected, held)
    assert held.members == expected.members > 50


def test_a_member_who_is_missing_one_who_should_be_gone_and_another_row_are_named(
    expected: Snapshots, held: Ingested
) -> None:
    """
    By the beginning of the identity; each makes the audiences differ.
    """
    (first, row), *others = held.files["vip"].items()
    missing = changed(held, dict(others))
    stranger = changed(held, {**held.files["vip"], "f" * 64: ["f" * 64, "gold", "1"]})
    other = changed(held, {**held.files["vip"], first: [*row[:2], "another"]})

    assert found(expected, missing) == [f"vip: 1 members did not reach Adobe: {first[:12]}"]
    assert found(expected, stranger) == [
        "vip: 1 members are at Adobe, and should not be: ffffffffffff"
    ]
    assert found(expected, other) == [
        f"vip: 1 members have another row at Adobe than their newest event says: {first[:12]}"
    ]
    assert not any(is_level(expected, one) for one in (missing, stranger, other))


def test_an_audience_that_adobe_does_not_have_misses_everybody(
    expected: Snapshots, held: Ingested
) -> None:
    only = replace(held, files={"vip": held.files["vip"]})

    [said] = found(expected, only)

    assert said.startswith(f"lapsed: {len(held.files['lapsed'])} members did not reach Adobe: ")


def test_member_records_are_counted_exactly_or_at_least(
    expected: Snapshots, held: Ingested
) -> None:
    """
    A broker without transactions may have some written twice.
    """
    less, more = expected.prepared - 1, expected.prepared + 1

    assert len(found(expected, held, less)) == 1
    assert len(found(expected, held, more)) == 1
    assert len(found(expected, held, less, exactly_once=False)) == 1
    assert found(expected, held, more, exactly_once=False) == []


@pytest.mark.parametrize("violation", VIOLATIONS)
def test_what_a_client_must_never_do_is_a_difference(
    expected: Snapshots, held: Ingested, violation: str
) -> None:
    broken = replace(held, violations={**held.violations, violation: 3})

    [said] = found(expected, broken)

    assert said.startswith("3 ")


@pytest.mark.parametrize("harmless", ["no_file", "asked_after_end"])
def test_a_window_without_a_file_and_a_question_too_many_are_none(
    expected: Snapshots, held: Ingested, harmless: str
) -> None:
    """
    A run that begins late finds its file given up; a list that fails makes the owner ask again.
    """
    assert found(expected, replace(held, violations={**held.violations, harmless: 1})) == []


async def test_what_adobe_took_in_is_told_by_upstream_names(tmp_path: Path) -> None:
    """
    With what became of its runs.
    """
    snapshots = Snapshots()
    for member in ("ana", "bob"):
        row = [digest(member), "gold", "41"]
        snapshots.state("vip-customers", member, Statement(1, row))
    async with partner(tmp_path) as running:
        audience = await running.created()
        await running.ingested(audience, csv("ana", "bob"))
        held = await ingested_by(running.simulator)

    assert held.runs == {"SUCCESS": 1, "FAILED": 0, "in_progress": 0}
    assert found(snapshots, held) == []
