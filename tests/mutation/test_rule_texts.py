"""A rule is found where it is said to stand: quick, so that whoever moves code is told at once."""

from pathlib import Path

import pytest

from tests.mutation.rules import RULES, Rule

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("rule", RULES, ids=[rule.name for rule in RULES])
def test_a_rule_stands_once_in_its_file(rule: Rule) -> None:
    assert (ROOT / rule.file).read_text().count(rule.kept) == 1
