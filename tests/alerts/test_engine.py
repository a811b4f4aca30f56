"""The evaluation that the alerts are tested with gives what a Prometheus server gives."""

import math

import pytest

from tests.alerts.engine import evaluate
from tests.alerts.samples import Samples

NOW = 600.0


def scraped() -> Samples:
    """Ten minutes of two processes; `a` restarts after five, `b` is gone after nine."""
    samples = Samples()
    for step in range(11):
        time = 60.0 * step
        count = float(step if step <= 5 else step - 5)
        samples.scrape(time, "a", {("jobs", 'lane="x"'): count, ("size", 'lane="x"'): 7.0})
        samples.scrape(time, "b", {} if step == 10 else {("jobs", 'lane="y"'): 3.0})
    return samples


@pytest.mark.parametrize(
    ("expression", "values"),
    [
        ("sum(jobs)", [5.0]),  # what is gone is no longer counted
        ("sum by (lane) (increase(jobs[10m]))", [9.0, 0.0]),  # a restart is no step down
        ("sum(rate(jobs[5m]))", [4.0 / 300 + 0.0]),
        ("max_over_time(jobs[2m])", [5.0, 3.0]),  # a range has what is gone
        ("sum(jobs offset 5m)", [5.0 + 3.0]),
        ("jobs > 4", [5.0]),
        ("jobs > 5", []),
        ("2 * jobs", [10.0]),
        ("1 + 2 * jobs", [11.0]),
        ("jobs / size", [5.0 / 7.0]),
        ("size / (jobs - 5)", [math.inf]),
        ("jobs or size", [5.0]),  # the same labels: the left side alone
        ("jobs unless size", []),
        ('jobs{lane=~"x|z"} and size', [5.0]),
        ('jobs{lane!="x"}', []),
        ("jobs unless jobs offset 10m", []),
        ("size > on () group_left () (sum(jobs) or vector(0))", [7.0]),
        ("absent(nothing)", [1.0]),
        ("absent(jobs)", []),
        ("count by (lane) (size == 7) > 0", [1.0]),
        ("sum(nothing) or vector(0)", [0.0]),
        ("up == 0", [0.0]),
        ("time() - jobs", [NOW - 5.0]),
        ("jobs - time() < 2 * (size - jobs)", [5.0 - NOW]),
    ],
)
def test_an_expression_gives_what_the_server_gives(expression: str, values: list[float]) -> None:
    found = [sample.value for sample in evaluate(expression, scraped(), NOW)]

    assert found == pytest.approx(values)


def test_a_label_is_made_from_another_where_the_pattern_matches() -> None:
    [sample] = evaluate('label_replace(size, "to", "$1!", "lane", "(.)")', scraped(), NOW)

    assert sample.labels["to"] == "x!"
